package staging

import "golang.org/x/sys/unix"

func renameNoReplace(dir int, name, to string) error {
	return unix.Renameat2(dir, name, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}
