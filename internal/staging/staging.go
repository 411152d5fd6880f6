// Package staging keeps a task's outputs in a staging folder until the item is done, and then renames them into place. A
// killed run leaves no half-written output, and a failed item leaves none.
package staging

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dir is one worker's staging folder, for one item at a time. Only Staged and StagedIn may be called by any goroutine.
type Dir struct {
	path   string
	folder bool
	last   []string
	// opened is the folder. It stays open, so a commit costs one directory read and one rename.
	opened *os.File
	// unwritten is the number of items without the file of the finish check; expected and found are of the first.
	unwritten       int
	expected, found string
	// late are the files of merged folders that Commit moves at its end.
	late []move
	// fresh: nothing was at the paths of the last fields. What has appeared there since stays.
	fresh bool
	// clears: Commit removes what an earlier attempt has left at the paths of other fields.
	clears bool
}

// Outputs are the final paths of one item's output fields.
type Outputs struct {
	// Main is the path of the field "output", or empty.
	Main string
	// Others are the paths of the fields "output_ID".
	Others []Named
}

// Named is a field and its final path.
type Named struct{ Field, Path string }

type move struct{ from, to string }

// MisfitError is an output that is a folder where there is a file, or a file where there is a folder.
type MisfitError struct {
	// Path is the final path.
	Path string
	// Folder is set if the output is the folder.
	Folder bool
}

func (e *MisfitError) Error() string {
	if e.Folder {
		return fmt.Sprintf("the output is a folder, and there is a file at %s", e.Path)
	}
	return fmt.Sprintf("the output is a file, and there is a folder at %s", e.Path)
}

// AppearedError is an output that exists although nothing was there when its item was listed. It was left as it is.
type AppearedError struct{ Path string }

func (e *AppearedError) Error() string { return e.Path + " has appeared since its item was listed" }

// inPlace turns an error of a move into a MisfitError if that is the cause.
func inPlace(from, to string, err error) error {
	source, fromErr := os.Lstat(from)
	target, toErr := os.Lstat(to)
	if fromErr != nil || toErr != nil || source.IsDir() == target.IsDir() || source.IsDir() && isFolder(to) {
		return err
	}
	return &MisfitError{Path: to, Folder: source.IsDir()}
}

