// Package staging keeps what a task writes aside until its item is done, and then moves it into place by rename: a
// killed run leaves no half-written output, and a failed item none at all.
package staging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Dir is one worker's staging folder. It holds the files of one item at a time and is used by one goroutine, except
// for Staged and StagedIn, which anyone may call.
type Dir struct {
	path   string
	folder bool
	last   []string
	handle handle
	// unwritten counts the items that left nothing where a finish check looks; expected and found are of the first.
	unwritten       int
	expected, found string
	// late is used by one Commit: files found in merged folders that have to wait for the end.
	late []move
}

// Outputs are the final paths of one item's output fields.
type Outputs struct {
	// Main is the path of the field "output"; empty where there is none.
	Main string
	// Others are those of fields "output_ID".
	Others []Named
}

// Named is the final path of the field of that name.
type Named struct{ Field, Path string }

type move struct{ from, to string }

// MisfitError says that an output is not of the kind that its place takes: a folder where there is a file, or a file where
// there is a folder.
type MisfitError struct {
	// Path is the final path.
	Path string
	// Folder says that the output is the folder.
	Folder bool
}

func (e *MisfitError) Error() string {
	if e.Folder {
		return fmt.Sprintf("the output is a folder, and there is a file at %s", e.Path)
	}
	return fmt.Sprintf("the output is a file, and there is a folder at %s", e.Path)
}

// inPlace explains why an output could not be moved into place.
func inPlace(from, to string, err error) error {
	source, fromErr := os.Lstat(from)
	target, toErr := os.Lstat(to)
	if fromErr != nil || toErr != nil || source.IsDir() == target.IsDir() || source.IsDir() && isFolder(to) {
		return err
	}
	return &MisfitError{Path: to, Folder: source.IsDir()}
}

