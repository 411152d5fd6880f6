package staging

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// appeared returns an *AppearedError if there is a file at the path of one of the last fields, and there was none before.
func (d *Dir) appeared(out Outputs) error {
	if !d.fresh {
		return nil
	}
	for _, field := range d.last {
		path := out.Path(field)
		if path == "" {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			return &AppearedError{path}
		}
	}
	return nil
}

// renameNew renames to a path that does not exist. A file system that cannot tell replaces what is there.
func renameNew(dir int, name, to string) error {
	err := renameNoReplace(dir, name, to)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return unix.Renameat(dir, name, unix.AT_FDCWD, to)
	}
	return err
}
