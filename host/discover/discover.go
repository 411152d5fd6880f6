// Package discover finds the command that starts a plugin, from its path or name on the command line.
package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Plugin is a plugin that was found.
type Plugin struct {
	// Command starts it.
	Command plugin.Command
	// Path is the absolute path of the file or folder that the user named: SCRIPT_PATH of a configuration.
	Path string
	// Files are the files that the plugin's description depends on.
	Files []string
	// Name is the bare name of an installed plugin; empty for a plugin that was named by its path.
	Name string
	Kind Kind
	// InterpreterFrom is where the interpreter of a task file was found: "--python", "KAGURAZAKA_PYTHON", "PATH". It is Command.Path.
	InterpreterFrom string
	// listed is the executable that a folder's plugin.yaml names by a path; empty: it is found on PATH.
	listed string
}

// Options are the options of Find.
type Options struct {
	// Python is the interpreter for .py files; empty: Find looks for one.
	Python string
	// PythonPath is the user's PYTHONPATH for task files. It follows the SDK's folder.
	PythonPath string
	// Words are the whole command line, for task files that read sys.argv while they are loaded; empty: it is not for the task.
	Words []string
	// CacheDir holds built plugins, descriptions and the unpacked SDK; see userdir.Cache.
	CacheDir string
	Log      hclog.Logger
}

// NotFoundError is the error for a plugin, or something that it needs, that was not found.
type NotFoundError struct {
	// Arg is the plugin as the user wrote it; empty: something else was not found.
	Arg string
	Why string
	// Tried are the places that Find looked at. Hints tell the user what to do.
	Tried, Hints []string
}

// ExitCode is that of a wrong usage.
func (e *NotFoundError) ExitCode() int { return exitcode.Usage }

func (e *NotFoundError) Error() string { return problem.Errors{e.Problem()}.Error() }

// Problem is the error as one problem among others.
func (e *NotFoundError) Problem() problem.Problem {
	p := problem.Problem{Message: e.Why, Suggestion: strings.TrimPrefix(problem.Hint(e.Hints...), "; hint: ")}
	if e.Arg != "" {
		p.Source = terminal.Quote(e.Arg)
	}
	var tried []string
	for _, t := range e.Tried {
		tried = append(tried, "  tried: "+t)
	}
	p.Details = strings.Join(tried, "\n")
	return p
}

// Find finds the plugin of an argument: an executable, a .py file, a folder, or a bare name.
func Find(arg string, opts Options) (*Plugin, error) {
	if opts.Log == nil {
		opts.Log = hclog.NewNullLogger()
	}
	if arg == "" {
		return nil, &NotFoundError{Why: "PLUGIN: the name is empty"}
	}
	if !isPath(arg) && !holdsPlugin(arg) {
		return findName(arg, opts)
	}
	abs, err := filepath.Abs(arg)
	if err != nil {
		return nil, fmt.Errorf("finding plugin %s: %w", arg, err)
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return findFolder(arg, abs, opts)
	case err == nil:
		return findFile(arg, abs, info, opts)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &NotFoundError{Arg: arg, Why: regular.Cause(err).Error()}
	default:
		return nil, notThere(arg, abs)
	}
}

// isPath reports whether a word names a file or folder: it has a slash, or is a task file's name. Any other word is a bare name.
// As in a shell, a program of the working folder needs its ./.
func isPath(arg string) bool { return strings.ContainsRune(arg, filepath.Separator) || isPython(arg) }

func isPython(path string) bool { return strings.EqualFold(filepath.Ext(path), ".py") }

// Exists reports whether Find would find arg, as far as it can tell without building or starting anything.
func Exists(arg string) bool {
	switch info, err := os.Stat(arg); {
	case arg == "":
		return false
	case holdsPlugin(arg):
		return true
	case isPath(arg):
		return err == nil && !info.IsDir()
	}
	path, _ := lookName(arg)
	return path != ""
}

// notThere is the error for a path that does not exist. Its hint is the name that was meant, or else the names in the last of its folders
// that exists.
func notThere(arg, abs string) error {
	missing := &NotFoundError{Arg: arg, Why: "no such file or folder"}
	if isPython(arg) {
		missing.Why = "no such file"
	}
	if near := problem.NearFile(arg); near != "" {
		missing.Hints = []string{problem.DidYouMean(near)}
		return missing
	}
	missing.Tried = []string{abs}
	dir := filepath.Dir(arg)
	for !exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	names, _ := namesIn(dir)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	if names = names[:min(len(names), 12)]; len(names) > 0 {
		where := dir
		if dir == "." {
			where = "the working folder"
		}
		missing.Hints = []string{fmt.Sprintf("%s has: %s", where, strings.Join(names, ", "))}
	}
	return missing
}

func findFile(arg, abs string, info fs.FileInfo, opts Options) (*Plugin, error) {
	if !info.Mode().IsRegular() {
		return nil, &NotFoundError{Arg: arg, Why: fmt.Sprintf("it is neither a file nor a folder (mode %s)", info.Mode())}
	}
	if isPython(arg) {
		return findPython(arg, abs, opts)
	}
	if info.Mode()&0o111 == 0 {
		return nil, &NotFoundError{
			Arg: arg, Why: fmt.Sprintf("the file is not executable (mode %s)", info.Mode().Perm()),
			Hints: []string{"a plugin is an executable: chmod +x " + arg, "a Python task file ends in .py, a Go plugin is named by its folder"},
		}
	}
	return &Plugin{Command: plugin.Command{Name: arg, Path: abs}, Path: abs, Files: []string{abs}, Kind: Executable}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// findName finds an installed plugin.
func findName(arg string, opts Options) (*Plugin, error) {
	path, tried := lookName(arg)
	if path == "" {
		why := "there is no folder of that name here, and no installed plugin"
		var hints []string
		switch info, err := os.Stat(arg); {
		case err != nil:
			hints = []string{problem.DidYouMean(nearPlugin(arg))}
		case info.IsDir():
			why = "the folder of that name here holds no plugin, and there is no installed plugin of that name"
		default:
			why = "there is no installed plugin of that name"
			hints = []string{fmt.Sprintf("to run the file %s of the working folder, write ./%s", arg, arg)}
		}
		return nil, &NotFoundError{Arg: arg, Why: why, Tried: tried, Hints: hints}
	}
	found, err := Find(path, opts)
	if err == nil {
		found.Command.Name, found.Name = arg, arg
	}
	return found, err
}

// nearPlugin is the task file or folder of the working folder that a bare name was probably meant for; empty: none.
func nearPlugin(arg string) string {
	near := problem.NearFile(arg)
	switch {
	case near == "", isPython(near), holdsPlugin(near):
		return near
	case isExecutable(near):
		return "./" + near
	}
	return ""
}