// Open opens the folder at path and empties it. If folder is set, the main output is a folder, which Begin makes. last
// are the fields whose files Commit moves after all others.
func Open(path string, folder bool, last []string) (*Dir, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the staging folder: %w", err)
	}
	d := &Dir{path: path, folder: folder, last: last, opened: opened}
	if err := d.Discard(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// At is a folder that another process fills for one item. It is not opened before Enter; until then only Check, Staged and StagedIn may be called.
func At(path string, folder bool, last []string) *Dir {
	return &Dir{path: path, folder: folder, last: last}
}

// Enter opens the folder as it is. fresh: what is at the paths of the last fields appeared after the item was listed, and Commit leaves it with an
// *AppearedError.
func (d *Dir) Enter(fresh bool) (err error) {
	d.fresh = fresh
	if d.opened, err = os.Open(d.path); err != nil {
		return fmt.Errorf("opening the staging folder: %w", err)
	}
	return nil
}

// Replace makes Commit replace whatever is there.
func (d *Dir) Replace() { d.fresh = false }

// Clear makes Commit remove what lies at the paths of the item's other outputs, so that its outputs are those of one attempt.
func (d *Dir) Clear() { d.clears = true }

// Close closes the folder and leaves its files.
func (d *Dir) Close() error { return d.opened.Close() }

// names lists the folder.
func (d *Dir) names() ([]string, error) {
	_, err := d.opened.Seek(0, io.SeekStart)
	var names []string
	if err == nil {
		names, err = d.opened.Readdirnames(-1)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the staging folder: %w", err)
	}
	return names, nil
}

// Staged is the path in the staging folder for a final path.
func (d *Dir) Staged(final string) string { return d.path + "/" + filepath.Base(final) }

// StagedIn is Staged for a file that may be in the item's output folder.
func (d *Dir) StagedIn(output, final string) string {
	if rest, ok := d.inside(output, final); ok {
		return d.path + "/" + filepath.Base(output) + "/" + rest
	}
	return d.Staged(final)
}

func (d *Dir) inside(output, final string) (rest string, ok bool) {
	if !d.folder || output == "" {
		return "", false
	}
	rest, ok = strings.CutPrefix(final, strings.TrimRight(output, "/")+"/")
	// With "..", the file may be outside the output folder.
	ok = ok && !slices.Contains(strings.Split(rest, "/"), "..")
	return strings.TrimLeft(rest, "/"), ok
}

// Begin prepares the folder for an item.
func (d *Dir) Begin(out Outputs) error {
	if err := d.Check(out); err != nil {
		return err
	}
	if !d.folder || out.Main == "" {
		return nil
	}
	if err := os.Mkdir(d.Staged(out.Main), 0o777); err != nil {
		return fmt.Errorf("making the output folder in staging: %w", err)
	}
	return nil
}

// Check rejects outputs without a name, and outputs with one name in different folders.
func (d *Dir) Check(out Outputs) error {
	if out.Main != "" && !nameable(out.Main) {
		return fmt.Errorf("the output %q has no file name", out.Main)
	}
	var taken map[string]string
	for _, o := range out.Others {
		if !nameable(o.Path) {
			return fmt.Errorf("the output %q (%s) has no file name", o.Path, o.Field)
		}
		if _, ok := d.inside(out.Main, o.Path); ok {
			continue
		}
		if taken == nil {
			taken = map[string]string{filepath.Base(out.Main): out.Main}
		}
		other, clash := taken[filepath.Base(o.Path)]
		if clash && filepath.Clean(other) != filepath.Clean(o.Path) {
			return fmt.Errorf("%s and %s are outputs of one item with one file name in two folders", other, o.Path)
		}
		taken[filepath.Base(o.Path)] = o.Path
	}
	return nil
}

// Commit moves everything in the folder into place: a file of an output field to that field's path, all others beside the
// main output. It makes missing folders, and merges into existing ones.
func (d *Dir) Commit(out Outputs) error {
	names, err := d.names()
	if err != nil {
		return err
	}
	if err := d.appeared(out); err != nil {
		return err
	}
	if err := d.clear(out); err != nil {
		return err
	}
	d.late = d.late[:0]
	var last []string
	for _, name := range names {
		if d.isLast(name, out) {
			last = append(last, name)
			continue
		}
		if err := d.moveEntry(name, out); err != nil {
			return err
		}
	}
	for _, name := range last {
		if err := d.moveEntry(name, out); err != nil {
			return err
		}
	}
	for _, m := range d.late {
		if err := d.move(m.from, m.to); err != nil {
			return err
		}
	}
	d.countUnwritten(out, names)
	if len(d.late) > 0 {
		// The folders of those files still exist.
		return d.Discard()
	}
	return nil
}

// clear removes the other outputs of an earlier attempt.
func (d *Dir) clear(out Outputs) error {
	for _, o := range out.Others {
		if !d.clears || o.Path == out.Main {
			continue
		}
		if err := os.Remove(o.Path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return fmt.Errorf("removing what an earlier attempt has left: %w", err)
		}
	}
	return nil
}

// countUnwritten counts an item that wrote these names but not the file of the finish check.
func (d *Dir) countUnwritten(out Outputs, names []string) {
	for _, field := range d.last {
		path := out.Path(field)
		if path == "" {
			continue
		}
		_, inFolder := d.inside(out.Main, path)
		if !inFolder && slices.Contains(names, filepath.Base(path)) {
			continue
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if d.unwritten == 0 {
			d.expected, d.found = path, beside(path, names, inFolder)
		}
		d.unwritten++
		return
	}
}

// beside is the path of what an item wrote instead of the output at path, or empty.
func beside(path string, names []string, inFolder bool) string {
	if inFolder {
		names = nil
		if written, err := os.ReadDir(filepath.Dir(path)); err == nil && len(written) > 0 {
			names = []string{written[0].Name()}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return filepath.Join(filepath.Dir(path), names[0])
}

// TakeUnwritten counts the items since the last call that were committed without the file of the finish check. expected is
// its path for one of them, and found is what that item wrote instead.
func (d *Dir) TakeUnwritten() (n int, expected, found string) {
	n, expected, found = d.unwritten, d.expected, d.found
	d.unwritten, d.expected, d.found = 0, "", ""
	return n, expected, found
}

// Discard empties the folder, or makes one that somebody has removed again.
func (d *Dir) Discard() error {
	names, err := d.names()
	if errors.Is(err, fs.ErrNotExist) && os.Mkdir(d.path, 0o755) == nil {
		return d.reopen()
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := os.RemoveAll(d.path + "/" + name); err != nil {
			errs = append(errs, fmt.Errorf("emptying the staging folder: %w", err))
		}
	}
	return errors.Join(errs...)
}

// reopen opens the folder that was made again. The folder around it is the host's.
func (d *Dir) reopen() error {
	opened, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("opening the staging folder: %w", err)
	}
	_ = d.opened.Close()
	d.opened = opened
	return nil
}

// Path is the final path of a field, or empty.
func (o *Outputs) Path(field string) string {
	if field == "output" {
		return o.Main
	}
	for _, other := range o.Others {
		if other.Field == field {
			return other.Path
		}
	}
	return ""
}

// isLast reports whether an entry of the staging folder is, or has, a file of the last fields.
func (d *Dir) isLast(name string, out Outputs) bool {
	return slices.ContainsFunc(d.last, func(field string) bool {
		path := out.Path(field)
		if _, ok := d.inside(out.Main, path); ok {
			path = out.Main
		}
		return path != "" && filepath.Base(path) == name
	})
}

// waits reports whether a final path in a merged folder is that of the last fields.
func (d *Dir) waits(final string, out Outputs) bool {
	return slices.ContainsFunc(d.last, func(field string) bool {
		path := out.Path(field)
		return field != "output" && path != "" && filepath.Clean(path) == filepath.Clean(final)
	})
}

func parentOf(name string, out Outputs) string {
	if out.Main != "" && filepath.Base(out.Main) == name {
		return parent(out.Main)
	}
	for _, o := range out.Others {
		if filepath.Base(o.Path) == name {
			return parent(o.Path)
		}
	}
	if out.Main == "" && len(out.Others) > 0 {
		return parent(out.Others[0].Path)
	}
	return parent(out.Main)
}

// moveEntry moves one entry of the staging folder into place.
func (d *Dir) moveEntry(name string, out Outputs) error {
	dir := parentOf(name, out)
	from, to := d.path+"/"+name, dir+"/"+name
	rename := func() error { return unix.Renameat(int(d.opened.Fd()), name, unix.AT_FDCWD, to) }
	if d.fresh && d.isLast(name, out) {
		rename = func() error { return renameNew(int(d.opened.Fd()), name, to) }
	}
	err := rename()
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o777); err == nil {
			err = rename()
		}
	}
	if err == nil {
		return nil
	}
	if d.fresh && errors.Is(err, fs.ErrExist) && (!isFolder(to) || !isFolder(from)) {
		return &AppearedError{to}
	}
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.EXDEV) ||
		errors.Is(err, syscall.ENOTDIR) && isFolder(to) && isFolder(from) {
		return d.merge(from, to, out)
	}
	return inPlace(from, to, fmt.Errorf("moving the output into place at %s: %w", to, bare(err)))
}

