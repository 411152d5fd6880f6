package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// CheckInputs reports inputs that cannot be listed at all, as *template.InputError, without listing them. Walk checks the same.
func CheckInputs(t *template.Template) error {
	switch {
	case t.Input == nil || !t.Native():
		return nil
	case t.Input.JSONL != "":
		if kind, err := pathExists(t.Input.JSONL, true); err == nil && kind == kindOther {
			// Opening a pipe and closing it again would end who writes into it.
			return nil
		}
		file, err := openLines(t.Input)
		if err == nil {
			err = file.Close()
		}
		return err
	case t.Input.Kind == template.ByGlob && strings.HasPrefix(t.Input.Glob, "/"):
		return nil
	}
	return checkFolder(t)
}

func checkFolder(t *template.Template) error {
	path := t.InputPath
	kind, err := pathExists(path, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		message := "there is no such folder"
		if dir, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
			message += " in " + dir
		}
		return &template.InputError{Path: path, Message: message, From: t.InputFrom}
	case err != nil:
		return &template.InputError{Path: path, Message: "the folder cannot be looked at", From: t.InputFrom, Err: err}
	case kind != kindFolder:
		return &template.InputError{Path: path, Message: "it is not a folder", From: t.InputFrom}
	}
	dir, err := openFolder(path)
	if err != nil {
		return &template.InputError{Path: path, Message: "the folder cannot be read", From: t.InputFrom, Err: err}
	}
	dir.close()
	return nil
}

// lost reports a folder that was listed and could not be opened.
func (w *walk) lost(path string, err error) {
	switch {
	case isMissing(err):
		w.warn(Warning{Path: path, Message: "the folder vanished while it was listed", Err: err}, false)
	case isLoop(err):
		w.warn(Warning{Path: path, Message: "the link leads round in a circle", Err: err}, false)
	default:
		w.warn(Warning{Path: path, Message: "the folder cannot be read, so what is in it is left out", Err: err}, true)
	}
}

// readNames reads a folder into w.names, which the next folder uses again, and leaves it open.
func (w *walk) readNames(path string) (folder, error) {
	dir, err := openFolder(path)
	if err != nil {
		return dir, err
	}
	w.names.reset()
	if err := dir.read(w.names, w.buf); err != nil {
		w.warn(Warning{Path: path, Message: fmt.Sprintf("the folder could be read in part alone: %s", count.Of(len(w.names.all), "name")), Err: err}, true)
	}
	return dir, nil
}

// kind finds out what an entry is where the folder did not say; links are not followed. False: it vanished.
func (w *walk) kind(dir folder, path string, n name) (fileKind, bool) {
	if n.kind != kindUnknown {
		return n.kind, true
	}
	text := string(w.names.bytes(n))
	kind, _, err := dir.stat(text, false)
	if err != nil {
		w.warn(Warning{Path: template.Join(path, text), Message: "it vanished while it was listed", Err: err}, false)
		return kind, false
	}
	return kind, true
}

// walkExts lists a folder's files by name, then its folders by name, each in the same way. Links to folders are
// neither entered nor listed; links that lead nowhere are files.
func (w *walk) walkExts() error {
	if err := CheckInputs(w.t); err != nil {
		return err
	}
	return w.exts(w.t.InputPath, ".")
}

func (w *walk) exts(path, rel string) error {
	dir, err := w.readNames(path)
	if err != nil {
		if rel == "." {
			return &template.InputError{Path: path, Message: "the folder cannot be read", Err: err}
		}
		w.lost(path, err)
		return w.ctx.Err()
	}
	folders := w.extsFiles(dir, path)
	dir.close()
	if w.within != nil {
		folders = w.outputsOf(rel, folders)
	}
	if err := w.emit(&group{dir: template.Join(w.t.InputPath, rel), relDir: rel, names: w.names}); err != nil {
		return err
	}
	slices.Sort(folders)
	for _, f := range folders {
		below := f
		if rel != "." {
			below = rel + "/" + f
		}
		if err := w.exts(template.Join(w.t.InputPath, below), below); err != nil {
			return err
		}
	}
	return nil
}

// extsFiles leaves the wanted files in w.names and returns the folders.
func (w *walk) extsFiles(dir folder, path string) []string {
	var folders []string
	files := w.names.all[:0]
	for _, n := range w.names.all {
		kind, ok := w.kind(dir, path, n)
		if !ok {
			continue
		}
		text := w.names.bytes(n)
		if kind == kindFolder {
			if !isOurs(text) {
				folders = append(folders, string(text))
			}
			continue
		}
		if !endsWithAny(text, w.t.Input.Exts) {
			continue
		}
		switch entryOf(dir, text, kind) {
		case entryFile:
			files = append(files, n)
		case entrySpecial:
			w.leaveSpecial(path, text)
		}
	}
	w.names.all = files
	return folders
}

