package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// modeKey names the mode in a map that stands for one.
const modeKey = "mode"

// Apply merges the mixin into a copy of a task's template. Every node that it sets has its source for an origin. It
// checks names and modes; whether a value is of the right type, and whether a placeholder is left, is the template's
// own to say. tmpl is nil for a task without a template. The value ??? leaves a field as it is.
//
// exact says that the plugin takes values which JSON has no form for: map keys that are not texts, infinite numbers and
// bytes, in modes of its own.
func Apply(tmpl *template.Node, mixin *Value, exact bool) (*template.Node, []problem.Problem) {
	a := &applier{exact: exact}
	if tmpl == nil {
		for _, e := range mixin.Entries {
			a.unknownTop(e, "this task has no template, so there is nothing to set", nil)
		}
		return nil, a.problems
	}
	root := tmpl.Clone()
	names := fieldNames(root)
	specs := map[string]template.FieldSpec{}
	for _, spec := range template.TopLevelFields() {
		specs[spec.Name] = spec
		// A template may leave out what it does not use; only device tasks can have a dataloader.
		if root.Get(spec.Name) == nil && spec.Name != template.RoleDataloader {
			names = append(names, spec.Name)
		}
	}
	for _, e := range mixin.Entries {
		if !contains(names, e.Key) {
			a.unknownTop(e, fmt.Sprintf("the template of this task has no field %s", e.Key), names)
			continue
		}
		spec, known := specs[e.Key]
		place := place{path: e.Key}
		if known && spec.Type == template.TypeMode {
			place.role = e.Key
		}
		if e.Value.IsNull() && known && !spec.Nullable && !e.Value.unresolved {
			a.complain(e.Value, place.path, "it cannot be switched off: a template needs it", "")
			continue
		}
		current := root.Get(e.Key)
		if current == nil && known {
			current = defaultNode(spec)
		}
		root.Set(e.Key, a.apply(current, e.Value, place))
	}
	return root, a.problems
}

