package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// values are the fields of one mode, checked against its spec.
type values struct {
	path string
	spec ModeSpec
	// mode is the node that they are of.
	mode *Node
	of   map[string]*Node
}

func (v values) node(name string) *Node       { return v.of[name] }
func (v values) text(name string) string      { return textOf(v.of[name]) }
func (v values) int(name string) int64        { i, _ := intOf(v.of[name]); return i }
func (v values) strings(name string) []string { s, _, _ := stringsOf(v.of[name]); return s }

// ints takes a number for a list of one.
func (v values) ints(name string) []int64 {
	n := v.of[name]
	if n.Kind != KindList {
		return []int64{v.int(name)}
	}
	var all []int64
	for _, e := range n.List {
		i, _ := intOf(e)
		all = append(all, i)
	}
	return all
}

func (v values) files(name string) []OutputFile {
	var all []OutputFile
	for _, f := range v.of[name].Fields {
		all = append(all, OutputFile{ID: f.Name, Name: textOf(f.Value)})
	}
	return all
}

// fields checks a mode's fields. placeholders says that some are left open, which was reported before.
func (c *compiler) fields(path string, spec ModeSpec, n *Node, placeholders bool) values {
	v := values{path: path, spec: spec, mode: n, of: map[string]*Node{}}
	var names []string
	for _, f := range spec.Fields {
		names = append(names, f.Name)
	}
	for _, f := range n.Fields {
		if !slices.Contains(names, f.Name) {
			c.problem(path+"."+f.Name, f.Value, "is not a field of "+spec.Name, orOneOf(problem.Near(f.Name, names), names))
		}
	}
	for _, f := range spec.Fields {
		where := path + "." + f.Name
		value := n.Get(f.Name)
		if value == nil && f.Required {
			c.problem(where, n, "is missing: "+spec.Name+" needs it", fmt.Sprintf("give it with --mixin %s=VALUE", where))
			continue
		}
		value = normal(value)
		if placeholders && len(value.Placeholders()) > 0 {
			continue
		}
		if value.IsNull() {
			if !f.Nullable {
				c.problem(where, value, "is null, where "+article(f.Type)+" must be", "")
			}
			continue
		}
		c.check(where, f, value)
		v.of[f.Name] = value
	}
	return v
}

// check reports a value that is not of the field's type.
func (c *compiler) check(path string, f FieldSpec, n *Node) {
	switch f.Type {
	case TypeString, TypePath:
		c.checkString(path, n, false)
	case TypeInt:
		if _, ok := intOf(n); !ok {
			c.problem(path, n, "must be an integer, not "+show(n), "")
		}
	case TypeIntOrString:
		if _, ok := intOf(n); !ok {
			c.checkString(path, n, true)
		}
	case TypeIntOrInts:
		if n.Kind != KindList {
			if _, ok := intOf(n); !ok {
				c.problem(path, n, "must be an integer or a list of integers, not "+show(n), "")
			}
			return
		}
		for i, e := range n.List {
			if _, ok := intOf(e); !ok {
				c.problem(fmt.Sprintf("%s.%d", path, i), e, "must be an integer, not "+show(e), "")
			}
		}
	case TypeStrings:
		c.checkStrings(path, n)
	case TypeStringMap:
		if n.Kind != KindMap {
			c.problem(path, n, "must be a map of names, not "+show(n), "write it as {ID: FILE_NAME}")
			return
		}
		for _, e := range n.Fields {
			c.checkString(path+"."+e.Name, normal(e.Value), false)
		}
	}
}

func (c *compiler) checkStrings(path string, n *Node) {
	_, bad, ok := stringsOf(n)
	if ok {
		if text, alone := n.Scalar.(string); alone && strings.Contains(text, ",") {
			c.problem(path, n, "is one text: "+show(n), fmt.Sprintf("write several as [%s]", text))
		}
		return
	}
	if bad >= 0 {
		where := fmt.Sprintf("%s.%d", path, bad)
		c.problem(where, n.List[bad], "must be a text, not "+show(n.List[bad]), quoted(where, n.List[bad]))
		return
	}
	c.problem(path, n, "must be a list of texts, not "+show(n), "")
}

func (c *compiler) checkString(path string, n *Node, notEmpty bool) {
	s, ok := n.Scalar.(string)
	switch {
	case n.Kind != KindScalar || !ok:
		c.problem(path, n, "must be a text, not "+show(n), quoted(path, n))
	case notEmpty && s == "":
		c.problem(path, n, "is empty", "")
	case strings.Contains(s, "\x00"):
		c.problem(path, n, "has a zero byte, which no file name can have", "")
	}
}

// quoted tells how to write a value as text that YAML took for something else.
func quoted(path string, n *Node) string {
	switch n.Scalar.(type) {
	case json.Number, bool, int, int64, float64:
		return fmt.Sprintf(`quote it to make it text: --mixin '%s="%v"'`, path, n.Scalar)
	}
	return ""
}

func textOf(n *Node) string {
	if n == nil {
		return ""
	}
	if s, ok := n.Scalar.(string); ok {
		return s
	}
	if i, ok := intOf(n); ok {
		return strconv.FormatInt(i, 10)
	}
	return ""
}

func intOf(n *Node) (int64, bool) {
	if n == nil || n.Kind != KindScalar {
		return 0, false
	}
	switch v := n.Scalar.(type) {
	case json.Number:
		i, err := strconv.ParseInt(v.String(), 10, 64)
		return i, err == nil
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}

// stringsOf returns the texts of a list; bad is the first element that is none, or -1 when it is no list at all. A text is
// a list of one.
func stringsOf(n *Node) (all []string, bad int, ok bool) {
	if n == nil {
		return nil, -1, true
	}
	if text, isText := n.Scalar.(string); isText && n.Kind == KindScalar {
		return []string{text}, -1, true
	}
	if n.Kind != KindList {
		return nil, -1, false
	}
	for i, e := range n.List {
		s, isText := e.Scalar.(string)
		if e.Kind != KindScalar || !isText {
			return all, i, false
		}
		all = append(all, s)
	}
	return all, -1, true
}

// normal turns lists and maps that came as plain values into nodes, so that there is one form of each.
func normal(n *Node) *Node {
	if n == nil {
		return &Node{}
	}
	if n.Kind != KindScalar {
		return n
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

func article(typeName string) string {
	if typeName == TypeInt || typeName == TypeIntOrInts || typeName == TypeIntOrString {
		return "an " + typeName
	}
	return "a " + typeName
}
