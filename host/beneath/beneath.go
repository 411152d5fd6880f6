// Package beneath opens and empties folders that this program has made in folders of the user's. Nothing here goes through
// a link, and nothing of another owner is touched: a name below a user's folder may have been put there by anyone.
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

// NotOursError is about a folder that is not used, because it is not one that this user's runs have made.
type NotOursError struct {
	Path string
	// Why says what it is instead.
	Why string
}

func (e *NotOursError) Error() string {
	return fmt.Sprintf("%s %s: kagurazaka neither writes nor deletes there; move it away", e.Path, e.Why)
}

// Open opens the folder of that name in parent. It must be a folder of this user's and no link; anything else is a
// *NotOursError. The caller closes it.
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
	// It may have been exchanged for a link since it was looked at.
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

// Make is Open for a folder that may be missing: it is made with these permissions then.
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

// Empty removes all that is in a folder but for the names to keep. Links are removed, not followed.
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
