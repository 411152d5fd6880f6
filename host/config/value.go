// Package config reads a run's configuration, --cfg, --mixin-cfg and --mixin, into one resolved tree in which every
// value knows where it was written, and applies that tree to a task's template and argument vector. Everything that is
// wrong is collected and reported at once.
package config

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Kind tells which of its values a Value holds.
type Kind int

const (
	// KindScalar is Value.Scalar.
	KindScalar Kind = iota
	// KindList is Value.Items.
	KindList
	// KindMap is Value.Entries.
	KindMap
)

// Value is one value of the configuration. Those that Config hands out are resolved and must not be changed.
type Value struct {
	Kind Kind
	// Scalar is nil, bool, string, json.Number (an integer in decimal digits, of any size), float64 (which may be
	// infinite or not a number) or Bytes.
	Scalar any
	// Entries are a map's values in the order in which they were written.
	Entries []Entry
	Items   []*Value
	// Source is where the value was written: "cfg.yaml:3:5", "--mixin a.b".
	Source string
	// written is how a scalar stands there that YAML took for something else than text: 0123, no, 12:30. It is empty for null.
	written string

	parent *Value
	key    string
	// dotted maps come from a dotlist's path: they may address the elements of a list.
	dotted bool
	// final strings hold no interpolation, whatever they look like.
	final bool
	// index is where each key stands in Entries, for maps with many.
	index map[string]int
	// given texts are meant as they are, though they look like the mark of a value that is yet to be given.
	given bool
	// unresolved values stand in for one that has a problem already: nobody should complain of them again.
	unresolved bool
}

// Entry is a named value of a map.
type Entry struct {
	// Key is the key as Python's str() prints it.
	Key   string
	Value *Value

	// typed is the key where it is not a text: a bool, json.Number or float64.
	typed any
	// line is where the key was written, for duplicates.
	line int
}

// Bytes is the scalar of a YAML value with the tag !!binary.
type Bytes string

// escapedMissing is the text that means the text ???.
const escapedMissing = `\???`

// missing is how OmegaConf writes a value that is yet to be given.
const missing = "???"

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

// indexed is from how many entries on a map is searched by an index.
const indexed = 16

// entry returns the map's entry of that key, or nil.
func (v *Value) entry(key string) *Entry {
	if len(v.Entries) < indexed {
		for i := range v.Entries {
			if v.Entries[i].Key == key {
				return &v.Entries[i]
			}
		}
		return nil
	}
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

// Only returns the map with those entries alone whose key is taken. They are shared with v.
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

// text is the value where it is a text, and empty otherwise.
func (v *Value) text() string {
	if v.Kind != KindScalar {
		return ""
	}
	s, _ := v.Scalar.(string)
	return s
}

// isMissing reports whether the value is the mark of one that is yet to be given.
func (v *Value) isMissing() bool { return v.Kind == KindScalar && v.Scalar == missing && !v.given }

// keys returns the map's keys in order.
func (v *Value) keys() []string {
	names := make([]string, 0, len(v.Entries))
	for _, e := range v.Entries {
		names = append(names, e.Key)
	}
	return names
}

// set replaces the map's value of that key, or adds it at the end, and makes v its parent.
func (v *Value) set(e Entry) {
	e.Value.parent, e.Value.key = v, e.Key
	if old := v.entry(e.Key); old != nil {
		old.Value = e.Value
		return
	}
	if v.index != nil {
		v.index[e.Key] = len(v.Entries)
	}
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
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	return strings.Join(names, ".")
}

// what names the kind of value for messages.
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

// newText returns a string in which nothing is to be resolved.
func newText(s, source string) *Value { return &Value{Scalar: s, Source: source, final: true} }
