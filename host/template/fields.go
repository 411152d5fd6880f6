package template

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// values are the fields of one mode, checked against its spec. Fields that are null or wrong are not in them.
type values struct {
	path string
	spec ModeSpec
	// mode is the node of the mode.
	mode *Node
	of   map[string]*Node
}

func (v values) node(name string) *Node  { return v.of[name] }
func (v values) text(name string) string { return textOf(v.of[name]) }
func (v values) int(name string) int64   { i, _ := intOf(v.of[name]); return i }

// list returns the elements of a list. A value alone is a list of one.
func (v values) list(name string) []*Node {
	n := v.of[name]
	switch {
	case n == nil:
		return nil
	case n.Kind == KindList:
		return n.List
	}
	return []*Node{n}
}

// fields checks a mode's fields. It leaves out those with placeholders, which are reported elsewhere.
func (c *compiler) fields(path string, spec ModeSpec, n *Node) values {
	v := values{path: path, spec: spec, mode: n, of: map[string]*Node{}}
	names := namesOf(spec.Fields)
	for _, f := range n.Fields {
		if !slices.Contains(names, f.Name) {
			c.problem(path+"."+f.Name, f.Value, "is not a field of "+spec.Name, cmp.Or(problem.Near(f.Name, names), orOneOf("", names)))
		}
	}
	for _, f := range spec.Fields {
		where := path + "." + f.Name
		value := n.Get(f.Name)
		if value == nil && f.Required {
			c.problem(where, n, "is missing: "+spec.Name+" needs it", fmt.Sprintf("give it with --mixin %s=VALUE", where))
			continue
		}
		if value == nil && f.Default != nil {
			value = f.Default
		}
		value = normal(value)
		switch {
		case f.Type != TypeModes && len(value.Placeholders()) > 0:
		case !value.IsNull():
			before := len(c.problems)
			if c.check(where, f, value); len(c.problems) == before {
				v.of[f.Name] = value
			}
		case !f.Nullable:
			article := "a "
			if strings.HasPrefix(f.Type, TypeInt) {
				article = "an "
			}
			c.problem(where, value, "is null, where "+article+f.Type+" must be", "")
		}
	}
	return v
}

func namesOf(fields []FieldSpec) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// check reports a value that is not of the field's type.
func (c *compiler) check(path string, f FieldSpec, n *Node) {
	switch f.Type {
	case TypeString, TypePath:
		c.checkString(path, n)
		if text, ok := n.Scalar.(string); ok && f.Choices != nil && !slices.Contains(f.Choices, text) {
			c.problem(path, n, fmt.Sprintf("%s, not %q", problem.OneOf(f.Choices), text), problem.Near(text, f.Choices))
		}
	case TypePaths:
		if n.Kind != KindList {
			c.checkString(path, n)
		}
		for i, e := range n.List {
			c.checkString(fmt.Sprintf("%s.%d", path, i), e)
		}
	case TypeInt:
		c.checkInt(path, n, "an integer")
	case TypeIntOrString:
		if _, ok := intOf(n); ok {
			return
		}
		if _, ok := n.Scalar.(string); !ok {
			c.problem(path, n, "must be an integer or a text, not "+show(n), "")
			return
		}
		c.checkString(path, n)
		if n.Scalar == "" {
			c.problem(path, n, "is empty", "")
		}
	case TypeBool:
		if _, ok := n.Scalar.(bool); !ok {
			c.problem(path, n, "must be true or false, not "+show(n), "")
		}
	case TypeIntOrInts:
		if n.Kind != KindList {
			c.checkInt(path, n, "an integer or a list of integers")
		}
		for i, e := range n.List {
			c.checkInt(fmt.Sprintf("%s.%d", path, i), e, "an integer")
		}
	case TypeStrings:
		text, alone := n.Scalar.(string)
		switch {
		case alone && strings.Contains(text, ","):
			c.problem(path, n, "is one text: "+show(n), fmt.Sprintf("write several as [%s]", text))
		case !alone && n.Kind != KindList:
			c.problem(path, n, "must be a list of texts, not "+show(n), "")
		}
		for i, e := range n.List {
			c.checkString(fmt.Sprintf("%s.%d", path, i), e)
		}
	case TypeStringMap:
		if n.Kind != KindMap {
			what := "FILE_NAME"
			if f.Name == "keys" {
				what = "EXTENSION"
			}
			c.problem(path, n, "must be a map of names, not "+show(n), "write it as {ID: "+what+"}")
			return
		}
		for _, e := range n.Fields {
			c.checkString(path+"."+e.Name, normal(e.Value))
		}
	case TypeStringsMap:
		if n.Kind != KindMap {
			c.problem(path, n, "must be a map of extensions, not "+show(n), "write it as {ID: [EXTENSION, …]}")
			return
		}
		for _, e := range n.Fields {
			c.check(path+"."+e.Name, FieldSpec{Type: TypeStrings}, normal(e.Value))
		}
	case TypeModes:
		if n.Kind != KindList {
			c.problem(path, n, "must be a list of modes, not "+show(n), "write it as [{mode: NAME, …}, …]")
		}
	}
}

func (c *compiler) checkInt(path string, n *Node, what string) {
	if _, ok := intOf(n); !ok {
		c.problem(path, n, "must be "+what+", not "+show(n), "")
	}
}

func (c *compiler) checkString(path string, n *Node) {
	s, ok := n.Scalar.(string)
	switch {
	case !ok:
		hint := ""
		switch n.Scalar.(type) {
		case json.Number, bool:
			hint = fmt.Sprintf(`quote it to make it text: --mixin '%s="%v"'`, path, n.Scalar)
		}
		c.problem(path, n, "must be a text, not "+show(n), hint)
	case strings.Contains(s, "\x00"):
		c.problem(path, n, "has a zero byte, which no file name can have", "")
	}
}

func textOf(n *Node) string {
	if n == nil {
		return ""
	}
	if i, ok := intOf(n); ok {
		return strconv.FormatInt(i, 10)
	}
	s, _ := n.Scalar.(string)
	return s
}

func intOf(n *Node) (int64, bool) {
	if n == nil {
		return 0, false
	}
	number, _ := n.Scalar.(json.Number)
	i, err := strconv.ParseInt(number.String(), 10, 64)
	return i, err == nil
}

// normal turns lists and maps that came as plain values into nodes, and nil into a null node.
func normal(n *Node) *Node {
	if n == nil {
		return &Node{}
	}
	switch v := n.Scalar.(type) {
	case []any:
		list := &Node{Kind: KindList, Origin: n.Origin}
		for _, e := range v {
			list.List = append(list.List, normal(&Node{Scalar: e, Origin: n.Origin}))
		}
		return list
	case map[string]any:
		m := &Node{Kind: KindMap, Origin: n.Origin}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			m.Fields = append(m.Fields, Field{Name: k, Value: normal(&Node{Scalar: v[k], Origin: n.Origin})})
		}
		return m
	}
	return n
}

// show prints a value for a message.
func show(n *Node) string {
	switch n.Kind {
	case KindMode:
		return n.Mode
	case KindPlaceholder:
		return "a placeholder"
	}
	b, err := json.Marshal(n.Plain())
	if err != nil {
		return "what cannot be shown"
	}
	if len(b) > 60 {
		b = append(b[:57:57], "…"...)
	}
	return string(b)
}
