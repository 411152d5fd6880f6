package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/yamldoc"
)

const manifestName = "plugin.yaml"

func findFolder(arg, abs string, opts Options) (*Plugin, error) {
	manifestPath := filepath.Join(abs, manifestName)
	data, err := regular.Read(manifestPath)
	if err == nil {
		return fromManifest(arg, abs, manifestPath, data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, &NotFoundError{Arg: arg, Why: fmt.Sprintf("reading %s: %v", manifestPath, regular.Cause(err))}
	}
	exe := filepath.Join(abs, filepath.Base(abs))
	if isExecutable(exe) {
		return &Plugin{Command: plugin.Command{Name: arg, Path: exe}, Path: abs, Files: []string{exe}, Kind: Executable}, nil
	}
	isGo, err := hasGoMain(abs)
	if err != nil {
		return nil, &NotFoundError{Arg: arg, Why: regular.Cause(err).Error()}
	}
	if isGo {
		return buildGo(arg, abs, opts)
	}
	why := "not there"
	if exists(exe) {
		why = "there, but not executable"
	}
	return nil, &NotFoundError{Arg: arg, Why: "the folder holds no plugin", Tried: []string{
		manifestPath + " (a file that names the command: not there)",
		exe + " (an executable named like the folder: " + why + ")",
		abs + "/*.go (a Go main package: none)",
	}}
}

func fromManifest(arg, dir, path string, data []byte) (*Plugin, error) {
	m, problems := readManifest(path, data)
	if err := problem.Err(problems); err != nil {
		return nil, err
	}
	expand := func(s string) string { return strings.ReplaceAll(s, "{dir}", dir) }
	words := make([]string, len(m.Command))
	for i, w := range m.Command {
		words[i] = expand(w)
	}
	exe, listed := words[0], ""
	if strings.ContainsRune(exe, filepath.Separator) {
		if !filepath.IsAbs(exe) {
			exe = filepath.Join(dir, exe)
		}
		listed = exe
	} else {
		found, err := LookPath(exe)
		if err != nil {
			return nil, exitcode.Usagef("%s: command: %q is not on PATH; hint: write ./%s for a file in the folder", path, exe, exe)
		}
		exe = found
	}
	p := &Plugin{Command: plugin.Command{Name: arg, Path: exe, Args: words[1:]}, Path: dir, Files: []string{path, exe}, Kind: Folder, listed: listed}
	for _, name := range slices.Sorted(maps.Keys(m.Env)) {
		p.Command.Env = append(p.Command.Env, name+"="+expand(m.Env[name]))
	}
	// The description may depend on any of the folder's files.
	p.Files = append(p.Files, filesBelow(dir, 200)...)
	return p, nil
}

func filesBelow(dir string, most int) []string {
	var files []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || len(files) >= most {
			return fs.SkipDir
		}
		if d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "__pycache__") {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// manifest is a folder's plugin.yaml.
type manifest struct {
	// Command starts the plugin. A first word with a slash is relative to the folder. {dir} stands for the folder.
	Command []string
	// Env is added to the environment. {dir} stands for the folder.
	Env map[string]string
}

// readManifest reads a plugin.yaml and returns all its problems.
func readManifest(path string, data []byte) (manifest, []problem.Problem) {
	r := &manifestReader{yamldoc.Reader{Path: path}}
	m := manifest{Env: map[string]string{}}
	const example = "write for example `command: [./my-plugin]`"
	top := r.Document(data)
	if top == nil {
		if len(r.Problems) == 0 {
			r.Complain(0, "", "the command is missing", example)
		}
		return m, r.Problems
	}
	isMap := r.Map(top, "", func(key, value *yaml.Node) {
		switch key.Value {
		case "command":
			m.Command = r.words(value)
		case "env":
			r.env(m.Env, value)
		default:
			r.Complain(key.Line, key.Value, "unknown key", problem.Meant(key.Value, "there are", []string{"command", "env"}))
		}
	})
	switch {
	case !isMap:
		r.Complain(top.Line, "", "must be a map with command: and env:", example)
	case len(m.Command) == 0 && len(r.Problems) == 0:
		r.Complain(top.Line, "", "the command is missing", example)
	}
	return m, r.Problems
}

type manifestReader struct{ yamldoc.Reader }

// text reads a word as it is written, also a number.
func (r *manifestReader) text(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!binary":
		r.Complain(n.Line, path, "must be text", "put it into quotes")
	case strings.ContainsRune(n.Value, 0):
		r.Complain(n.Line, path, "must not contain a zero byte", "")
	default:
		return n.Value, true
	}
	return "", false
}

func (r *manifestReader) words(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		r.Complain(n.Line, "command", "must be a list of words", "write for example `command: [./my-plugin, --fast]`")
		return nil
	}
	var words []string
	for i, item := range n.Content {
		path := fmt.Sprintf("command.%d", i)
		word, ok := r.text(item, path)
		if ok && i == 0 && word == "" {
			r.Complain(item.Line, path, "the program's name is empty", "")
		}
		words = append(words, word)
	}
	return words
}

func (r *manifestReader) env(into map[string]string, n *yaml.Node) {
	if yamldoc.IsNull(n) {
		return
	}
	isMap := r.Map(n, "env", func(key, value *yaml.Node) {
		name, ok := r.text(key, "env")
		switch {
		case !ok:
			return
		case name == "" || strings.ContainsRune(name, '='):
			r.Complain(key.Line, "env."+name, "a variable's name must not be empty or contain =", "")
			return
		}
		if text, ok := r.text(value, "env."+name); ok {
			into[name] = text
		}
	})
	if !isMap {
		r.Complain(n.Line, "env", "must be a map from names to values", "write for example `env: {NAME: value}`")
	}
}
