package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// resolver replaces the interpolations of a tree by their values. It never changes the tree.
type resolver struct {
	// injected are extra names at the root. They come before those of the file.
	injected map[string]string
	// unavailable are injected names without a value in this run, with the reason.
	unavailable map[string]string
	// beside is where a name is looked for that the root does not have; nil: nowhere.
	beside   *Value
	problems []problem.Problem
	// used are the names at the root that were looked up; nil: nobody asks.
	used map[string]bool

	memo map[*Value]memo
	// stack holds the texts that are being resolved, to find cycles.
	stack []*Value
	count int
}

type memo struct {
	value *Value
	err   error
}

// fault is an error with a suggestion. A located one has its source, which may be far from the text that refers to it.
type fault struct {
	problem.Problem
	located bool
}

func (f *fault) Error() string { return f.Message }

func hinted(message, hint string) error {
	return &fault{Problem: problem.Problem{Message: message, Suggestion: hint}}
}

// deref resolves a text with interpolations. Any other value stands for itself.
func (r *resolver) deref(v *Value) (*Value, error) {
	s, ok := v.Scalar.(string)
	if v.Kind != KindScalar || !ok || v.final || !hasInterpolation(s) {
		return v, nil
	}
	if m, ok := r.memo[v]; ok {
		return m.value, m.err
	}
	if i := slices.Index(r.stack, v); i >= 0 {
		return nil, r.cycle(r.stack[i:])
	}
	r.stack = append(r.stack, v)
	result, err := r.text(v, s)
	r.stack = r.stack[:len(r.stack)-1]
	if err != nil {
		err = locate(err, v)
		result = newScalar(nil, v.Source)
	}
	if m, ok := r.memo[v]; ok { // a cycle through it, which says more
		return m.value, m.err
	}
	r.memo[v] = memo{result, err}
	return result, err
}

// cycle describes how the texts lead back to the first, and gives all of them the same problem.
func (r *resolver) cycle(members []*Value) error {
	var way strings.Builder
	for _, v := range members {
		fmt.Fprintf(&way, "%s (%s) → ", v.path(), v.Source)
	}
	way.WriteString(members[0].path())
	err := locate(hinted("interpolations form a cycle: "+way.String(), "replace one of them by a value"), members[0])
	for _, v := range members {
		r.memo[v] = memo{newScalar(nil, v.Source), err}
	}
	return err
}

// locate gives an error without a source that of v.
func locate(err error, v *Value) error {
	hint := ""
	if f, ok := errors.AsType[*fault](err); ok {
		if f.located {
			return f
		}
		hint = f.Suggestion
	}
	return &fault{problem.Problem{Source: v.Source, Path: v.path(), Message: err.Error(), Suggestion: hint}, true}
}

// text evaluates the text s of v.
func (r *resolver) text(v *Value, s string) (*Value, error) {
	p := &textParser{resolver: r, at: v, s: s}
	result, err := p.text("")
	if syntax, ok := errors.AsType[syntaxError](err); ok {
		return nil, hinted(fmt.Sprintf("%s in %q", syntax, s), `a ${ that is text is written \${`)
	}
	return result, err
}

// reference is ${a.b}.
type reference struct {
	// up is the number of leading dots: 0 starts at the root, 1 at the map or list that holds the text.
	up    int
	names []string
	text  string
}