// entry is what an entry of a folder is to a listing, links followed.
type entry uint8

const (
	// entryFile is a file, or a link that leads nowhere.
	entryFile entry = iota
	entryFolder
	// entrySpecial is a named pipe, a socket or a device: reading from it may wait for ever.
	entrySpecial
)

// entryOf asks for links, and for what the folder did not tell the type of.
func entryOf(dir folder, text []byte, kind fileKind) entry {
	if kind == kindLink || kind == kindUnknown {
		to, _, err := dir.stat(string(text), true)
		if err != nil {
			return entryFile
		}
		kind = to
	}
	switch kind {
	case kindFolder:
		return entryFolder
	case kindOther:
		return entrySpecial
	default:
		return entryFile
	}
}

func (w *walk) leaveSpecial(path string, text []byte) {
	w.o.Counters.Special.Add(1)
	w.told.special.add(template.Join(path, string(text)))
}

// walkSubDirectories lists the folders at one depth. Links are followed.
func (w *walk) walkSubDirectories() error {
	if err := CheckInputs(w.t); err != nil {
		return err
	}
	path := w.t.InputPath
	if w.t.Input.Level > 0 {
		return w.subDirectories(path, ".", 1, nil)
	}
	name, err := baseOf(path)
	if err != nil {
		return &template.InputError{Path: path, Err: err}
	}
	w.names.reset()
	w.names.add([]byte(name), kindFolder)
	return w.emit(&group{path: path, relDir: "..", names: w.names})
}

func (w *walk) subDirectories(path, rel string, level int, above []fileID) error {
	folders, above, err := w.foldersOf(path, nil, above, level == w.t.Input.Level)
	if err != nil {
		if rel == "." {
			return &template.InputError{Path: path, Message: "the folder cannot be read", Err: err}
		}
		w.lost(path, err)
		return w.ctx.Err()
	}
	if level == w.t.Input.Level {
		g := &group{dir: path, relDir: rel, names: w.names}
		w.warnWithin(g)
		return w.emit(g)
	}
	for _, f := range folders {
		below := f
		if rel != "." {
			below = rel + "/" + f
		}
		if err := w.subDirectories(template.Join(path, f), below, level+1, above); err != nil {
			return err
		}
	}
	return nil
}

// foldersOf reads the folders of a folder, links to folders included, that match the pattern (nil: all). With last they
// are left in w.names; otherwise they are returned in order, with the folders that lie above them.
func (w *walk) foldersOf(path string, p *pattern, above []fileID, last bool) ([]string, []fileID, error) {
	dir, err := w.readNames(path)
	if err != nil {
		return nil, above, err
	}
	defer dir.close()
	if id, err := dir.id(); err == nil {
		above = append(slices.Clip(above), id)
	}
	kept := w.names.all[:0]
	for _, n := range w.names.all {
		text := w.names.bytes(n)
		if p != nil && !p.wants(text) || isOurs(text) || !w.isFolder(dir, path, n, above) {
			continue
		}
		kept = append(kept, n)
	}
	w.names.all = kept
	if last {
		return nil, above, nil
	}
	w.names.sort()
	var folders []string
	for _, n := range w.names.all {
		folders = append(folders, string(w.names.bytes(n)))
	}
	return folders, above, nil
}

// isFolder follows links and reports those that lead in a circle. A link to a folder above is a folder all the same:
// the depth is bounded, and what lies below it is listed again under its name, as ever.
func (w *walk) isFolder(dir folder, path string, n name, above []fileID) bool {
	kind, ok := w.kind(dir, path, n)
	if !ok || kind != kindLink {
		return ok && kind == kindFolder
	}
	text := string(w.names.bytes(n))
	kind, id, err := dir.stat(text, true)
	if isLoop(err) {
		w.warn(Warning{Path: template.Join(path, text), Message: "the link leads round in a circle", Err: err}, false)
	}
	if err != nil || kind != kindFolder {
		return false
	}
	if slices.Contains(above, id) {
		w.warn(Warning{Path: template.Join(path, text), Message: "the link leads back to a folder that it lies in, which is listed once more"}, false)
	}
	return true
}
