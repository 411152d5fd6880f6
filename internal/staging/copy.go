package staging

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// move renames a file, a link, or a folder to a path that does not exist. To another file system it copies it.
func (d *Dir) move(from, to string) error {
	err := os.Rename(from, to)
	if err == nil {
		return nil
	}
	if !errors.Is(err, syscall.EXDEV) {
		return inPlace(from, to, fmt.Errorf("moving the output into place at %s: %w", to, bare(err)))
	}
	if err := d.copyOver(from, to); err != nil {
		return inPlace(from, to, fmt.Errorf("copying the output into place at %s, on another file system: %w", to, err))
	}
	if err := os.RemoveAll(from); err != nil {
		return fmt.Errorf("emptying the staging folder: %w", err)
	}
	return nil
}

// copyOver copies to a temporary name beside the destination, and renames the copy. Meanwhile the link DIR.part points to it: if this
// process dies, the host removes it. The temporary name is short, as the destination's may have the maximum length.
func (d *Dir) copyOver(from, to string) (err error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // which never fails
	temp, err := filepath.Abs(filepath.Join(filepath.Dir(to), fmt.Sprintf(".kagurazaka-%x.part", random)))
	if err != nil {
		return err
	}
	link := d.path + ".part"
	if err := os.Symlink(temp, link); err != nil {
		return fmt.Errorf("recording a copy: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp)
		}
		err = errors.Join(err, os.Remove(link))
	}()
	if err := copyEntry(from, temp); err != nil {
		return err
	}
	return os.Rename(temp, to)
}

// copyEntry copies a file, a link or a folder to a path that does not exist.
func copyEntry(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case info.IsDir():
		return copyFolder(from, to, info)
	case info.Mode().IsRegular():
		return copyContent(from, to, info)
	default:
		return fmt.Errorf("%s is neither a file, a folder nor a link", from)
	}
}

func copyFolder(from, to string, info os.FileInfo) error {
	// The final permissions, set at the end, may not allow to write.
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyEntry(from+"/"+e.Name(), to+"/"+e.Name()); err != nil {
			return err
		}
	}
	return errors.Join(os.Chmod(to, info.Mode().Perm()), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

func copyContent(from, to string, info os.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), os.Chtimes(to, info.ModTime(), info.ModTime()))
}
