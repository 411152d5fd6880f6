package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// modeKey names the mode in a map that stands for one.
const modeKey = "mode"

// Apply merges the mixin into a copy of a task's template. The origin of every node that it sets is the value's source. It
// checks names and modes; the template checks types and missing values. tmpl is nil for a task without a template. The value
// ??? leaves a field as it is.
//
// exact allows values without a form in JSON (map keys that are not texts, infinite numbers, bytes) in the plugin's own modes.
func Apply(tmpl *template.Node, mixin *Value, exact bool) (*template.Node, []problem.Problem) {
	a := &applier{exact: exact, unknown: map[int]func() string{}}
	if tmpl == nil {
		for _, e := range mixin.Entries {
			a.unknownTop(e, "this task has no template, so there is nothing to set", nil)
		}
		return nil, a.problems
	}
	root := tmpl.Clone()
	a.root = root
	top := template.ModeSpec{Fields: template.TopLevelFields()}
	names := fieldNames(root, top)
	// Only device tasks have a dataloader.
	if root.Get(template.RoleDataloader) == nil {
		names = slices.DeleteFunc(names, func(name string) bool { return name == template.RoleDataloader })
	}
	for _, e := range mixin.Entries {
		if !slices.Contains(names, e.Key) {
			a.unknownTop(e, "no such field", names)
			continue
		}
		spec, known := top.Field(e.Key)
		at := seat{path: e.Key}
		if spec.Type == template.TypeMode {
			at.role = e.Key
		}
		if e.Value.IsNull() && known && !spec.Nullable && !e.Value.unresolved {
			a.complain(e.Value, at.path, "it cannot be switched off: a template needs it", "")
			continue
		}
		current := root.Get(e.Key)
		if current == nil && known {
			current = defaultNode(spec)
		}
		root.Set(e.Key, a.apply(current, e.Value, at))
	}
	for i, unknown := range a.unknown {
		a.problems[i].Suggestion = unknown()
	}
	return root, a.problems
}

