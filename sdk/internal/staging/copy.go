package staging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// moveFile renames a file, a link or a special file. To another file system it is copied beside the destination first,
// so that nobody sees half of it there either.
func moveFile(from, to string) error {
	err := os.Rename(from, to)
	if err == nil {
		return nil
	}
	if !errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("moving the output into place at %s: %w", to, bare(err))
	}
	if err := copyOver(from, to); err != nil {
		return fmt.Errorf("copying the output into place at %s, on another file system: %w", to, err)
	}
	if err := os.Remove(from); err != nil {
		return fmt.Errorf("emptying the staging folder: %w", err)
	}
	return nil
}

func copyOver(from, to string) (err error) {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(to), fmt.Sprintf(".%s.%d.part", filepath.Base(to), os.Getpid()))
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Symlink(target, temp); err != nil {
			return err
		}
	case info.Mode().IsRegular():
		if err := copyContent(from, temp, info); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is neither a file nor a link", from)
	}
	return os.Rename(temp, to)
}

func copyContent(from, to string, info os.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), os.Chtimes(to, info.ModTime(), info.ModTime()))
}
