package shard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Layout is folders BASE/IDX/NAME, one a part, as HardShardModeV1 reads them. Their files are hard links to those below a folder. Files
// of one folder that share a stem stay together: they may be one item.
type Layout struct {
	// In is the folder whose files are divided, Base the folder of the parts.
	In    string `json:"in"`
	Base  string `json:"-"`
	Name  string `json:"name"`
	Parts int    `json:"shards"`
	// BySize makes parts of equal bytes. Otherwise Hash divides, by REL_DIR and the stem; nil: one after the other.
	BySize bool                                 `json:"-"`
	Hash   func(relDir, fileName string) uint64 `json:"-"`
}

// Make makes the folders. It finishes what a command that was killed has begun. Nothing is changed before all is known to fit, and a
// folder of a part exists only once it has all its files.
func (l Layout) Make(ctx context.Context) ([]Part, error) {
	if l.Name == "" || l.Name != filepath.Base(l.Name) || l.Name == ".." || l.Name == "." {
		return nil, fmt.Errorf("--name %q must be the name of a folder", l.Name)
	}
	if strings.ContainsFunc(l.Name, unicode.IsControl) {
		return nil, fmt.Errorf("--name %q must not have newlines or other control characters: the commands of the parts have it", l.Name)
	}
	var err error
	if l.In, err = realFolder(l.In); err != nil {
		return nil, err
	}
	if err := l.apart(); err != nil {
		return nil, err
	}
	before, err := readMark(l.Base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case before.State == made:
		return nil, fmt.Errorf("%s has the files of %s already, in %d parts: --undo takes them back", l.Base, before.In, before.Parts)
	case before.In != l.In:
		return nil, fmt.Errorf("%s has a part of the files of %s, from a command that did not end: --undo takes them back", l.Base, before.In)
	default:
		u, err := Undo(ctx, l.In, l.Base)
		if err == nil && u.Kept > 0 {
			err = fmt.Errorf("%s: --undo, which did not end, has left %s: move it away", l.Base, u.First[0])
		}
		if err != nil {
			return nil, err
		}
	}
	w := &layoutWalk{ctx: ctx, layout: l}
	if err := w.check(); err != nil {
		return nil, err
	}
	return w.make()
}

// realFolder is the absolute path of a folder, without links.
func realFolder(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: there is no such folder", path)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s: it is not a folder", path)
	}
	if path, err = filepath.Abs(path); err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return path, err
}

// apart refuses parts that would lie in the folder that is divided.
func (l Layout) apart() error {
	base, err := filepath.Abs(l.Base)
	if err != nil {
		return err
	}
	// The base folder may not be there yet.
	for rest := ""; ; {
		if target, err := filepath.EvalSymlinks(base); err == nil {
			base = filepath.Join(target, rest)
			break
		}
		base, rest = filepath.Dir(base), filepath.Join(filepath.Base(base), rest)
	}
	if base == l.In || strings.HasPrefix(base, strings.TrimSuffix(l.In, "/")+"/") {
		return fmt.Errorf("%s lies in %s, whose files are to be divided: give another folder", l.Base, l.In)
	}
	return nil
}

// Folder is the folder of a part.
func (l Layout) Folder(part int) string { return filepath.Join(l.Base, strconv.Itoa(part), l.Name) }

// layoutWalk goes through the files of a folder: a folder's files by name, then its folders by name.
type layoutWalk struct {
	ctx    context.Context
	layout Layout
	device uint64
	// unit is the number of the next unit: files of one folder that share a stem.
	unit    uint64
	weights Weights
	// odd are what cannot be linked: the first few, and how many.
	odd   []string
	odds  int
	parts []Part
	// made is the folder that was made last for each part.
	made map[int]string
	// aside has the folders in which the links are made, links their records.
	aside mark
	links *linkWriter
}

// check looks at everything, and refuses what cannot be laid out.
func (w *layoutWalk) check() error {
	l := w.layout
	info, err := os.Stat(l.In)
	if err != nil {
		return err
	}
	w.device = deviceOf(info)
	above := l.Base
	for {
		info, err := os.Stat(above)
		if err == nil {
			if deviceOf(info) != w.device {
				return fmt.Errorf("%s and %s lie on different file systems, and a hard link cannot lead from one to the other; choose a folder on that of %s", l.Base, l.In, l.In)
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || above == filepath.Dir(above) {
			return err
		}
		above = filepath.Dir(above)
	}
	for i := range l.Parts {
		outer := filepath.Dir(l.Folder(i))
		if info, err := os.Lstat(outer); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is there already, and is not a folder", outer)
		}
		if _, err := os.Lstat(l.Folder(i)); err == nil {
			return fmt.Errorf("%s is there already: move it away, or give another --name", l.Folder(i))
		}
	}
	if err := w.walk(".", w.look); err != nil {
		return err
	}
	if w.odds > 0 {
		return fmt.Errorf("%s below %s cannot be laid out by hard links, so nothing was changed: %s", count.Of(w.odds, "entry", "entries"), l.In, strings.Join(w.odd, ", "))
	}
	return nil
}

func inodeOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

func deviceOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev) //nolint:unconvert // its type differs between systems
	}
	return 0
}

