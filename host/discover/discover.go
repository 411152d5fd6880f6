// Package discover finds out from the path on the command line how to start that plugin.
package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plugin"
)

// Plugin is a plugin that was found.
type Plugin struct {
	// Command starts it.
	Command plugin.Command
	// Path is the absolute path of the file or folder that the user named: SCRIPT_PATH of a configuration.
	Path string
	// Files are what its description depends on: when one of them changes, the plugin is described anew.
	Files []string
	// Name is the bare name under which an installed plugin was found; empty for one that was named by its path.
	Name string
	Kind Kind
	// listed is the executable that a folder's plugin.yaml names by a path; empty: it is found on PATH.
	listed string
}

// Options say where to look.
type Options struct {
	// Python is the interpreter for .py files; empty: it is looked for.
	Python string
	// PythonPath is the user's PYTHONPATH for task files, behind the SDK's own folder; may be empty.
	PythonPath string
	// CacheDir holds what is built and unpacked; see CacheDir.
	CacheDir string
	Log      hclog.Logger
}

// NotFoundError says what was tried.
type NotFoundError struct {
	Arg   string
	Why   string
	Tried []string
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no plugin %q: %s", e.Arg, e.Why)
	for _, t := range e.Tried {
		fmt.Fprintf(&b, "\n  tried: %s", t)
	}
	return b.String()
}

// CacheDir is the folder under the user's cache where built plugins and descriptions are kept.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder (set XDG_CACHE_HOME or HOME): %w", err)
	}
	return filepath.Join(base, "kagurazaka"), nil
}

// Find resolves what the user wrote: an executable, a .py file, a folder, or a bare name.
func Find(arg string, opts Options) (*Plugin, error) {
	if opts.Log == nil {
		opts.Log = hclog.NewNullLogger()
	}
	if arg == "" {
		return nil, &NotFoundError{Arg: arg, Why: "the name is empty"}
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return findFolder(arg, opts)
	case err == nil:
		return findFile(arg, info, opts)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &NotFoundError{Arg: arg, Why: unwrapPath(err)}
	case strings.ContainsRune(arg, filepath.Separator):
		return nil, &NotFoundError{Arg: arg, Why: "there is no such file or folder", Tried: missing(arg)}
	default:
		return findName(arg, opts)
	}
}

// Exists reports whether Find would look at arg as a file, a folder or a plugin of that name, without building it.
func Exists(arg string) bool {
	if arg == "" {
		return false
	}
	if _, err := os.Stat(arg); err == nil {
		return true
	}
	if strings.ContainsRune(arg, filepath.Separator) {
		return false
	}
	path, _ := lookName(arg)
	return path != ""
}

// missing names the first part of a path that is not there, with what was meant where it can be guessed.
func missing(arg string) []string {
	dir := filepath.Dir(arg)
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	abs, err := filepath.Abs(arg)
	if err != nil {
		abs = arg
	}
	tried := []string{abs}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return tried
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && len(names) < 12 {
			names = append(names, e.Name())
		}
	}
	if len(names) > 0 {
		tried = append(tried, fmt.Sprintf("%s has: %s", dir, strings.Join(names, ", ")))
	}
	return tried
}

func findFile(arg string, info fs.FileInfo, opts Options) (*Plugin, error) {
	abs, err := filepath.Abs(arg)
	if err != nil {
		return nil, fmt.Errorf("finding plugin %s: %w", arg, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &NotFoundError{Arg: arg, Why: fmt.Sprintf("it is neither a file nor a folder (mode %s)", info.Mode())}
	}
	if strings.EqualFold(filepath.Ext(arg), ".py") {
		return findPython(arg, abs, opts)
	}
	if info.Mode()&0o111 == 0 {
		return nil, &NotFoundError{
			Arg: arg, Why: fmt.Sprintf("the file is not executable (mode %s)", info.Mode().Perm()),
			Tried: []string{"a plugin is an executable: chmod +x " + arg, "a Python task file ends in .py, a Go plugin is named by its folder"},
		}
	}
	return &Plugin{Command: plugin.Command{Name: arg, Path: abs}, Path: abs, Files: []string{abs}, Kind: Executable}, nil
}

func findName(arg string, opts Options) (*Plugin, error) {
	path, tried := lookName(arg)
	if path == "" {
		return nil, &NotFoundError{
			Arg: arg, Why: "there is no file or folder of that name here, and no installed plugin", Tried: tried,
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, &NotFoundError{Arg: arg, Why: unwrapPath(err)}
	}
	found, err := findFile(path, info, opts)
	if err == nil {
		found.Command.Name, found.Name = arg, arg
	}
	return found, err
}

// lookName looks for an installed plugin. It returns the places it looked at.
func lookName(name string) (path string, tried []string) {
	file := "kagurazaka-plugin-" + name
	for _, variable := range []string{"KAGURAZAKA_PLUGIN_PATH", "PATH"} {
		dirs := filepath.SplitList(os.Getenv(variable))
		for _, dir := range dirs {
			candidate := filepath.Join(dir, file)
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return candidate, nil
			}
		}
		switch {
		case len(dirs) == 0:
			tried = append(tried, fmt.Sprintf("%s on %s, which is not set", file, variable))
		default:
			tried = append(tried, fmt.Sprintf("%s in the %d folders of %s", file, len(dirs), variable))
		}
	}
	return "", tried
}

func unwrapPath(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
