package config

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// resolver replaces the interpolations of a tree by what they mean. It never changes the tree.
type resolver struct {
	env func(string) (string, bool)
	// injected are names that can be referred to from the root, before those of the file.
	injected map[string]string
	// unavailable are injected names that this run has no value for, with the reason.
	unavailable map[string]string
	problems    []problem.Problem

	memo map[*Value]memo
	// stack are the texts whose interpolations are being followed, to find cycles.
	stack []*Value
	count int
}

type memo struct {
	value *Value
	err   error
}

// located is an error that knows its problem already: the text where it was found may be far from the one that asked.
type located struct{ problem.Problem }

func (l *located) Error() string { return l.Problem.String() }

// hinted is an error with a suggestion.
type hinted struct {
	message, hint string
}

func (h *hinted) Error() string { return h.message }

// deref follows a text with interpolations to the value it stands for. Any other value stands for itself.
func (r *resolver) deref(v *Value) (*Value, error) {
	s, ok := v.Scalar.(string)
	if v.Kind != KindScalar || !ok || v.final || !hasInterpolation(s) {
		return v, nil
	}
	if m, ok := r.memo[v]; ok {
		return m.value, m.err
	}
	for i, open := range r.stack {
		if open == v {
			return nil, r.cycle(r.stack[i:])
		}
	}
	r.stack = append(r.stack, v)
	result, err := r.text(v, s)
	r.stack = r.stack[:len(r.stack)-1]
	if err != nil {
		err = locate(err, v)
		result = newScalar(nil, v.Source)
	}
	if m, ok := r.memo[v]; ok { // the cycle that was found through it says more
		return m.value, m.err
	}
	r.memo[v] = memo{result, err}
	return result, err
}

// cycle says how the texts lead back to the first, and gives all of them the same problem.
func (r *resolver) cycle(members []*Value) error {
	var way strings.Builder
	for _, v := range members {
		fmt.Fprintf(&way, "%s (%s) → ", v.path(), v.Source)
	}
	way.WriteString(members[0].path())
	err := &located{problem.Problem{Source: members[0].Source, Path: members[0].path(),
		Message: "interpolations go round in a circle: " + way.String(), Suggestion: "give one of them a value of its own"}}
	for _, v := range members {
		r.memo[v] = memo{newScalar(nil, v.Source), err}
	}
	return err
}

func locate(err error, v *Value) error {
	var done *located
	if errors.As(err, &done) {
		return done
	}
	p := problem.Problem{Source: v.Source, Path: v.path(), Message: err.Error()}
	var h *hinted
	if errors.As(err, &h) {
		p.Suggestion = h.hint
	}
	return &located{p}
}

func (r *resolver) text(v *Value, s string) (*Value, error) {
	e, err := parseInterpolation(s)
	if err != nil {
		return nil, &hinted{err.Error(), `a ${ that is text is written \${`}
	}
	return r.eval(e, v)
}

// eval returns what an expression means where it stands.
func (r *resolver) eval(e expr, at *Value) (*Value, error) {
	switch e := e.(type) {
	case literal:
		v := newScalar(e.value, at.Source)
		v.final = true
		return v, nil
	case concat:
		var b strings.Builder
		for _, part := range e.parts {
			v, err := r.eval(part, at)
			if err == nil {
				v, err = r.deep(v, nil)
			}
			if err != nil {
				return nil, err
			}
			b.WriteString(v.Text())
			if b.Len() > maxText {
				return nil, &hinted{fmt.Sprintf("interpolations make this text longer than %d MiB", maxText>>20), "refer to fewer texts, or shorter ones"}
			}
		}
		return newText(b.String(), at.Source), nil
	case reference:
		return r.lookup(e, at)
	case call:
		return r.call(e, at)
	case listExpr:
		list := &Value{Kind: KindList, Source: at.Source, Items: make([]*Value, len(e.items))}
		for i, item := range e.items {
			v, err := r.evalDeep(item, at)
			if err != nil {
				return nil, err
			}
			list.setItem(i, v)
		}
		return list, nil
	case mapExpr:
		m := newMap(at.Source)
		for i, key := range e.keys {
			v, err := r.evalDeep(e.values[i], at)
			if err != nil {
				return nil, err
			}
			m.set(entryOf(key, v))
		}
		return m, nil
	}
	return nil, fmt.Errorf("an expression of unknown type %T", e)
}

// evalDeep evaluates and resolves all that is below, as a copy of its own.
func (r *resolver) evalDeep(e expr, at *Value) (*Value, error) {
	v, err := r.eval(e, at)
	if err != nil {
		return nil, err
	}
	return r.deep(v, nil)
}

// lookup follows a reference.
func (r *resolver) lookup(ref reference, at *Value) (*Value, error) {
	names := make([]string, len(ref.names))
	for i, n := range ref.names {
		v, err := r.eval(n, at)
		if err != nil {
			return nil, err
		}
		names[i] = v.Text()
	}
	from := at.root()
	if ref.up > 0 {
		from = at
		for range ref.up {
			if from = from.parent; from == nil {
				return nil, &hinted{fmt.Sprintf("%s leads above the root", ref.text),
					"one dot is the map that holds the value, each further dot one level up"}
			}
		}
	} else if v, err := r.injectedValue(names, at); v != nil || err != nil {
		return v, err
	}
	v, err := r.walk(from, names, ref.text)
	if err != nil {
		return nil, err
	}
	if v.isMissing() {
		return nil, &hinted{fmt.Sprintf("%s refers to a value that is yet to be given (???) at %s", ref.text, v.Source), "give " + v.path() + " a value"}
	}
	return v, nil
}

