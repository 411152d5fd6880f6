// Package beneath opens and empties the program's folders within the user's folders. Anyone may have put a name there, so it follows
// no links and leaves folders of other owners alone.
package beneath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// NotOursError is the error for a folder that this user's runs have not made.
type NotOursError struct {
	// Why is the reason.
	Path, Why string
}

func (e *NotOursError) Error() string {
	return fmt.Sprintf("%s %s: kagurazaka neither writes nor deletes there; move it away", e.Path, e.Why)
}

// Open opens the folder of that name in parent. Anything but a folder of this user is a *NotOursError. The caller closes it.
func Open(parent *os.Root, name string) (*os.Root, error) {
	entry, err := parent.Lstat(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(parent.Name(), name)
	if why := notOurs(entry); why != "" {
		return nil, &NotOursError{path, why}
	}
	dir, err := parent.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	// A link may have replaced it since Lstat.
	opened, err := dir.Stat(".")
	if err == nil && !os.SameFile(entry, opened) {
		err = &NotOursError{path, "was exchanged while it was opened"}
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return dir, nil
}

// Make is Open for a folder that may be missing: then it creates the folder.
func Make(parent *os.Root, name string, perm fs.FileMode) (*os.Root, error) {
	if err := parent.Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return Open(parent, name)
}

func notOurs(entry fs.FileInfo) string {
	switch {
	case entry.Mode()&fs.ModeSymlink != 0:
		return "is a link"
	case !entry.IsDir():
		return "is not a folder"
	}
	if stat, ok := entry.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to another user (uid %d)", stat.Uid)
	}
	return ""
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