// fieldNames are the fields of a node, and then those that it leaves out.
func fieldNames(n *template.Node, spec template.ModeSpec) []string {
	var names []string
	for _, f := range n.Fields {
		names = append(names, f.Name)
	}
	for _, f := range spec.Fields {
		if !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

type applier struct {
	exact bool
	// root is the template with what was set so far.
	root *template.Node
	// unknown are the suggestions for problems of unknown fields, by their place among the problems. They know the whole template.
	unknown map[int]func() string
	// leaves are those of root; nil: not asked for yet.
	leaves   []leaf
	problems []problem.Problem
}

// seat is the position of a value in the template.
type seat struct {
	path string
	// role is the role of the mode that belongs here; empty: any value.
	role string
	// each is the role of the modes in the list that belongs here; empty: any value.
	each string
	// open marks a value of one of the plugin's own modes.
	open bool
}

func (s seat) below(name string) seat { return seat{path: s.path + "." + name, open: s.open} }

// element is the position of an element of a list.
func (s seat) element(i int) seat {
	below := s.below(strconv.Itoa(i))
	below.role = s.each
	return below
}

func (a *applier) complain(v *Value, path, message, suggestion string) {
	a.problems = append(a.problems, problem.Problem{Source: v.Source, Path: path, Message: message, Suggestion: suggestion})
}

// unknownTop reports an unknown top-level key. In a file it is a warning: tasks share files.
func (a *applier) unknownTop(e Entry, message string, options []string) {
	p := problem.Problem{Source: e.Value.Source, Path: e.Key, Message: message, Warning: true}
	// If a file and a flag both give the key, the flag is the mistake.
	if given := flagBelow(e.Value); given != nil {
		p.Source, p.Path, p.Warning = given.Source, e.path(), false
	}
	if a.root != nil {
		a.unknown[len(a.problems)] = func() string {
			near := suggest.OneTypo(e.Key, options)
			if _, below, isPath := strings.Cut(p.Path, "."); near != "" && isPath {
				near += "." + below
			}
			return cmp.Or(problem.DidYouMean(near), a.leafMeant(p.Path), problem.Meant(e.Key, "its fields", options))
		}
	}
	a.problems = append(a.problems, p)
}

// flagBelow is the first value in v that --mixin gave, or nil.
func flagBelow(v *Value) *Value {
	if v.fromFlag() {
		return v
	}
	for child := range v.children() {
		if f := flagBelow(child); f != nil {
			return f
		}
	}
	return nil
}

// apply returns the node with the value merged into it. current may be nil.
func (a *applier) apply(current *template.Node, v *Value, at seat) *template.Node {
	if current == nil {
		current = &template.Node{}
	}
	switch {
	case v.unresolved:
		// Its problem is known. The source lets problem.Fresh leave out what follows from it.
		current.Origin = v.Source
		return current
	case v.isMissing():
		if current.Kind == template.KindPlaceholder {
			current.Origin = v.Source
		}
		return current
	case v.Kind == KindMap:
		return a.applyMap(current, v, at)
	case v.Kind == KindList && at.each != "":
		return a.modes(v, at)
	case at.role != "" && !v.IsNull():
		return a.modeByName(current, v, at)
	}
	return a.node(v, at)
}

func (a *applier) applyMap(current *template.Node, v *Value, at seat) *template.Node {
	current = expand(current)
	switch {
	case current.Kind == template.KindMode:
		return a.applyMode(current, v, at)
	case current.Kind == template.KindList && v.dotted:
		return a.applyElements(current, v, at)
	case at.role != "":
		name := v.Get(modeKey)
		if name == nil {
			a.complain(v, at.path, "these fields have no mode here yet",
				fmt.Sprintf("add %s.%s=NAME, where NAME is one of %s", at.path, modeKey, choices(at.role)))
			return current
		}
		return a.newMode(current, name, v, at)
	case current.Kind == template.KindMap:
		for _, e := range v.Entries {
			key := a.keyJSON(e, at)
			current.SetKey(e.Key, key, a.apply(current.GetKey(e.Key, key), e.Value, at.below(e.Key)))
		}
		current.Origin = v.Source
		return current
	}
	return a.node(v, at)
}

// applyMode sets fields of a mode, or replaces the mode if the map names another one.
func (a *applier) applyMode(mode *template.Node, v *Value, at seat) *template.Node {
	name := v.Get(modeKey)
	if mode.Get(modeKey) != nil {
		name = nil // the mode has a field of that name
	}
	if name != nil && !names(name, mode) {
		if at.role == "" {
			a.complain(name, at.path, fmt.Sprintf("%s cannot become another mode here", mode.Mode), "")
			return mode
		}
		return a.newMode(mode, name, v, at)
	}
	a.fields(mode, v, at, name)
	return mode
}

// names reports whether the value is the name of the mode.
func names(v *Value, mode *template.Node) bool {
	text, isText := v.Scalar.(string)
	return v.Kind == KindScalar && isText && (text == mode.Mode || !mode.Custom && template.ModeName(text) == mode.Mode)
}

// newMode makes the built-in mode of that name with the fields in v. v may be nil.
func (a *applier) newMode(current *template.Node, name, v *Value, at seat) *template.Node {
	text, isText := name.Scalar.(string)
	if name.unresolved || name.isMissing() {
		return current
	}
	spec, known := template.SpecOf(text)
	switch {
	case name.Kind != KindScalar || !isText:
		a.complain(name, at.path+"."+modeKey, fmt.Sprintf("a mode's name must be a text, not %s", name.what()), "one of "+choices(at.role))
		return current
	case !known || spec.Role != at.role:
		modes := template.ModesOfRole(at.role)
		message := fmt.Sprintf("%s, not %s", problem.OneOf(modes), text)
		if known {
			message += ", which is for " + spec.Role
		}
		a.complain(name, at.path, message, problem.Near(text, modes))
		return current
	}
	mode := &template.Node{Kind: template.KindMode, Mode: spec.Name, Origin: name.Source}
	for _, f := range spec.Fields {
		mode.Set(f.Name, defaultNode(f))
	}
	if v != nil {
		a.fields(mode, v, at, name)
	}
	return mode
}

// defaultNode returns the default of a field, or a placeholder.
func defaultNode(f template.FieldSpec) *template.Node {
	switch {
	case f.Required:
		return &template.Node{Kind: template.KindPlaceholder}
	case f.Default == nil:
		return template.Scalar(nil)
	}
	return f.Default.Clone()
}

// fields sets the fields of a mode. name is the value that named the mode, or nil.
func (a *applier) fields(mode *template.Node, v *Value, at seat, name *Value) {
	at.open = at.open || mode.Custom
	var spec template.ModeSpec
	if !mode.Custom {
		spec, _ = template.SpecOf(mode.Mode)
	}
	options := fieldNames(mode, spec)
	for _, e := range v.Entries {
		if e.Value == name {
			continue
		}
		below := at.below(e.Key)
		if !mode.Custom && !slices.Contains(options, e.Key) {
			a.problems = append(a.problems, problem.Problem{Source: e.Value.Source, Path: below.path,
				Message: fmt.Sprintf("%s has no field %s", mode.Mode, e.Key), Suggestion: cmp.Or(problem.Near(e.Key, options), problem.DidYouMean(a.leavesNamed(e.Key)...), problem.Meant(e.Key, "its fields", options)),
				// If --mixin replaces a file's mode, the file's fields belong to the old mode.
				Warning: name != nil && name.fromFlag() && !e.Value.fromFlag()})
			continue
		}
		current := mode.Get(e.Key)
		if f, ok := spec.Field(e.Key); ok {
			if current == nil {
				current = defaultNode(f)
			}
			switch f.Type {
			case template.TypeMode:
				below.role = spec.Role
			case template.TypeModes:
				below.each = spec.Role
			}
			if textAt(f, 0) || textAt(f, 1) && e.Value.Kind != KindScalar {
				e.Value = e.Value.asText()
			}
		}
		mode.Set(e.Key, a.apply(current, e.Value, below))
	}
}

// modeByName reads a text as the name of a mode.
func (a *applier) modeByName(current *template.Node, v *Value, at seat) *template.Node {
	if _, isText := v.Scalar.(string); v.Kind != KindScalar || !isText {
		a.complain(v, at.path, fmt.Sprintf("must be a mode, not %s", v.what()),
			fmt.Sprintf("null, or the name of a mode: %s", choices(at.role)))
		return current
	}
	if current.Kind == template.KindMode && names(v, current) {
		return current
	}
	return a.newMode(current, v, nil, at)
}

// applyElements sets those elements of a list that a dotlist addresses.
func (a *applier) applyElements(list *template.Node, v *Value, at seat) *template.Node {
	for _, e := range v.Entries {
		i, wrong := elementIndex(e, len(list.List), nil)
		if wrong != nil {
			wrong.Path = at.path + "." + e.Key
			a.problems = append(a.problems, *wrong)
			continue
		}
		list.List[i] = a.apply(list.List[i], e.Value, at.element(i))
	}
	return list
}

// modes makes a list of modes from a list of their names, or of maps with their names.
func (a *applier) modes(v *Value, at seat) *template.Node {
	list := &template.Node{Kind: template.KindList, Origin: v.Source}
	for i, item := range v.Items {
		before := len(a.problems)
		mode := a.apply(nil, item, at.element(i))
		if mode.IsNull() && len(a.problems) > before {
			// The source lets problem.Fresh leave out what follows from a mode that could not be made.
			mode.Origin = a.problems[before].Source
		}
		list.List = append(list.List, mode)
	}
	return list
}

// expand turns a list or map that is one plain value into nodes, so that parts of it can be set.
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
		for _, k := range slices.Sorted(maps.Keys(s)) {
			m.Set(k, &template.Node{Scalar: s[k], Origin: n.Origin})
		}
		return m
	}
	return n
}

