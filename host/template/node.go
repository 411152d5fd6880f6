package template

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Kind is the kind of a Node's value.
type Kind int

const (
	// KindScalar is a plain value: Node.Scalar.
	KindScalar Kind = iota
	// KindPlaceholder is a value that the mixin must give.
	KindPlaceholder
	// KindMode is an object with fields of its own: Node.Mode and Node.Fields.
	KindMode
	// KindList is a list: Node.List.
	KindList
	// KindMap is a map with free keys, in order: Node.Fields.
	KindMap
)

// Node is one value of a template: a tree of modes, lists, maps and scalars, in which any value may be a placeholder.
// The zero Node is null.
type Node struct {
	Kind Kind
	// Scalar is nil, bool, string, json.Number, []any or map[string]any (free of placeholders), or Exact.
	Scalar any
	// Mode is the mode's name: "NoHardShard".
	Mode string
	// Custom: the plugin's own code implements the mode. Its fields are open, and the host cannot run it.
	Custom bool
	// Fields are a mode's or a map's values in order; for the root of a template, its top-level fields.
	Fields []Field
	List   []*Node
	// Origin is the source of the value, for messages: "--mixin", "cfg.yaml:12". Empty: the task itself.
	Origin string
}

// Field is a named value of a mode or map.
type Field struct {
	Name  string
	Value *Node
	// KeyJSON is a map's key that is a number or a boolean, as JSON. Then Name is its printed form. Empty: the key is Name.
	KeyJSON string
	// Help and TypeName describe a field of a plugin's own mode.
	Help     string
	TypeName string
}

// UnmarshalJSON reads a node that was written as JSON. Numbers keep their digits, and an Exact is one again.
func (n *Node) UnmarshalJSON(data []byte) error {
	type plain Node
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode((*plain)(n)); err != nil {
		return err
	}
	n.Scalar = FromJSON(n.Scalar).Scalar
	return nil
}

// Get returns the field's value; nil: it has no such field.
func (n *Node) Get(name string) *Node { return n.GetKey(name, "") }

// Set replaces the field's value, or adds the field at the end.
func (n *Node) Set(name string, value *Node) { n.SetKey(name, "", value) }

// GetKey is Get for a map's key that may not be a text. Keys of different types differ, even if they are printed alike.
func (n *Node) GetKey(name, keyJSON string) *Node {
	if i := n.index(name, keyJSON); i >= 0 {
		return n.Fields[i].Value
	}
	return nil
}

// SetKey is Set for such a key.
func (n *Node) SetKey(name, keyJSON string, value *Node) {
	if i := n.index(name, keyJSON); i >= 0 {
		n.Fields[i].Value = value
		return
	}
	n.Fields = append(n.Fields, Field{Name: name, KeyJSON: keyJSON, Value: value})
}

func (n *Node) index(name, keyJSON string) int {
	if n == nil {
		return -1
	}
	return slices.IndexFunc(n.Fields, func(f Field) bool { return f.Name == name && f.KeyJSON == keyJSON })
}

// IsNull reports whether the node is absent or the scalar null.
func (n *Node) IsNull() bool {
	return n == nil || n.Kind == KindScalar && n.Scalar == nil
}

// ModeName is the name of the mode that the node is, or that a map names; empty: none.
func (n *Node) ModeName() string {
	if n.Kind == KindMode {
		return n.Mode
	}
	name := ""
	if named := n.Get("mode"); named != nil {
		name, _ = named.Scalar.(string)
	}
	return name
}

// Clone returns a deep copy. Scalars are shared, as they are immutable.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Fields = make([]Field, len(n.Fields))
	for i, f := range n.Fields {
		f.Value = f.Value.Clone()
		c.Fields[i] = f
	}
	c.List = make([]*Node, len(n.List))
	for i, v := range n.List {
		c.List[i] = v.Clone()
	}
	return &c
}

// Scalar returns a node for a plain value.
func Scalar(v any) *Node { return &Node{Kind: KindScalar, Scalar: v} }

// Placeholders returns the dotted paths of all placeholders below n, in order.
func (n *Node) Placeholders() []string {
	var paths []string
	n.walk("", func(path string, v *Node) {
		if v.Kind == KindPlaceholder {
			paths = append(paths, path)
		}
	})
	return paths
}

// Given reports whether a configuration or a flag has given n or a value below it.
func (n *Node) Given() bool {
	given := false
	n.walk("", func(_ string, v *Node) { given = given || v.Origin != "" })
	return given
}

func (n *Node) walk(path string, visit func(path string, n *Node)) {
	if n == nil {
		return
	}
	visit(path, n)
	if path != "" {
		path += "."
	}
	for _, f := range n.Fields {
		f.Value.walk(path+f.Name, visit)
	}
	for i, v := range n.List {
		v.walk(path+strconv.Itoa(i), visit)
	}
}

// Plain returns the value as JSON-like Go values (map[string]any, []any, scalars). A mode becomes a map of its fields, and a
// placeholder nil.
func (n *Node) Plain() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case KindMode, KindMap:
		m := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			m[f.Name] = f.Value.Plain()
		}
		return m
	case KindList:
		l := make([]any, len(n.List))
		for i, v := range n.List {
			l[i] = v.Plain()
		}
		return l
	}
	return n.Scalar
}