func fieldNames(n *template.Node) []string {
	names := make([]string, 0, len(n.Fields))
	for _, f := range n.Fields {
		names = append(names, f.Name)
	}
	return names
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

type applier struct {
	exact    bool
	problems []problem.Problem
}

// place is where in the template a value stands.
type place struct {
	path string
	// role is the kind of mode that is wanted here; empty: any value.
	role string
	// open says that a mode of the plugin's own has the value.
	open bool
}

func (p place) below(name string) place { return place{path: p.path + "." + name, open: p.open} }

func (a *applier) complain(v *Value, path, message, suggestion string) {
	a.problems = append(a.problems, problem.Problem{Source: v.Source, Path: path, Message: message, Suggestion: suggestion})
}

// unknownTop complains of a top-level key that is no field: files are shared between tasks, so there it only warns.
func (a *applier) unknownTop(e Entry, message string, options []string) {
	source := e.Value.Source
	// A key that a file and a flag give together is the flag's mistake.
	given := flagBelow(e.Value)
	if given != nil {
		source = given.Source
	}
	a.problems = append(a.problems, problem.Problem{Source: source, Path: e.Key, Message: message,
		Suggestion: problem.Meant(e.Key, "its fields", options), Warning: given == nil})
}

// flagBelow is the first value in v that --mixin gave, or nil.
func flagBelow(v *Value) *Value {
	if v.fromFlag() {
		return v
	}
	for _, e := range v.Entries {
		if f := flagBelow(e.Value); f != nil {
			return f
		}
	}
	for _, item := range v.Items {
		if f := flagBelow(item); f != nil {
			return f
		}
	}
	return nil
}

// apply returns what the template has at a place once the value was merged into it. current may be nil.
func (a *applier) apply(current *template.Node, v *Value, p place) *template.Node {
	if current == nil {
		current = &template.Node{}
	}
	if v.unresolved {
		// Its problem is told already; the source lets problem.Fresh leave out what follows from it.
		current.Origin = v.Source
		return current
	}
	if v.isMissing() {
		if current.Kind == template.KindPlaceholder {
			current.Origin = v.Source
		}
		return current
	}
	if v.Kind == KindMap {
		return a.applyMap(current, v, p)
	}
	if p.role != "" && !v.IsNull() {
		return a.modeByName(current, v, p)
	}
	return a.node(v, p)
}

func (a *applier) applyMap(current *template.Node, v *Value, p place) *template.Node {
	current = expand(current)
	switch current.Kind {
	case template.KindMode:
		return a.applyMode(current, v, p)
	case template.KindList:
		if v.dotted {
			return a.applyElements(current, v, p)
		}
	case template.KindMap:
		if p.role == "" {
			for _, e := range v.Entries {
				key := a.keyJSON(e, p)
				current.SetKey(e.Key, key, a.apply(current.GetKey(e.Key, key), e.Value, p.below(e.Key)))
			}
			current.Origin = v.Source
			return current
		}
	}
	if p.role == "" {
		return a.node(v, p)
	}
	name := v.Get(modeKey)
	if name == nil {
		a.complain(v, p.path, "there is no mode here yet that these fields could belong to",
			fmt.Sprintf("add %s.%s=NAME, where NAME is one of %s", p.path, modeKey, choices(p.role)))
		return current
	}
	return a.newMode(current, name, v, p)
}

// applyMode sets fields of a mode, or puts another mode in its place where the map names one.
func (a *applier) applyMode(mode *template.Node, v *Value, p place) *template.Node {
	name := v.Get(modeKey)
	if mode.Get(modeKey) != nil {
		name = nil // a field of that name comes first
	}
	if name != nil {
		if s, _ := name.Scalar.(string); name.Kind != KindScalar || s != mode.Mode {
			if p.role == "" {
				a.complain(name, p.path, fmt.Sprintf("%s cannot become another mode here", mode.Mode), "")
				return mode
			}
			return a.newMode(mode, name, v, p)
		}
	}
	a.fields(mode, v, p, name)
	return mode
}

// newMode makes the built-in mode of a name with the fields that the map gives; v is nil where only the name is given.
func (a *applier) newMode(current *template.Node, name, v *Value, p place) *template.Node {
	text, isText := name.Scalar.(string)
	if name.unresolved || name.isMissing() {
		return current
	}
	spec, known := template.SpecOf(text)
	switch {
	case name.Kind != KindScalar || !isText:
		a.complain(name, p.path+"."+modeKey, fmt.Sprintf("a mode's name is a text, this is %s", name.what()), "one of "+choices(p.role))
		return current
	case !known || spec.Role != p.role:
		message := fmt.Sprintf("there is no mode %s for it", text)
		if known {
			message = fmt.Sprintf("%s is a mode for %s, not for it", text, spec.Role)
		}
		a.complain(name, p.path, message, problem.Meant(text, "its modes", roleNames(p.role)))
		return current
	}
	mode := &template.Node{Kind: template.KindMode, Mode: spec.Name, Origin: name.Source}
	for _, f := range spec.Fields {
		mode.Fields = append(mode.Fields, template.Field{Name: f.Name, Value: defaultNode(f)})
	}
	if v != nil {
		a.fields(mode, v, p, name)
	}
	return mode
}

// defaultNode is what a field of a new mode begins with.
func defaultNode(f template.FieldSpec) *template.Node {
	if !f.HasDefault {
		return &template.Node{Kind: template.KindPlaceholder}
	}
	if n, ok := f.Default.(*template.Node); ok {
		return n.Clone()
	}
	return template.Scalar(f.Default)
}

// fields sets the fields of a mode. name is the value that named the mode, or nil.
func (a *applier) fields(mode *template.Node, v *Value, p place, name *Value) {
	p.open = p.open || mode.Custom
	spec, builtin := template.SpecOf(mode.Mode)
	builtin = builtin && !mode.Custom
	options := fieldNames(mode)
	if builtin {
		for _, f := range spec.Fields {
			if !contains(options, f.Name) {
				options = append(options, f.Name)
			}
		}
	}
	for _, e := range v.Entries {
		if e.Value == name && name != nil {
			continue
		}
		below := p.below(e.Key)
		if !mode.Custom && !contains(options, e.Key) {
			problem := problem.Problem{Source: e.Value.Source, Path: below.path,
				Message: fmt.Sprintf("%s has no field %s", mode.Mode, e.Key), Suggestion: problem.Meant(e.Key, "its fields", options)}
			// Where --mixin chose another mode than a file did, the file's fields belong to the file's.
			if name != nil && name.fromFlag() && !e.Value.fromFlag() {
				problem.Warning = true
			}
			a.problems = append(a.problems, problem)
			continue
		}
		current := mode.Get(e.Key)
		if f, ok := spec.Field(e.Key); ok && builtin {
			if current == nil {
				current = defaultNode(f)
			}
			if f.Type == template.TypeMode {
				below.role = spec.Role
			}
			if textAt(f, 0) || textAt(f, 1) && e.Value.Kind != KindScalar {
				e.Value = e.Value.asText()
			}
		}
		mode.Set(e.Key, a.apply(current, e.Value, below))
	}
}

// modeByName takes a text as the name of a mode.
func (a *applier) modeByName(current *template.Node, v *Value, p place) *template.Node {
	s, isText := v.Scalar.(string)
	if v.Kind != KindScalar || !isText {
		a.complain(v, p.path, fmt.Sprintf("it takes a mode, this is %s", v.what()),
			fmt.Sprintf("null, or the name of a mode: %s", choices(p.role)))
		return current
	}
	if current.Kind == template.KindMode && current.Mode == s {
		return current
	}
	return a.newMode(current, v, nil, p)
}

// applyElements sets those elements of a list that a dotlist addresses.
func (a *applier) applyElements(list *template.Node, v *Value, p place) *template.Node {
	for _, e := range v.Entries {
		i, wrong := elementIndex(e, len(list.List), nil)
		if wrong != nil {
			wrong.Path = p.path + "." + e.Key
			a.problems = append(a.problems, *wrong)
			continue
		}
		list.List[i] = a.apply(list.List[i], e.Value, p.below(strconv.Itoa(i)))
	}
	return list
}

// expand turns a list or map that is kept as a plain value into nodes, so that parts of it can be set.
func expand(n *template.Node) *template.Node {
	if n.Kind != template.KindScalar {
		return n
	}
	switch s := n.Scalar.(type) {
	case []any:
		list := &template.Node{Kind: template.KindList, Origin: n.Origin}
		for _, item := range s {
			list.List = append(list.List, &template.Node{Scalar: item, Origin: n.Origin})
		}
		return list
	case map[string]any:
		m := &template.Node{Kind: template.KindMap, Origin: n.Origin}
		keys := make([]string, 0, len(s))
		for k := range s {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			m.Set(k, &template.Node{Scalar: s[k], Origin: n.Origin})
		}
		return m
	}
	return n
}

// keyJSON is a map's key that is not a text, for a plugin that takes such keys.
func (a *applier) keyJSON(e Entry, p place) string {
	if e.typed == nil || !a.exact || !p.open {
		return ""
	}
	var b strings.Builder
	writeJSONScalar(&b, e.typed)
	return b.String()
}

// node turns a value into a node of its own.
func (a *applier) node(v *Value, p place) *template.Node {
	n := &template.Node{Origin: v.Source}
	switch v.Kind {
	case KindList:
		n.Kind = template.KindList
		for i, item := range v.Items {
			n.List = append(n.List, a.node(item, p.below(strconv.Itoa(i))))
		}
	case KindMap:
		n.Kind = template.KindMap
		for _, e := range v.Entries {
			n.SetKey(e.Key, a.keyJSON(e, p), a.node(e.Value, p.below(e.Key)))
		}
	default:
		n.Scalar = exactScalar(v.Scalar)
		if e, ok := n.Scalar.(template.Exact); ok && (!a.exact || !p.open) {
			a.complain(v, p.path, fmt.Sprintf("%s has no place in a template: it takes finite numbers", e), "")
			n.Scalar = nil
		}
		if v.isMissing() && !v.unresolved {
			n.Kind, n.Scalar = template.KindPlaceholder, nil
		}
	}
	return n
}

// exactScalar returns a scalar in the types that templates have.
func exactScalar(scalar any) any {
	switch s := scalar.(type) {
	case Bytes:
		return template.ExactBytes(string(s))
	case float64:
		if math.IsInf(s, 0) || math.IsNaN(s) {
			return template.Exact{Type: "float", Text: pythonFloat(s)}
		}
		return json.Number(pythonFloat(s))
	}
	return scalar
}

func roleNames(role string) []string {
	var names []string
	for _, s := range template.SpecsOfRole(role) {
		names = append(names, s.Name)
	}
	return names
}

// MixinJSON returns the merged mixin as one JSON object, keys in their order, for tasks that are made by a function of
// it. What JSON has no form for is written by docs/protocol.md, "Values", where the plugin takes that (exact), and an
// error otherwise.
func (c *Config) MixinJSON(exact bool) ([]byte, error) {
	data, err := appendExact(nil, c.Mixin)
	if err != nil && !exact {
		return nil, err
	}
	return data, nil
}

// errExact is about values that JSON has no form for.
var errExact = errors.New("the mixin has an infinite number, one that is none, bytes, or a key that is not a text: the plugin takes none of these")

// appendExact writes a value as JSON. With errExact, it needed more than JSON has.
func appendExact(b []byte, v *Value) ([]byte, error) {
	var beyond, err error
	switch v.Kind {
	case KindList:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			if b, err = appendExact(b, item); err != nil {
				beyond = err
			}
		}
		return append(b, ']'), beyond
	case KindMap:
		return appendExactMap(b, v)
	}
	scalar := exactScalar(v.Scalar)
	if e, ok := scalar.(template.Exact); ok {
		text, err := e.MarshalJSON()
		return append(b, text...), errors.Join(err, errExact)
	}
	var text strings.Builder
	writeJSONScalar(&text, scalar)
	return append(b, text.String()...), nil
}

// appendExactMap writes a map: one with keys that are not texts, or that looks like what stands for a value, as pairs.
func appendExactMap(b []byte, v *Value) ([]byte, error) {
	pairs := len(v.Entries) == 1 && v.Entries[0].Key == template.ExactKey
	for _, e := range v.Entries {
		pairs = pairs || e.typed != nil
	}
	open, between, end := "{", ": ", "}"
	var beyond, err error
	if pairs {
		open, between, end, beyond = `{"`+template.ExactKey+`": ["map", [`, ", ", "]]}", errExact
	}
	b = append(b, open...)
	for i, e := range v.Entries {
		if i > 0 {
			b = append(b, ", "...)
		}
		if pairs {
			b = append(b, '[')
		}
		var key strings.Builder
		if e.typed != nil {
			writeJSONScalar(&key, e.typed)
		} else {
			key.Write(jsontext.AppendASCII(nil, e.Key))
		}
		b = append(append(b, key.String()...), between...)
		if b, err = appendExact(b, e.Value); err != nil {
			beyond = err
		}
		if pairs {
			b = append(b, ']')
		}
	}
	return append(b, end...), beyond
}

func choices(role string) string { return strings.Join(roleNames(role), ", ") }
