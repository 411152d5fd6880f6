// Package yamldoc reads small YAML files of fixed form and collects all that is wrong with them, with lines.
package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

var errorLine = lazily.Regexp(`^line (\d+): `)

// Reader collects what is wrong with the file at Path.
type Reader struct {
	Path     string
	Problems []problem.Problem
}

// Complain adds a problem of a line; line 0 stands for the file as a whole. path names the field.
func (r *Reader) Complain(line int, path, message, suggestion string) {
	source := r.Path
	if line > 0 {
		source = fmt.Sprintf("%s:%d", r.Path, line)
	}
	r.Problems = append(r.Problems, problem.Problem{Source: source, Path: path, Message: message, Suggestion: suggestion})
}

// Document returns the top node of the one document in data. It returns nil where the file is empty or is not YAML.
func (r *Reader) Document(data []byte) *yaml.Node {
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
		if found := errorLine().FindStringSubmatch(text); found != nil {
			line, _ = strconv.Atoi(found[1])
			text = text[len(found[0]):]
		}
		r.Complain(line, "", "this is not YAML: "+text, "")
		return nil
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.Complain(0, "", "it has more than one document", "remove the --- line and what follows")
	}
	return document.Content[0]
}

// Map calls field for every member of a map, and reports whether n is one. Of two members with the same key it complains, and field
// sees the first. path names the map in problems, empty for the top of the file.
func (r *Reader) Map(n *yaml.Node, path string, field func(key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if before := lines[key.Value]; before > 0 && key.Kind == yaml.ScalarNode {
			r.Complain(key.Line, strings.TrimPrefix(path+"."+key.Value, "."), fmt.Sprintf("it is given in line %d already", before), "keep one of them")
			continue
		}
		lines[key.Value] = key.Line
		field(key, n.Content[i+1])
	}
	return true
}

// IsNull reports whether a node stands for nothing.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