// merge moves a file, or a folder file by file, to a path that may exist.
func (d *Dir) merge(from, to string, out Outputs) error {
	info, err := os.Lstat(from)
	if err != nil {
		return fmt.Errorf("moving the output into place: %w", err)
	}
	if !info.IsDir() {
		if d.waits(to, out) {
			d.late = append(d.late, move{from, to})
			return nil
		}
		return d.move(from, to)
	}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		// On another file system. A folder that is made first and filled then would count as complete too early.
		return d.move(from, to)
	}
	if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil && !isFolder(to) {
		return inPlace(from, to, fmt.Errorf("moving the output into place: %w", err))
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("moving the output into place: %w", err)
	}
	waiting := len(d.late)
	for _, e := range entries {
		if err := d.merge(from+"/"+e.Name(), to+"/"+e.Name(), out); err != nil {
			return err
		}
	}
	if len(d.late) > waiting {
		return nil
	}
	if err := os.Remove(from); err != nil {
		return fmt.Errorf("emptying the staging folder: %w", err)
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// bare is the system's error without the staging paths, which do not help the user.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func nameable(path string) bool {
	b := filepath.Base(path)
	return b != "/" && b != "." && b != ".."
}

// parent is the folder of a path. It does not resolve "..", unlike filepath.Dir: the element before may be a link.
func parent(path string) string {
	dir, _ := filepath.Split(strings.TrimRight(path, "/"))
	switch {
	case dir == "":
		return "."
	case strings.Trim(dir, "/") == "":
		return "/"
	}
	return strings.TrimRight(dir, "/")
}
