// Package beneath opens and empties the program's folders within the user's folders. Anyone may have put a name there, so it follows
// no links and leaves folders of other owners alone.
package beneath

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
)

// NotOursError is the error for a file or folder that this user's runs have not made.
type NotOursError struct {
	// Why is the reason, Advice what follows from it.
	Path, Why, Advice string
}

func (e *NotOursError) Error() string { return fmt.Sprintf("%s %s: %s", e.Path, e.Why, e.Advice) }

// Open opens the folder of that name in parent. Anything but a folder of this user is a *NotOursError. The caller closes it.
func Open(parent *os.Root, name string) (*os.Root, error) {
	entry, err := parent.Lstat(name)
	if err != nil {
		return nil, err
	}
	refuse := func(why string) error {
		return &NotOursError{filepath.Join(parent.Name(), name), why, "kagurazaka neither writes nor deletes there; move it away"}
	}
	foreign := func() error { return refuse(fmt.Sprintf("belongs to another user (uid %d)", Owner(entry))) }
	switch {
	case entry.Mode()&fs.ModeSymlink != 0:
		return nil, refuse("is a link")
	case !entry.IsDir():
		return nil, refuse("is not a folder")
	}
	dir, err := parent.OpenRoot(name)
	if errors.Is(err, fs.ErrPermission) && !Owned(entry) {
		return nil, foreign()
	}
	if err != nil {
		return nil, err
	}
	opened, err := dir.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(entry, opened):
		// A link may have replaced it since Lstat.
		err = refuse("was replaced while it was opened")
	case !Owned(opened) && !mapped(dir, opened):
		err = foreign()
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return dir, nil
}

// Owned reports whether a file or folder belongs to this user.
func Owned(info fs.FileInfo) bool { return Owner(info) == os.Geteuid() }

// Owner is the user id of the owner of a file or folder; -1: unknown.
func Owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// mapped reports whether the file system shows this user's files under another user id, and the folder under the same.
func mapped(dir *os.Root, folder fs.FileInfo) bool {
	probe, err := Probe(dir)
	return err == nil && Owner(probe) == Owner(folder)
}

// ProbeName is the form of names of files for a moment. A process that was killed may have left one.
var ProbeName = regexp.MustCompile(`^probe-[0-9a-f]{16}-?$`)

// NewProbeName returns a random name of that form.
func NewProbeName() string { return fmt.Sprintf("probe-%016x", rand.Uint64()) }

// Probe creates and removes a file, and returns its owner and time by the file system, which may be on another machine.
func Probe(dir *os.Root) (fs.FileInfo, error) {
	name := NewProbeName()
	file, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	// The write has the other machine set the time. A full disk does not matter.
	_, _ = file.Write([]byte{0})
	info, err := file.Stat()
	_ = file.Close()
	_ = dir.Remove(name)
	return info, err
}

// Make is Open for a folder that may be missing: then it creates the folder.
func Make(parent *os.Root, name string, perm fs.FileMode) (*os.Root, error) {
	if err := parent.Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return Open(parent, name)
}

// Names lists a folder.
func Names(dir *os.Root) ([]string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Readdirnames(-1)
}

// Empty removes everything in a folder but the names to keep. It removes links and does not follow them.
func Empty(dir *os.Root, keep ...string) error {
	names, err := Names(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if !slices.Contains(keep, name) {
			errs = append(errs, dir.RemoveAll(name))
		}
	}
	return errors.Join(errs...)
}