// file is a file in the walk: first of its unit, or not.
type file struct {
	rel, relDir, stem string
	unit              uint64
	first             bool
	entry             fs.DirEntry
}

// walk passes on the files below a folder.
func (w *layoutWalk) walk(rel string, each func(file) error) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	entries, err := os.ReadDir(filepath.Join(w.layout.In, rel))
	if err != nil {
		return err
	}
	units := map[string]uint64{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		f := file{rel: filepath.Join(rel, e.Name()), relDir: rel, stem: stem(e.Name()), entry: e}
		at, known := units[f.stem]
		if !known {
			at, f.first = w.unit, true
			w.unit++
			units[f.stem] = at
		}
		f.unit = at
		if err := each(f); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := w.walk(filepath.Join(rel, e.Name()), each); err != nil {
				return err
			}
		}
	}
	return nil
}

// stem is a name without its last extension.
func stem(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i]
	}
	return name
}

// look checks and weighs a file.
func (w *layoutWalk) look(f file) error {
	info, err := f.entry.Info()
	if err != nil {
		return err
	}
	why := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		why = "a link"
	case !info.Mode().IsRegular():
		why = "not a regular file"
	case deviceOf(info) != w.device:
		why = "on another file system"
	}
	if why != "" {
		if w.odds++; len(w.odd) < 5 {
			w.odd = append(w.odd, fmt.Sprintf("%s (%s)", f.rel, why))
		}
		return nil
	}
	if w.layout.BySize {
		if f.first {
			w.weights.Add(float64(info.Size()))
		} else {
			w.weights.AddTo(f.unit, float64(info.Size()))
		}
	}
	return nil
}

// make makes the links aside, and then moves the parts to their places.
func (w *layoutWalk) make() ([]Part, error) {
	l := w.layout
	m := mark{Format: markFormat, Layout: l, State: making}
	if _, err := os.Lstat(l.Base); errors.Is(err, fs.ErrNotExist) {
		m.Made = true
	}
	if err := os.MkdirAll(l.Base, 0o777); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(l.Base)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := m.write(); err != nil {
		return nil, err
	}
	if err := w.linkAll(m); err != nil {
		return nil, fmt.Errorf("%w; no part was made, and the same command tries again", err)
	}
	if err := m.enter(placing); err != nil {
		return nil, err
	}
	if err := m.place(); err != nil {
		return nil, fmt.Errorf("%w; the same command goes on, and --undo takes back what was made", err)
	}
	return w.parts, m.enter(made)
}

// linkAll makes the links aside, with a record of each.
func (w *layoutWalk) linkAll(m mark) error {
	l := w.layout
	var assigned *Assignment
	if l.BySize {
		assigned = w.weights.Assign(l.Parts)
	}
	w.unit, w.parts, w.made, w.aside = 0, make([]Part, l.Parts), map[int]string{}, m
	for i := range l.Parts {
		if err := os.MkdirAll(m.aside(i), 0o777); err != nil {
			return err
		}
	}
	var err error
	if w.links, err = createLinks(m); err != nil {
		return err
	}
	err = w.walk(".", func(f file) error {
		part := int(f.unit % uint64(l.Parts))
		switch {
		case l.Hash != nil:
			part = int(l.Hash(f.relDir, f.stem) % uint64(l.Parts))
		case assigned != nil && f.unit < uint64(len(assigned.part)):
			part = assigned.Of(f.unit)
		}
		return w.link(part, f)
	})
	return errors.Join(err, w.links.close())
}

func (w *layoutWalk) link(part int, f file) error {
	folder := w.aside.aside(part)
	if w.made[part] != f.relDir {
		if err := os.MkdirAll(filepath.Join(folder, f.relDir), 0o777); err != nil {
			return err
		}
		w.made[part] = f.relDir
	}
	path := filepath.Join(folder, f.rel)
	if err := os.Link(filepath.Join(w.layout.In, f.rel), path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	w.parts[part].Items++
	if w.layout.BySize {
		w.parts[part].Weight += float64(info.Size())
	}
	return w.links.add(link{part: part, inode: inodeOf(info), rel: f.rel})
}
