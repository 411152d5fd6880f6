package trust

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// Update reads a lock, lets change change it, and writes it. Nobody else's Update comes between, and whoever reads
// meanwhile, or after a crash, finds the old file or the new one.
func Update(path string, change func(*Lock) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = folder.Close() }()
	// The lock is on the folder, since the file is replaced. File systems without it (some of NFS) do without.
	_ = unix.Flock(int(folder.Fd()), unix.LOCK_EX)
	l, problems := ReadLock(path)
	if err := problem.Err(problems); err != nil {
		return err
	}
	if err := change(l); err != nil {
		return err
	}
	text, err := l.text()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := replace(path, text, mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_ = folder.Sync()
	return nil
}

func replace(path string, data []byte, mode os.FileMode) error {
	// A link is followed: what it leads to is replaced, not the link.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
