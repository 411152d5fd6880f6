package discover

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/sdk/python"
)

// wordsKey is the variable with the command line.
const wordsKey = "KAGURAZAKA_TASK_ARGV"

// withoutWords leaves the command line out of what a description depends on: one that reads it is not kept.
func withoutWords(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, wordsKey+"=") })
}

// maxWords bounds the command line that a task file gets as a variable: the system limits the length of one.
const maxWords = 100_000

// findPython makes a plugin of a Python task file. The SDK in this binary serves it, so that host and SDK never disagree, in the
// user's interpreter, which has the file's imports.
func findPython(arg, abs string, opts Options) (*Plugin, error) {
	interpreter, from, err := findInterpreter(abs, opts.Python)
	if err != nil {
		return nil, err
	}
	sdk, err := unpackSDK(opts.CacheDir)
	if err != nil {
		return nil, err
	}
	path, beside, err := modulePath(sdk, opts.PythonPath)
	if err != nil {
		return nil, err
	}
	env := []string{"PYTHONPATH=" + path, "PYTHONUNBUFFERED=1"}
	if beside != "" {
		env = append(env, "KAGURAZAKA_TASK_PATH="+beside)
	}
	if words, err := json.Marshal(opts.Words); err == nil && len(opts.Words) > 0 && len(words) < maxWords {
		env = append(env, wordsKey+"="+string(words))
	}
	return &Plugin{
		Command: plugin.Command{
			// A script's folder is first on the module path. With -m it is the working folder.
			Name: arg, Path: interpreter, Args: []string{filepath.Join(sdk, "kagurazaka_serve.py"), abs}, Env: env,
			Interpreter: interpreter,
			Hint:        fmt.Sprintf("the interpreter is %s (%s); --python names another", interpreter, from),
		},
		Path: abs, Files: []string{abs, interpreter}, Kind: PythonFile, InterpreterFrom: from,
	}, nil
}

// modulePath splits the user's PYTHONPATH into the one that Python starts with, and the entries for the task alone. Relative
// entries are for the task alone: they must not replace modules of the SDK or of Python. Empty entries stand for the working
// folder; they are accidents (PYTHONPATH=$PYTHONPATH:/x), and left out.
func modulePath(sdk, user string) (path, beside string, err error) {
	dirs := []string{sdk}
	var relative []string
	for _, dir := range filepath.SplitList(user) {
		switch {
		case filepath.IsAbs(dir):
			dirs = append(dirs, dir)
		case dir != "":
			abs, err := filepath.Abs(dir)
			if err != nil {
				return "", "", fmt.Errorf("reading PYTHONPATH: %w", err)
			}
			relative = append(relative, abs)
		}
	}
	separator := string(filepath.ListSeparator)
	return strings.Join(dirs, separator), strings.Join(relative, separator), nil
}

// findInterpreter looks at the flag and KAGURAZAKA_PYTHON, the virtual environment of this binary, the active one, a .venv beside
// the file or above it, and PATH. from names the one that it took.
func findInterpreter(file, flag string) (path, from string, err error) {
	if flag != "" {
		return chosen(flag, "--python")
	}
	if env := os.Getenv("KAGURAZAKA_PYTHON"); env != "" {
		return chosen(env, "KAGURAZAKA_PYTHON")
	}
	if exe := ownEnvironment(); exe != "" {
		return exe, "the environment that kagurazaka is installed in", nil
	}
	if env := os.Getenv("VIRTUAL_ENV"); filepath.IsAbs(env) {
		if exe := filepath.Join(env, "bin", "python3"); isExecutable(exe) {
			return exe, "VIRTUAL_ENV", nil
		}
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if exe := filepath.Join(dir, ".venv", "bin", "python3"); isExecutable(exe) {
			return exe, filepath.Join(dir, ".venv"), nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, name := range []string{"python3", "python"} {
		if exe, err := LookPath(name); err == nil {
			return exe, "PATH", nil
		}
	}
	return "", "", &NotFoundError{
		Arg: file, Why: "it is a Python task file, and there is no Python interpreter",
		Tried: []string{"--python and KAGURAZAKA_PYTHON (not given)", "VIRTUAL_ENV and .venv folders from the file's upwards", "python3 and python on PATH"},
	}
}

// ownEnvironment is the interpreter of the virtual environment that pip installed this binary into, or "".
func ownEnvironment() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	bin := filepath.Dir(self)
	exe := filepath.Join(bin, "python3")
	if !exists(filepath.Join(filepath.Dir(bin), "pyvenv.cfg")) || !isExecutable(exe) {
		return ""
	}
	return exe
}

func chosen(path, from string) (string, string, error) {
	exe, err := LookPath(path)
	if err != nil {
		return "", "", &NotFoundError{Why: fmt.Sprintf("%s %s: this interpreter cannot be run: %s", from, path, regular.Cause(err).Error())}
	}
	if abs, err := filepath.Abs(exe); err == nil {
		exe = abs
	}
	return exe, from, nil
}

// unpackSDK writes the embedded SDK into a folder of the cache, named by its content, and returns that folder.
func unpackSDK(cache string) (string, error) {
	sum, err := sdkSum()
	if err != nil {
		return "", fmt.Errorf("reading the embedded Python SDK: %w", err)
	}
	dir := filepath.Join(cache, "python", sum)
	if exists(dir) {
		return dir, nil
	}
	// If another run is faster, its folder has the same content.
	if err := unpack(dir); err != nil && !exists(dir) {
		return "", fmt.Errorf("unpacking the Python SDK: %w", err)
	}
	return dir, nil
}

// unpack makes the folder with all files at once.
func unpack(dir string) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	next, err := os.MkdirTemp(parent, "new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(next) }()
	if err := os.CopyFS(next, python.Source); err != nil {
		return err
	}
	if err := os.Chmod(next, 0o755); err != nil {
		return err
	}
	return os.Rename(next, dir)
}

func sdkSum() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(python.Source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "__pycache__") {
			return err
		}
		data, err := fs.ReadFile(python.Source, path)
		fmt.Fprintf(h, "%s %d\n", path, len(data))
		h.Write(data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}
