package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/regular"
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
			return nil, fmt.Errorf("%s: the command %q is not on PATH; write ./%s for a file in the folder", path, exe, exe)
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
