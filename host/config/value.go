// Package config reads a run's configuration, --cfg, --mixin-cfg and --mixin, into one resolved tree, and applies the tree to
// a task's template and argument vector. Every value knows its source. All problems are collected and reported at once.
package config

import (
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of a Value.
type Kind int

// The kinds of values: the value is in Scalar, Items or Entries.
const (
	KindScalar Kind = iota
	KindList
	KindMap
)

// Value is one value of the configuration. The values of a Config are resolved and must not be changed.
type Value struct {
	Kind Kind
	// Scalar is nil, bool, string, json.Number (an integer of any size), float64 (also infinite or NaN) or Bytes.
	Scalar any
	// Entries are a map's values in their written order.
	Entries []Entry
	Items   []*Value
	// Source is the position of the value: "cfg.yaml:3:5", "--mixin a.b".
	Source string
	// written is the spelling of a scalar that YAML does not read as text: 0123, no, 12:30. It is empty for null.
	written string

	parent *Value
	key    string
	// dotted marks a map from a dotlist's path. It may address the elements of a list.
	dotted bool
	// final marks a text without interpolations, whatever it looks like.
	final bool
	// index holds the position of each key in Entries. It is made by the first look-up.
	index map[string]int
	// given marks the literal text ???.
	given bool
	// unresolved marks a value that already has a problem. Do not report it again.
	unresolved bool
}

// Entry is a named value of a map.
type Entry struct {
	// Key is the key as Python's str() prints it.
	Key   string
	Value *Value

	// typed is a key that is not a text: a bool, json.Number or float64.
	typed any
	// line is the line of the key, for duplicates.
	line int
	// anchored: an anchor is in the value, so that aliases may refer to it.
	anchored bool
}

// Bytes is the scalar of a YAML value with the tag !!binary.
type Bytes string

// missing is OmegaConf's mark of a value that is still to be given. escapedMissing stands for the text ???.
const (
	missing        = "???"
	escapedMissing = `\???`
)

// children are the values directly below the value.
func (v *Value) children() iter.Seq[*Value] {
	return func(yield func(*Value) bool) {
		for _, e := range v.Entries {
			if !yield(e.Value) {
				return
			}
		}
		for _, item := range v.Items {
			if !yield(item) {
				return
			}
		}
	}
}

// Get returns the map's value of that key, or nil.
func (v *Value) Get(key string) *Value {
	if v == nil || v.Kind != KindMap {
		return nil
	}
	if e := v.entry(key); e != nil {
		return e.Value
	}
	return nil
}

// entry returns the map's entry of that key, or nil.
func (v *Value) entry(key string) *Entry {
	if v.index == nil {
		v.index = make(map[string]int, len(v.Entries))
		for i := range v.Entries {
			v.index[v.Entries[i].Key] = i
		}
	}
	if i, ok := v.index[key]; ok {
		return &v.Entries[i]
	}
	return nil
}

// Only returns a map of the entries whose key is taken. They are shared with v.
func (v *Value) Only(take func(key string) bool) *Value {
	only := *v
	only.Entries, only.index = nil, nil
	for _, e := range v.Entries {
		if take(e.Key) {
			only.Entries = append(only.Entries, e)
		}
	}
	return &only
}

// IsNull reports whether the value is absent or null.
func (v *Value) IsNull() bool { return v == nil || v.Kind == KindScalar && v.Scalar == nil }

// text is the value if it is a text, and empty otherwise.
func (v *Value) text() string {
	s, _ := v.Scalar.(string)
	return s
}

// isMissing reports whether the value is still to be given.
func (v *Value) isMissing() bool { return v.Kind == KindScalar && v.Scalar == missing && !v.given }

// set replaces the map's value of that key, or adds it at the end, and makes v its parent.
func (v *Value) set(e Entry) {
	e.Value.parent, e.Value.key = v, e.Key
	if old := v.entry(e.Key); old != nil {
		old.Value = e.Value
		return
	}
	v.index[e.Key] = len(v.Entries)
	v.Entries = append(v.Entries, e)
}

// setItem replaces the list's element and makes v its parent.
func (v *Value) setItem(i int, item *Value) {
	item.parent, item.key = v, strconv.Itoa(i)
	v.Items[i] = item
}

// clone returns a deep copy without a parent.
func (v *Value) clone() *Value {
	c := *v
	c.parent, c.key, c.index = nil, "", nil
	c.Entries = make([]Entry, 0, len(v.Entries))
	for _, e := range v.Entries {
		e.Value = e.Value.clone()
		c.set(e)
	}
	c.Items = make([]*Value, len(v.Items))
	for i, item := range v.Items {
		c.setItem(i, item.clone())
	}
	return &c
}

// root is the tree's topmost value.
func (v *Value) root() *Value {
	for v.parent != nil {
		v = v.parent
	}
	return v
}

// path is the value's dotted path from the root of its tree.
func (v *Value) path() string {
	var names []string
	for ; v.parent != nil; v = v.parent {
		names = append(names, v.key)
	}
	slices.Reverse(names)
	return strings.Join(names, ".")
}

// what names the kind of the value for messages.
func (v *Value) what() string {
	switch v.Kind {
	case KindMap:
		return "a map"
	case KindList:
		return "a list"
	}
	switch v.Scalar.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number, float64:
		return "a number"
	case Bytes:
		return "bytes"
	}
	return "a text"
}

func newMap(source string) *Value { return &Value{Kind: KindMap, Source: source} }

func newScalar(v any, source string) *Value { return &Value{Scalar: v, Source: source} }

// newLiteral returns a scalar that is final: ${…} in it is text.
func newLiteral(v any, source string) *Value { return &Value{Scalar: v, Source: source, final: true} }