// Open takes the folder at path into use and empties it. folder says that the main output is a folder, which Begin
// makes; last are the fields whose files are moved after all others.
func Open(path string, folder bool, last []string) (*Dir, error) {
	h, err := openHandle(path)
	if err != nil {
		return nil, fmt.Errorf("opening the staging folder: %w", err)
	}
	d := &Dir{path: path, folder: folder, last: last, handle: h}
	if err := d.Discard(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close lets go of the folder. What is in it stays.
func (d *Dir) Close() error { return d.handle.close() }

// Staged is where the file is to be written whose final path is given.
func (d *Dir) Staged(final string) string { return d.path + "/" + base(final) }

// StagedIn is Staged for a file that may lie in the folder output of the item.
func (d *Dir) StagedIn(output, final string) string {
	if rest, ok := d.inside(output, final); ok {
		return d.path + "/" + base(output) + "/" + rest
	}
	return d.Staged(final)
}

func (d *Dir) inside(output, final string) (rest string, ok bool) {
	if !d.folder || output == "" {
		return "", false
	}
	rest, ok = strings.CutPrefix(final, strings.TrimRight(output, "/")+"/")
	// What goes up again may lie outside, and then does not belong into the folder's staging.
	ok = ok && !slices.Contains(strings.Split(rest, "/"), "..")
	return strings.TrimLeft(rest, "/"), ok
}

// Begin prepares the folder for an item.
func (d *Dir) Begin(out Outputs) error {
	if err := d.check(out); err != nil {
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

// check refuses outputs that cannot be told apart in one folder.
func (d *Dir) check(out Outputs) error {
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
			taken = map[string]string{base(out.Main): out.Main}
		}
		other, clash := taken[base(o.Path)]
		if clash && filepath.Clean(other) != filepath.Clean(o.Path) {
			return fmt.Errorf("%s and %s are outputs of one item with one file name in two folders", other, o.Path)
		}
		taken[base(o.Path)] = o.Path
	}
	return nil
}

// Commit moves everything in the folder to where it belongs: files named by an output field to that field's folder,
// all others beside the main output. Missing folders are made; a folder that exists already is merged into.
func (d *Dir) Commit(out Outputs) error {
	names, err := d.handle.names()
	if err != nil {
		return fmt.Errorf("reading the staging folder: %w", err)
	}
	if len(names) == 0 {
		d.note(out, nil)
		return nil
	}
	d.late = d.late[:0]
	var last []string
	for _, name := range names {
		if d.isLast(name, out) {
			last = append(last, name)
			continue
		}
		if err := d.place(name, out); err != nil {
			return err
		}
	}
	for _, name := range last {
		if err := d.place(name, out); err != nil {
			return err
		}
	}
	for _, m := range d.late {
		if err := d.move(m.from, m.to); err != nil {
			return inPlace(m.from, m.to, err)
		}
	}
	d.note(out, names)
	if len(d.late) > 0 {
		// The folders that those files were taken from are still there.
		return d.Discard()
	}
	return nil
}

// note counts an item that has written these names, and not what the finish check looks for. Only what is not among the names is
// looked for.
func (d *Dir) note(out Outputs, names []string) {
	for _, field := range d.last {
		path := out.Main
		if field != "output" {
			i := slices.IndexFunc(out.Others, func(o Named) bool { return o.Field == field })
			if i < 0 {
				continue
			}
			path = out.Others[i].Path
		}
		if path == "" {
			continue
		}
		_, inFolder := d.inside(out.Main, path)
		if !inFolder && slices.Contains(names, base(path)) {
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

// beside is what an item wrote instead of the output at path; empty: nothing.
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

// TakeUnwritten is how many items were committed since the last call without the file that the finish check looks for: where
// one of them should have it, and what it wrote instead.
func (d *Dir) TakeUnwritten() (n int, expected, found string) {
	n, expected, found = d.unwritten, d.expected, d.found
	d.unwritten, d.expected, d.found = 0, "", ""
	return n, expected, found
}

// Discard empties the folder.
func (d *Dir) Discard() error {
	names, err := d.handle.names()
	if err != nil {
		return fmt.Errorf("reading the staging folder: %w", err)
	}
	var errs []error
	for _, name := range names {
		if err := os.RemoveAll(d.path + "/" + name); err != nil {
			errs = append(errs, fmt.Errorf("emptying the staging folder: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (d *Dir) isLast(name string, out Outputs) bool {
	for _, field := range d.last {
		if field == "output" && out.Main != "" && base(out.Main) == name {
			return true
		}
		for _, o := range out.Others {
			if o.Field != field {
				continue
			}
			// The folder that holds such a file waits as well.
			if _, ok := d.inside(out.Main, o.Path); ok && base(out.Main) == name || !ok && base(o.Path) == name {
				return true
			}
		}
	}
	return false
}

// waits reports whether the file at a final path has to be moved at the very end.
func (d *Dir) waits(final string, out Outputs) bool {
	for _, field := range d.last {
		for _, o := range out.Others {
			if o.Field == field && filepath.Clean(o.Path) == filepath.Clean(final) {
				return true
			}
		}
	}
	return false
}

func parentOf(name string, out Outputs) string {
	if out.Main != "" && base(out.Main) == name {
		return parent(out.Main)
	}
	for _, o := range out.Others {
		if base(o.Path) == name {
			return parent(o.Path)
		}
	}
	if out.Main == "" && len(out.Others) > 0 {
		return parent(out.Others[0].Path)
	}
	return parent(out.Main)
}

// place moves one entry of the staging folder.
func (d *Dir) place(name string, out Outputs) error {
	dir := parentOf(name, out)
	err := d.handle.rename(name, dir)
	if err == nil {
		return nil
	}
	from, to := d.path+"/"+name, dir+"/"+name
	switch {
	case errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist):
		return d.merge(from, to, out)
	case errors.Is(err, syscall.ENOTDIR) && isFolder(to) && isFolder(from):
		return d.merge(from, to, out)
	case errors.Is(err, syscall.EXDEV):
		return d.merge(from, to, out)
	default:
		return inPlace(from, to, fmt.Errorf("moving the output into place at %s: %w", to, bare(err)))
	}
}

// merge moves a file, or a folder file by file, to where there may be one already.
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
		if err := d.move(from, to); err != nil {
			return inPlace(from, to, err)
		}
		return nil
	}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		// On another file system: a folder that is made here and filled afterwards would count as whole too early.
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

// bare is the system's error without the staging paths, which say nothing to the user.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func trim(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}

// base is the last name of a path, which may not be normalised.
func base(path string) string {
	path = trim(path)
	return path[strings.LastIndexByte(path, '/')+1:]
}

func nameable(path string) bool {
	b := base(path)
	return b != "" && b != "." && b != ".."
}

func parent(path string) string {
	path = trim(path)
	switch i := strings.LastIndexByte(path, '/'); i {
	case -1:
		return "."
	case 0:
		return "/"
	default:
		return trim(path[:i])
	}
}