// lookup follows a reference in the text at.
func (r *resolver) lookup(ref reference, at *Value) (*Value, error) {
	from := at.root()
	if ref.up > 0 {
		from = at
		for range ref.up {
			if from = from.parent; from == nil {
				return nil, hinted(ref.text+" leads above the root", "one dot is the map that holds the value, each further dot one level up")
			}
		}
	} else if v, err := r.injectedValue(ref.names, at); v != nil || err != nil {
		return v, err
	}
	if ref.up == 0 && from.Get(ref.names[0]) == nil && r.beside.Get(ref.names[0]) != nil {
		from = r.beside
	}
	v, err := r.walk(from, ref.names, ref.text)
	if err != nil {
		return nil, err
	}
	if v.isMissing() {
		return nil, hinted(fmt.Sprintf("%s refers to a value that is yet to be given (???) at %s", ref.text, v.Source), "give "+v.path()+" a value")
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
	return newLiteral(s, at.Source), nil
}

// walk follows the names down from a map or list, through interpolations on the way.
func (r *resolver) walk(from *Value, names []string, text string) (*Value, error) {
	v, err := r.deref(from)
	if err != nil {
		return nil, err
	}
	if v.parent == nil && len(names) > 0 && r.used != nil {
		r.used[names[0]] = true
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

// child returns the map's value or the list's element of that name, or nil.
func (v *Value) child(name string) *Value {
	if v.Kind != KindList {
		return v.Get(name)
	}
	if i, ok := listIndex(name, len(v.Items)); ok {
		return v.Items[i]
	}
	return nil
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
			for _, e := range in.Entries {
				options = append(options, e.Key)
			}
		}
		if in.parent == nil && len(options) > 0 {
			options = append(options, slices.Sorted(maps.Keys(r.injected))...)
		}
		hint := problem.Meant(name, "there are", options)
		if name == "env" {
			hint = "an environment variable is ${oc.env:NAME}"
		}
		return hinted(fmt.Sprintf("%s: there is no %s %s", text, name, where), hint)
	case KindList:
		return fmt.Errorf("%s: %s is not an element of a list of %d %s", text, name, len(in.Items), where)
	}
	return fmt.Errorf("%s: %s is %s, so there is no %s in it", text, strings.Join(way, "."), in.what(), name)
}

// deep returns a resolved copy of the value and everything below it. It collects the problems below, and returns the first as
// its error. A value marked as unresolved takes the place of each value that has a problem. within are the values around it.
func (r *resolver) deep(v *Value, within []*Value) (*Value, error) {
	r.count++
	if r.count > maxValues {
		return nil, &fault{problem.Problem{Message: fmt.Sprintf("interpolations make the configuration larger than %d values", maxValues)}, true}
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
	if slices.Contains(within, target) {
		return nil, locate(hinted(fmt.Sprintf("%v stands for %s, which contains it", v.Scalar, cmp.Or(target.path(), "the root")), "refer to a part of it"), v)
	}
	within = append(within, target)
	c := &Value{Kind: target.Kind, Source: v.Source, dotted: target.dotted}
	var first error
	child := func(v *Value) *Value {
		resolved, err := r.orUnresolved(v, within)
		if first == nil {
			first = err
		}
		return resolved
	}
	for _, e := range target.Entries {
		c.set(Entry{Key: e.Key, typed: e.typed, line: e.line, Value: child(e.Value)})
	}
	c.Items = make([]*Value, len(target.Items))
	for i, item := range target.Items {
		c.setItem(i, child(item))
	}
	return c, first
}

// maxText bounds the texts that interpolations make. Texts that refer to texts grow by powers.
const maxText = 16 << 20

// hints is the number of problems with a suggestion: finding one takes time.
const hints = 100

// listIndex reads an index in a list of n as Python's int() does: 1, +1, 1_0. A negative one counts from the end.
func listIndex(name string, n int) (int, bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(name, "+"), "-")
	if strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, false
	}
	i, err := strconv.Atoi(strings.ReplaceAll(name, "_", ""))
	if i < 0 {
		i += n
	}
	return i, err == nil && i >= 0 && i < n
}

func (r *resolver) report(err error) {
	if f, ok := errors.AsType[*fault](err); ok {
		r.problems = append(r.problems, f.Problem)
	}
}

// orUnresolved is deep that reports the error, and returns a value marked as unresolved if there is none.
func (r *resolver) orUnresolved(v *Value, within []*Value) (*Value, error) {
	c, err := r.deep(v, within)
	r.report(err)
	if c == nil {
		c = &Value{Source: v.Source, unresolved: true}
	}
	return c, err
}

// all resolves a whole tree and collects every problem.
func (r *resolver) all(v *Value) *Value {
	c, _ := r.orUnresolved(v, nil)
	return c
}
