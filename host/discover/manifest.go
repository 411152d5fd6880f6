package discover

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// manifest is a folder's plugin.yaml.
type manifest struct {
	// Command starts the plugin. A first word that has a slash is taken from the folder; {dir} stands for the folder.
	Command []string
	// Env is added to the environment; {dir} stands for the folder.
	Env map[string]string
}

// manifestReader collects what is wrong with a plugin.yaml.
type manifestReader struct {
	path     string
	problems []problem.Problem
}

func (r *manifestReader) complain(line int, path, message, suggestion string) {
	source := r.path
	if line > 0 {
		source = fmt.Sprintf("%s:%d", r.path, line)
	}
	r.problems = append(r.problems, problem.Problem{Source: source, Path: path, Message: message, Suggestion: suggestion})
}

// readManifest reads a plugin.yaml and says everything that is wrong with it.
func readManifest(path string, data []byte) (manifest, []problem.Problem) {
	r := &manifestReader{path: path}
	m := manifest{Env: map[string]string{}}
	const example = "write for example `command: [./my-plugin]`"
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		r.complain(0, "", "it names no command", example)
		return m, r.problems
	case err != nil:
		r.complain(0, "", strings.TrimPrefix(err.Error(), "yaml: "), "")
		return m, r.problems
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.complain(0, "", "it has more than one document", "remove the --- line and what follows")
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		r.complain(top.Line, "", "it has to be a map with command: and env:", example)
		return m, r.problems
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if seen[key.Value] {
			r.complain(key.Line, key.Value, "it is given twice", "keep one of them")
			continue
		}
		seen[key.Value] = true
		switch key.Value {
		case "command":
			m.Command = r.words(value)
		case "env":
			r.env(m.Env, value)
		default:
			r.complain(key.Line, key.Value, "it is unknown", problem.Meant(key.Value, "there are", []string{"command", "env"}))
		}
	}
	if len(m.Command) == 0 && len(r.problems) == 0 {
		r.complain(top.Line, "", "it names no command", example)
	}
	return m, r.problems
}

// text reads a word. Numbers and the like are meant as they are written.
func (r *manifestReader) text(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!binary":
		r.complain(n.Line, path, "it has to be text", "put it into quotes")
	case strings.ContainsRune(n.Value, 0):
		r.complain(n.Line, path, "it cannot hold a zero byte", "")
	default:
		return n.Value, true
	}
	return "", false
}

func (r *manifestReader) words(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		r.complain(n.Line, "command", "it has to be a list of words", "write for example `command: [./my-plugin, --fast]`")
		return nil
	}
	var words []string
	for i, item := range n.Content {
		path := fmt.Sprintf("command.%d", i)
		word, ok := r.text(item, path)
		if ok && i == 0 && word == "" {
			r.complain(item.Line, path, "the program has no name", "")
		}
		words = append(words, word)
	}
	return words
}

func (r *manifestReader) env(into map[string]string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.complain(n.Line, "env", "it has to be a map from names to values", "write for example `env: {NAME: value}`")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, ok := r.text(key, "env")
		switch {
		case !ok:
			continue
		case name == "" || strings.ContainsRune(name, '='):
			r.complain(key.Line, "env."+name, "a variable's name is not empty and has no =", "")
			continue
		}
		if _, twice := into[name]; twice {
			r.complain(key.Line, "env."+name, "it is given twice", "keep one of them")
			continue
		}
		if text, ok := r.text(value, "env."+name); ok {
			into[name] = text
		}
	}
}
