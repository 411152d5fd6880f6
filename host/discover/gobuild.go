package discover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/trust"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// hasGoMain reports whether the folder has a Go main package.
func hasGoMain(dir string) (bool, error) {
	names, err := goFiles(dir)
	return slices.ContainsFunc(names, func(name string) bool {
		source, err := regular.Read(filepath.Join(dir, name))
		if err != nil || strings.HasSuffix(name, "_test.go") {
			return false
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, source, parser.PackageClauseOnly)
		return err == nil && f.Name.Name == "main"
	}), err
}

func goFiles(dir string) ([]string, error) {
	names, err := namesIn(dir)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".go") }), err
}

// record holds the states of a built plugin's inputs: the folders of its module and of modules replaced by a folder, and their Go sources,
// embedded files, go.mod, go.sum and go.work. Packages of the module cache and of Go itself never change.
type record map[string]string

// add records the present state of a file, or of the Go files' names in a folder.
func (r record) add(path string) { r[path] = sourceState(path) }

func sourceState(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if info.IsDir() {
		names, _ := goFiles(path)
		return strings.Join(names, "/")
	}
	return fileState(info)
}

// fresh reports whether exe was built from the present files.
func fresh(recordPath, exe string) bool {
	data, err := os.ReadFile(recordPath)
	var r record
	if err != nil || json.Unmarshal(data, &r) != nil || len(r) == 0 || !isExecutable(exe) {
		return false
	}
	for path, state := range r {
		if sourceState(path) != state {
			return false
		}
	}
	return true
}

// buildGo builds the folder's main package into the cache, unless it is there already.
func buildGo(arg, dir string, opts Options) (*Plugin, error) {
	out := filepath.Join(opts.CacheDir, "build", hash(dir)[:16])
	exe := filepath.Join(out, filepath.Base(dir))
	recordPath := filepath.Join(out, "record.json")
	found := &Plugin{Command: plugin.Command{Name: arg, Path: exe}, Path: dir, Files: []string{exe}, Kind: GoPackage}
	if fresh(recordPath, exe) {
		return found, nil
	}
	gotool, err := LookPath("go")
	if err != nil {
		return nil, &NotFoundError{
			Arg: arg, Why: "it is the source of a Go plugin, and there is no Go toolchain on PATH to build it with",
			Hints: []string{"install Go from https://go.dev/dl, or build it elsewhere and name the executable"},
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("making the build cache: %w", err)
	}
	folder, err := os.Open(out)
	if err == nil {
		defer func() { _ = folder.Close() }()
		err = filelock.Lock(folder)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the build cache: %w", err)
	}
	// Another run may have built it while this one waited.
	if fresh(recordPath, exe) {
		return found, nil
	}
	opts.Log.Info("building the plugin (once, until its source changes)", "plugin", arg)
	inputs, err := recordOf(gotool, dir)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", arg, err)
	}
	next := exe + ".new"
	build := exec.Command(gotool, "build", "-trimpath", "-buildvcs=false", "-o", next, ".")
	build.Dir = dir
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s: %w\n%s", arg, err, bytes.TrimSpace(text))
	}
	if err := store(next, exe, recordPath, inputs); err != nil {
		return nil, fmt.Errorf("storing the build of %s: %w", arg, err)
	}
	return found, nil
}

// store puts a new build into the place of exe. It removes the old record first, so that a record never belongs to another executable.
func store(next, exe, recordPath string, inputs record) error {
	data, err := json.Marshal(inputs)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(recordPath); err != nil {
		return err
	}
	if same(next, exe) {
		err = os.Remove(next)
	} else {
		err = os.Rename(next, exe)
	}
	if err != nil {
		return err
	}
	return atomicfile.Write(recordPath, data, 0)
}

// same reports whether two files have the same content.
func same(a, b string) bool {
	sumA, errA := trust.File(a)
	sumB, errB := trust.File(b)
	return errA == nil && errB == nil && sumA == sumB
}

// recordOf asks Go for the files of the package.
func recordOf(gotool, dir string) (record, error) {
	list := exec.Command(gotool, "list", "-deps", "-json=Dir,GoFiles,SFiles,CgoFiles,EmbedFiles,Standard,Module,Error", ".")
	list.Dir = dir
	var stderr bytes.Buffer
	list.Stderr = &stderr
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	r := record{}
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var p struct {
			Dir                                   string
			GoFiles, SFiles, CgoFiles, EmbedFiles []string
			Standard                              bool
			Module                                *struct {
				GoMod   string
				Main    bool
				Version string
				Replace *struct{ Version string }
			}
		}
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("reading what go list says: %w", err)
		}
		immutable := p.Module != nil && !p.Module.Main && (p.Module.Replace == nil || p.Module.Replace.Version != "")
		if p.Standard || immutable {
			continue
		}
		r.add(p.Dir)
		for _, name := range slices.Concat(p.GoFiles, p.SFiles, p.CgoFiles, p.EmbedFiles) {
			r.add(filepath.Join(p.Dir, name))
		}
		if p.Module != nil {
			root := filepath.Dir(p.Module.GoMod)
			for _, path := range []string{p.Module.GoMod, filepath.Join(root, "go.sum"), filepath.Join(root, "go.work")} {
				r.add(path)
			}
		}
	}
	return r, nil
}
