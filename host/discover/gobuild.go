package discover

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := regular.Read(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, source, parser.PackageClauseOnly)
		if err == nil && f.Name.Name == "main" {
			return true, nil
		}
	}
	return false, nil
}

func goFiles(dir string) ([]string, error) {
	names, err := namesIn(dir)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".go") }), err
}

// buildRecord holds the inputs of a built plugin: the folders of its module, and of modules replaced by a folder. Packages of the
// module cache and of Go itself never change.
type buildRecord struct {
	// Folders holds the names of each folder's Go files.
	Folders map[string][]string `json:"folders"`
	// Files holds the identity of every file: Go sources, embedded files, go.mod, go.sum, go.work.
	Files map[string]fileIdentity `json:"files"`
}

type fileIdentity struct {
	Size  int64  `json:"size"`
	MTime int64  `json:"mtime"`
	Hash  string `json:"hash"`
}

// buildGo builds the folder's main package into the cache, unless it is there already.
func buildGo(arg, dir string, opts Options) (*Plugin, error) {
	key := sha256.Sum256([]byte(dir))
	out := filepath.Join(opts.CacheDir, "build", hex.EncodeToString(key[:8]))
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
	unlock, err := lockFile(filepath.Join(out, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Another run may have built it while this one waited.
	if fresh(recordPath, exe) {
		return found, nil
	}
	opts.Log.Info("building the plugin (once, until its source changes)", "plugin", arg)
	record, err := recordOf(gotool, dir)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", arg, err)
	}
	next := exe + ".new"
	build := exec.Command(gotool, "build", "-trimpath", "-buildvcs=false", "-o", next, ".")
	build.Dir = dir
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s: %w\n%s", arg, err, bytes.TrimSpace(text))
	}
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("recording the build of %s: %w", arg, err)
	}
	// Remove the old record first, so that a record never belongs to another executable.
	if err := os.RemoveAll(recordPath); err != nil {
		return nil, fmt.Errorf("recording the build of %s: %w", arg, err)
	}
	if err := os.Rename(next, exe); err != nil {
		return nil, fmt.Errorf("storing the build of %s: %w", arg, err)
	}
	if err := atomicfile.Write(recordPath, data, 0); err != nil {
		return nil, fmt.Errorf("recording the build of %s: %w", arg, err)
	}
	return found, nil
}

// recordOf asks Go for the files of the package.
func recordOf(gotool, dir string) (*buildRecord, error) {
	list := exec.Command(gotool, "list", "-deps", "-json=Dir,GoFiles,SFiles,CgoFiles,EmbedFiles,Standard,Module,Error", ".")
	list.Dir = dir
	var stderr bytes.Buffer
	list.Stderr = &stderr
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	r := &buildRecord{Folders: map[string][]string{}, Files: map[string]fileIdentity{}}
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
		if r.Folders[p.Dir], err = goFiles(p.Dir); err != nil {
			return nil, err
		}
		files := slices.Concat(p.GoFiles, p.SFiles, p.CgoFiles, p.EmbedFiles)
		for i := range files {
			files[i] = filepath.Join(p.Dir, files[i])
		}
		if p.Module != nil {
			root := filepath.Dir(p.Module.GoMod)
			files = append(files, p.Module.GoMod, filepath.Join(root, "go.sum"), filepath.Join(root, "go.work"))
		}
		for _, f := range files {
			if _, known := r.Files[f]; !known {
				r.Files[f] = identify(f)
			}
		}
	}
	return r, nil
}

// identify returns the zero identity for a missing file.
func identify(path string) fileIdentity {
	info, err := os.Stat(path)
	if err != nil {
		return fileIdentity{}
	}
	sum, _ := trust.File(path)
	return fileIdentity{Size: info.Size(), MTime: info.ModTime().UnixNano(), Hash: sum}
}

// fresh reports whether exe was built from the present files. It reads only files whose time differs.
func fresh(recordPath, exe string) bool {
	data, err := os.ReadFile(recordPath)
	if err != nil {
		return false
	}
	var r buildRecord
	if json.Unmarshal(data, &r) != nil {
		return false
	}
	if !isExecutable(exe) {
		return false
	}
	for dir, names := range r.Folders {
		now, err := goFiles(dir)
		if err != nil || !slices.Equal(now, names) {
			return false
		}
	}
	for path, was := range r.Files {
		info, err := os.Stat(path)
		switch {
		case err != nil && was == fileIdentity{}:
		case err != nil || info.Size() != was.Size:
			return false
		case info.ModTime().UnixNano() != was.MTime:
			if sum, _ := trust.File(path); sum != was.Hash {
				return false
			}
		}
	}
	return true
}

// lockFile waits for an advisory lock. The kernel releases it with the process.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if err := filelock.Lock(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
