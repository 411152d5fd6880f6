package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// maxValues bounds the values that aliases and interpolations make of a small file.
const maxValues = 1_000_000

// yamlReader turns YAML nodes into values.
type yamlReader struct {
	// name is the file's name, path the path of the value that is being read.
	name     string
	path     string
	problems []problem.Problem
	// open holds the nodes that are being read, to find one that contains itself.
	open  map[*yaml.Node]bool
	count int
}

// parseYAML reads the one YAML document in data. The value is nil if there is none or it cannot be read. A value with problems is
// good enough to find more of them.
func parseYAML(data []byte, name string) (*Value, []problem.Problem) {
	r := &yamlReader{name: name, open: map[*yaml.Node]bool{}}
	protected, spelling := protect(data)
	decoder := yaml.NewDecoder(bytes.NewReader(protected))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, []problem.Problem{yamlSyntax(err, name, data)}
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.complain(&second, "a second document begins here: a configuration is one document", "remove the --- line")
	case !errors.Is(err, io.EOF):
		return nil, []problem.Problem{yamlSyntax(err, name, data)}
	}
	if len(document.Content) == 0 {
		return nil, r.problems
	}
	spelling.restore(&document, map[*yaml.Node]bool{})
	return r.value(document.Content[0]), r.problems
}

// source is the position of a node.
func (r *yamlReader) source(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", r.name, n.Line, n.Column)
}

func (r *yamlReader) complain(n *yaml.Node, message, hint string) {
	r.problems = append(r.problems, problem.Problem{Source: r.source(n), Path: r.path, Message: message, Suggestion: hint})
}

func (r *yamlReader) value(n *yaml.Node) *Value {
	r.count++
	if r.count > maxValues {
		if r.count == maxValues+1 {
			r.complain(n, fmt.Sprintf("aliases make this file larger than %d values", maxValues), "")
		}
		return newScalar(nil, r.source(n))
	}
	if n.Style&yaml.TaggedStyle != 0 && (n.Kind == yaml.MappingNode && n.ShortTag() != "!!map" || n.Kind == yaml.SequenceNode && n.ShortTag() != "!!seq") {
		r.complain(n, fmt.Sprintf("the tag %s means nothing here", n.ShortTag()), "leave the tag out")
	}
	switch n.Kind {
	case yaml.AliasNode:
		if r.open[n.Alias] {
			r.complain(n, fmt.Sprintf("the anchor %s contains itself", n.Value), "")
			return newScalar(nil, r.source(n))
		}
		return r.value(n.Alias)
	case yaml.MappingNode:
		r.open[n] = true
		defer delete(r.open, n)
		return r.mapping(n)
	case yaml.SequenceNode:
		r.open[n] = true
		defer delete(r.open, n)
		list := &Value{Kind: KindList, Source: r.source(n), Items: make([]*Value, len(n.Content))}
		outer := r.path
		for i, item := range n.Content {
			r.path = below(outer, strconv.Itoa(i))
			list.setItem(i, r.value(item))
		}
		r.path = outer
		return list
	}
	v := newScalar(r.scalar(n), r.source(n))
	if _, isText := v.Scalar.(string); !isText && v.Scalar != nil && n.Style == 0 {
		v.written = n.Value
	}
	return v
}

// below is the path of a value in the map or list at path.
func below(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// mapping reads a map. Its own keys follow those of <<, and win.
func (r *yamlReader) mapping(n *yaml.Node) *Value {
	own, merged := newMap(r.source(n)), newMap("")
	outer := r.path
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, content := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Style == 0 {
			r.mergeKey(merged, content)
			continue
		}
		entry, ok := r.key(key)
		if !ok {
			continue
		}
		r.path = below(outer, entry.Key)
		entry.anchored = outer == "" && hasAnchor(content)
		if before := own.entry(entry.Key); before != nil {
			r.complain(key, fmt.Sprintf("duplicate key: %s is given in line %d and again in line %d", entry.Key, before.line, key.Line), "keep one of them")
		} else {
			entry.Value = r.value(content)
			own.set(entry)
		}
		r.path = outer
	}
	if len(merged.Entries) == 0 {
		return own
	}
	for _, e := range own.Entries {
		merged.set(e)
	}
	merged.Source = own.Source
	return merged
}

// hasAnchor reports whether a node or one below it has an anchor.
func hasAnchor(n *yaml.Node) bool { return n.Anchor != "" || slices.ContainsFunc(n.Content, hasAnchor) }

// mergeKey adds the value of << to a map: a map, or a list of maps of which the first wins.
func (r *yamlReader) mergeKey(into *Value, n *yaml.Node) {
	maps := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		maps = n.Content
	}
	for _, m := range maps {
		v := r.value(m)
		if v.Kind != KindMap {
			r.complain(m, "<< needs a map or a list of maps, not "+v.what(), "")
			continue
		}
		for _, e := range v.Entries {
			if into.Get(e.Key) == nil {
				into.set(e)
			}
		}
	}
}

// key reads a map's key as Python does.
func (r *yamlReader) key(n *yaml.Node) (Entry, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		r.complain(n, "a list or map cannot be a key", "put braces that are text into quotes")
		return Entry{}, false
	}
	scalar := r.scalar(n)
	if scalar == nil {
		r.complain(n, "null cannot be a key", "put the key into quotes")
		return Entry{}, false
	}
	e := entryOf(scalar, nil)
	e.line = n.Line
	return e, true
}

// entryOf returns the entry of a key of any type.
func entryOf(key any, value *Value) Entry {
	e := Entry{Key: newScalar(key, "").Text(), Value: value}
	if _, ok := key.(string); !ok {
		e.typed = key
	}
	return e
}

// notBase64 matches characters outside the alphabet.
var notBase64 = lazily.Regexp(`[^A-Za-z0-9+/=]+`)

// scalar reads a scalar node by its tag, or a plain one without a tag by its spelling.
func (r *yamlReader) scalar(n *yaml.Node) any {
	if n.Style&yaml.TaggedStyle == 0 {
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			return n.Value
		}
		return plainScalar(n.Value)
	}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		if b, ok := plainScalar(strings.ToLower(n.Value)).(bool); ok {
			return b
		}
	case "!!int":
		if i, ok := plainScalar(n.Value).(json.Number); ok {
			return i
		}
	case "!!float":
		switch f := plainScalar(n.Value).(type) {
		case float64:
			return f
		case json.Number:
			number, _ := f.Float64()
			return number
		}
	case "!!binary":
		// Like Python's base64, skip characters outside the alphabet, such as line breaks.
		b, err := base64.StdEncoding.DecodeString(notBase64().ReplaceAllString(n.Value, ""))
		if err == nil {
			return Bytes(b)
		}
	default:
		r.complain(n, fmt.Sprintf("the tag %s means nothing here", tag), "put a text that begins with ! into quotes")
		return n.Value
	}
	r.complain(n, fmt.Sprintf("%q is not what its tag %s says", n.Value, n.ShortTag()), "")
	return n.Value
}
