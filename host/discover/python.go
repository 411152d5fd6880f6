package discover

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/sdk/python"
)

// findPython makes a plugin of a Python task file: it is served by the SDK that is embedded in this binary, so that
// host and SDK never disagree, in the user's own interpreter, so that the file's imports are there.
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
	return &Plugin{
		Command: plugin.Command{
			// A script's folder is first on the module path. With -m that would be the working folder.
			Name: arg, Path: interpreter, Args: []string{filepath.Join(sdk, "kagurazaka_serve.py"), abs}, Env: env,
			Hint: fmt.Sprintf("the interpreter is %s (%s); --python names another", interpreter, from),
		},
		Path: abs, Files: []string{abs, interpreter}, Kind: PythonFile,
	}, nil
}

// modulePath makes of the user's PYTHONPATH the one that Python is started with, and what the task alone has on its path beside
// its own folder: entries that are relative lie in or below the working folder, and must not stand in for modules of the SDK or of
// Python. Empty entries, which mean that folder itself, are accidents (PYTHONPATH=$PYTHONPATH:/x) and left out.
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

// findInterpreter looks where the user said, in the virtual environment that this binary was installed into, in the
// active one, in a .venv beside the file or above it, and on PATH. from says which it was.
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

// ownEnvironment is the interpreter of the virtual environment that this binary lies in: pip put it there.
func ownEnvironment() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	bin := filepath.Dir(self)
	if _, err := os.Stat(filepath.Join(filepath.Dir(bin), "pyvenv.cfg")); err != nil {
		return ""
	}
	if exe := filepath.Join(bin, "python3"); isExecutable(exe) {
		return exe
	}
	return ""
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

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && isProgram(info)
}

// unpackSDK writes the embedded SDK into the cache, in a folder named by its content, and returns that folder.
func unpackSDK(cache string) (string, error) {
	files, sum, err := sdkFiles()
	if err != nil {
		return "", fmt.Errorf("reading the embedded Python SDK: %w", err)
	}
	dir := filepath.Join(cache, "python", sum)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("unpacking the Python SDK: %w", err)
	}
	next, err := os.MkdirTemp(parent, "new-*")
	if err != nil {
		return "", fmt.Errorf("unpacking the Python SDK: %w", err)
	}
	for name, data := range files {
		path := filepath.Join(next, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", fmt.Errorf("unpacking the Python SDK: %w", err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return "", fmt.Errorf("unpacking the Python SDK: %w", err)
		}
	}
	if err := os.Chmod(next, 0o755); err != nil {
		return "", fmt.Errorf("unpacking the Python SDK: %w", err)
	}
	if err := os.Rename(next, dir); err != nil {
		// Another run was faster: its folder has the same content.
		_ = os.RemoveAll(next)
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", fmt.Errorf("unpacking the Python SDK: %w", errors.Join(err, statErr))
		}
	}
	return dir, nil
}

func sdkFiles() (map[string][]byte, string, error) {
	files := map[string][]byte{}
	h := sha256.New()
	err := fs.WalkDir(python.Source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || strings.Contains(path, "__pycache__") {
			return nil
		}
		data, err := fs.ReadFile(python.Source, path)
		if err != nil {
			return err
		}
		files[path] = data
		fmt.Fprintf(h, "%s %d\n", path, len(data))
		h.Write(data)
		return nil
	})
	return files, hex.EncodeToString(h.Sum(nil))[:16], err
}