// keyJSON is the JSON of a map's key that is not a text, for a plugin that takes such keys.
func (a *applier) keyJSON(e Entry, at seat) string {
	if e.typed == nil || !a.exact || !at.open {
		return ""
	}
	return string(appendJSONScalar(nil, e.typed))
}

// node turns a value into a node.
func (a *applier) node(v *Value, at seat) *template.Node {
	n := &template.Node{Origin: v.Source}
	switch v.Kind {
	case KindList:
		n.Kind = template.KindList
		for i, item := range v.Items {
			n.List = append(n.List, a.node(item, at.below(strconv.Itoa(i))))
		}
	case KindMap:
		n.Kind = template.KindMap
		for _, e := range v.Entries {
			n.SetKey(e.Key, a.keyJSON(e, at), a.node(e.Value, at.below(e.Key)))
		}
	default:
		n.Scalar = exactScalar(v.Scalar)
		if e, ok := n.Scalar.(template.Exact); ok && (!a.exact || !at.open) {
			a.complain(v, at.path, fmt.Sprintf("%s has no place in a template: it takes finite numbers", e), "")
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

func choices(role string) string { return strings.Join(template.ModesOfRole(role), ", ") }

// MixinJSON returns the merged mixin as one JSON object, keys in their order, for tasks that are functions of it. Values without
// a form in JSON are written by docs/protocol.md, "Values", if the plugin takes that (exact), and are an error otherwise.
func (c *Config) MixinJSON(exact bool) ([]byte, error) {
	value, beyond := exactValue(c.Mixin)
	if beyond && !exact {
		return nil, errors.New("the mixin has an infinite number, a NaN, bytes, or a key that is not a text: the plugin takes none of these")
	}
	return jsonNotation.append(nil, value), nil
}

// exactValue returns a copy of the value in which objects of the protocol stand for everything that JSON cannot express.
// beyond reports whether there is any.
func exactValue(v *Value) (exact *Value, beyond bool) {
	exact = &Value{Kind: v.Kind, Scalar: exactScalar(v.Scalar)}
	_, beyond = exact.Scalar.(template.Exact)
	for _, item := range v.Items {
		child, b := exactValue(item)
		exact.Items, beyond = append(exact.Items, child), beyond || b
	}
	// A map with other keys than texts, or that looks like one of those objects, becomes a list of pairs.
	pairs := &Value{Kind: KindList}
	needsPairs := len(v.Entries) == 1 && v.Entries[0].Key == template.ExactKey
	for _, e := range v.Entries {
		child, b := exactValue(e.Value)
		exact.Entries, beyond = append(exact.Entries, Entry{Key: e.Key, Value: child}), beyond || b
		key := newScalar(e.Key, "")
		if e.typed != nil {
			key.Scalar, needsPairs = e.typed, true
		}
		pairs.Items = append(pairs.Items, &Value{Kind: KindList, Items: []*Value{key, child}})
	}
	if !needsPairs {
		return exact, beyond
	}
	tagged := &Value{Kind: KindList, Items: []*Value{newScalar("map", ""), pairs}}
	return &Value{Kind: KindMap, Entries: []Entry{{Key: template.ExactKey, Value: tagged}}}, true
}
