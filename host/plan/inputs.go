package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// CheckInputs returns a *template.InputError if the inputs on the local disk cannot be listed at all. It does not list them.
func CheckInputs(t *template.Template) error { return checkInputs(localDisk{}, t) }

// checkInputs returns a *template.InputError if the inputs cannot be listed at all. It does not list them.
func checkInputs(store FS, t *template.Template) error {
	switch {
	case t.Input == nil || !t.Native():
		return nil
	case t.Input.Kind == template.Merged:
		return checkModes(store, t)
	case t.InputPaths != nil && t.Input.NeedsFolder():
		return checkRoots(store, t)
	case t.Input.IsStdin():
		return nil
	case t.Input.JSONL != "":
		if kind, _, err := stat(store, t.Input.JSONL, true); err == nil && kind == kindOther {
			// Opening a pipe and closing it again would end its writer.
			return nil
		}
		file, err := openLines(store, t.Input)
		if err == nil {
			err = file.Close()
		}
		return err
	case t.Input.Globs() && strings.HasPrefix(t.Input.Glob, "/"):
		return nil
	}
	problem := func(message string, err error) error {
		return &template.InputError{Path: t.InputPath, From: t.InputFrom, Message: message, Err: err}
	}
	kind, _, err := stat(store, t.InputPath, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		where := ""
		if dir, err := os.Getwd(); err == nil && !filepath.IsAbs(t.InputPath) && store == (localDisk{}) {
			where = " in " + dir
		}
		return &template.InputError{Path: t.InputPath, From: t.InputFrom, Message: "there is no such folder" + where, Hint: near(store, t.InputPath)}
	case err != nil:
		return problem("the folder cannot be looked at", err)
	case kind != kindFolder:
		return problem("it is not a folder", nil)
	}
	dir, err := openFolder(store, t.InputPath)
	if err != nil {
		return problem("the folder cannot be read", err)
	}
	dir.close()
	return nil
}

// near is a suggestion for a folder that does not exist; empty: none beside it has such a name.
func near(store FS, path string) string {
	parent, name := filepath.Split(filepath.Clean(path))
	dir, err := openFolder(store, cmp.Or(parent, "."))
	if err != nil {
		return ""
	}
	defer dir.close()
	var names nameList
	// Half of the names may have the one that was meant.
	_ = dir.read(&names)
	var options []string
	for _, n := range names.all {
		if n.kind != kindFile {
			options = append(options, string(names.bytes(n)))
		}
	}
	if meant := suggest.Closest(name, options); meant != "" {
		return "did you mean " + parent + meant + "?"
	}
	return ""
}

// lost reports a folder that could not be opened. Without the input folder itself, the listing ends.
func (w *walk) lost(path string, err error) error {
	switch {
	case path == w.t.InputPath:
		return &template.InputError{Path: path, Message: "the folder cannot be read", Err: err}
	case isMissing(err):
		w.warn(Warning{Path: path, Message: "the folder vanished while it was listed", Err: err}, false)
	case isLoop(err):
		w.warnLoop(path, err)
	default:
		w.warn(Warning{Path: path, Message: "the folder cannot be read, so what is in it is left out", Err: err}, true)
	}
	return w.ctx.Err()
}

func (w *walk) warnLoop(path string, err error) {
	w.warn(Warning{Path: path, Message: "the link leads round in a circle", Err: err}, false)
}

// readNames reads a folder into w.names, and returns it open.
func (w *walk) readNames(path string) (*folder, error) {
	dir, err := openFolder(w.store, path)
	if err != nil {
		return nil, err
	}
	w.names.reset()
	if err := dir.read(w.names); err != nil {
		w.warn(Warning{Path: path, Message: fmt.Sprintf("the folder could be read in part alone: %s", count.Of(len(w.names.all), "name")), Err: err}, true)
	}
	return dir, nil
}

// walkExts lists a folder's files by name, then its folders by name, each in the same way. Links to folders are
// neither entered nor listed. A link that leads nowhere is a file.
func (w *walk) walkExts(rel string) error {
	path := w.t.InputPath
	if rel != "." {
		path = template.Join(path, rel)
	}
	dir, err := w.readNames(path)
	if err != nil {
		return w.lost(path, err)
	}
	folders := w.files(dir)
	if w.within != nil {
		folders = w.leaveOutputs(rel, folders)
	}
	folders = w.leaveFiltered(dir, rel, folders)
	dir.close()
	if w.t.Input.Kind == template.ByGroup {
		if err := w.gather(rel); err != nil {
			return &template.InputError{Path: path, Err: err}
		}
	}
	if err := w.emit(&group{dir: template.Join(w.t.InputPath, rel), relDir: rel, names: w.names}); err != nil {
		return err
	}
	slices.Sort(folders)
	for _, f := range folders {
		if rel != "." {
			f = rel + "/" + f
		}
		if err := w.walkExts(f); err != nil {
			return err
		}
	}
	return nil
}

// files leaves the wanted files in w.names and returns the folders.
func (w *walk) files(dir *folder) []string {
	var folders []string
	w.names.all = slices.DeleteFunc(w.names.all, func(n name) bool {
		text := w.names.bytes(n)
		kind, ok := w.kind(dir, n)
		if kind == kindFolder && !template.IsOurs(unsafeString(text)) {
			folders = append(folders, string(text))
		}
		if !ok || kind == kindFolder || !endsWithAny(text, w.t.Input.Exts) {
			return true
		}
		kind = behindLinks(dir, text, kind)
		if kind == kindOther {
			w.leaveSpecial(dir.path, text)
		}
		return kind != kindFile
	})
	return folders
}

// kind returns the kind of an entry, also if the folder does not have it. It does not follow links. False: the entry vanished.
func (w *walk) kind(dir *folder, n name) (fileKind, bool) {
	if n.kind != kindUnknown {
		return n.kind, true
	}
	text := string(w.names.bytes(n))
	kind, _, err := dir.stat(text, false)
	if err != nil {
		w.warn(Warning{Path: template.Join(dir.path, text), Message: "it vanished while it was listed", Err: err}, false)
	}
	return kind, err == nil
}

// behindLinks follows links: it returns kindFile, kindFolder or kindOther. A link that leads nowhere is a file.
func behindLinks(dir *folder, text []byte, kind fileKind) fileKind {
	if kind != kindLink && kind != kindUnknown {
		return kind
	}
	kind, _, err := dir.stat(string(text), true)
	if err != nil {
		return kindFile
	}
	return kind
}

// leaveSpecial counts a named pipe, a socket or a device: reading from it may wait for ever.
func (w *walk) leaveSpecial(path string, text []byte) {
	w.o.counters.Special.Add(1)
	w.remarks.special.add(template.Join(path, string(text)))
}

// walkInputFolder lists the input folder itself, the item of depth 0.
func (w *walk) walkInputFolder() error {
	path, err := filepath.Abs(w.t.InputPath)
	if err != nil {
		return &template.InputError{Path: w.t.InputPath, Err: err}
	}
	w.names.reset()
	if err := w.names.add([]byte(strings.TrimPrefix(filepath.Base(path), "/")), kindFolder); err != nil {
		return err
	}
	return w.emit(&group{path: w.t.InputPath, relDir: "..", names: w.names})
}