func (r *resolver) injectedValue(names []string, at *Value) (*Value, error) {
	if reason, ok := r.unavailable[names[0]]; ok && at.root().Get(names[0]) == nil {
		return nil, errors.New(reason)
	}
	s, ok := r.injected[names[0]]
	if !ok {
		return nil, nil
	}
	if len(names) > 1 {
		return nil, fmt.Errorf("%s is a text: it has no %s", names[0], names[1])
	}
	return newText(s, at.Source), nil
}

// walk goes from a map or list down the names, through interpolations on the way.
func (r *resolver) walk(from *Value, names []string, text string) (*Value, error) {
	v, err := r.deref(from)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		next := v.child(name)
		if next == nil {
			return nil, r.notFound(v, names[:i], name, text)
		}
		if v, err = r.deref(next); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// child returns the map's value or the list's element of that name, or nil. A negative index counts from the end.
func (v *Value) child(name string) *Value {
	if v.Kind != KindList {
		return v.Get(name)
	}
	i, ok := listIndex(name)
	if !ok {
		return nil
	}
	if i < 0 {
		i += len(v.Items)
	}
	if i < 0 || i >= len(v.Items) {
		return nil
	}
	return v.Items[i]
}

func (r *resolver) notFound(in *Value, way []string, name, text string) error {
	where := "at the root"
	if len(way) > 0 {
		where = "in " + strings.Join(way, ".")
	} else if in.parent != nil {
		where = "in " + in.path()
	}
	switch in.Kind {
	case KindMap:
		var options []string
		if len(r.problems) < hints {
			options = in.keys()
		}
		if in.parent == nil && len(options) > 0 {
			for n := range r.injected {
				options = append(options, n)
			}
			sort.Strings(options[len(in.Entries):])
		}
		hint := problem.Meant(name, "there are", options)
		if name == "env" {
			hint = "an environment variable is ${oc.env:NAME}"
		}
		return &hinted{fmt.Sprintf("%s: there is no %s %s", text, name, where), hint}
	case KindList:
		return fmt.Errorf("%s: %s is not an element of a list of %d %s", text, name, len(in.Items), where)
	}
	return fmt.Errorf("%s: %s is %s, so there is no %s in it", text, strings.Join(way, "."), in.what(), name)
}

// deep returns a resolved copy of the value and all below it. Problems below it are collected, and a value that is
// marked as unresolved stands in for what could not be resolved; the error is the first of them.
func (r *resolver) deep(v *Value, within []*Value) (*Value, error) {
	r.count++
	if r.count > maxValues {
		return nil, &located{problem.Problem{Message: fmt.Sprintf("interpolations make the configuration larger than %d values", maxValues)}}
	}
	target, err := r.deref(v)
	if err != nil {
		return nil, err
	}
	if target.Kind == KindScalar {
		c := *target
		c.parent, c.key, c.final = nil, "", true
		if c.Scalar == escapedMissing {
			c.Scalar, c.given = missing, true
		}
		if target != v {
			c.Source = v.Source
		}
		return &c, nil
	}
	for _, outer := range within {
		if outer == target {
			return nil, locate(&hinted{fmt.Sprintf("%v stands for %s, which contains it", v.Scalar, orRoot(target.path())), "refer to a part of it"}, v)
		}
	}
	within = append(within, target)
	c := &Value{Kind: target.Kind, Source: v.Source, dotted: target.dotted}
	var first error
	keep := func(child *Value) *Value {
		resolved, err := r.deep(child, within)
		if err != nil {
			if first == nil {
				first = err
			}
			r.report(err)
		}
		if resolved == nil {
			resolved = &Value{Source: child.Source, unresolved: true}
		}
		return resolved
	}
	for _, e := range target.Entries {
		c.set(Entry{Key: e.Key, typed: e.typed, line: e.line, Value: keep(e.Value)})
	}
	c.Items = make([]*Value, len(target.Items))
	for i, item := range target.Items {
		c.setItem(i, keep(item))
	}
	return c, first
}

func orRoot(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

// maxText bounds what interpolations can make of a small file: texts that refer to texts grow by powers.
const maxText = 16 << 20

// hints is how many problems are told with what may have been meant: looking that up takes time.
const hints = 100

// listIndex reads a list's index as Python's int() does: 1, -1, +1, 1_0.
func listIndex(name string) (int, bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(name, "+"), "-")
	if strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, false
	}
	i, err := strconv.Atoi(strings.ReplaceAll(name, "_", ""))
	return i, err == nil
}

func (r *resolver) report(err error) {
	var l *located
	if errors.As(err, &l) {
		r.problems = append(r.problems, l.Problem)
	}
}

// all resolves a whole tree, with every problem collected.
func (r *resolver) all(v *Value) *Value {
	c, err := r.deep(v, nil)
	if err != nil {
		r.report(err)
	}
	if c == nil {
		c = &Value{Source: v.Source, unresolved: true}
	}
	return c
}
