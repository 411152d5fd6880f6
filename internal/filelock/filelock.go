// Package filelock locks open files with flock(2). The kernel gives a lock up when the last process that holds the open file is gone.
package filelock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrHeld is returned where somebody else holds the lock. A file system without locks gives errors.ErrUnsupported.
var ErrHeld = errors.New("the file is locked by another process")

// Lock waits until the file is locked for this process alone.
func Lock(f *os.File) error { return flock(f, unix.LOCK_EX) }

// LockShared waits until the file is locked together with others that share it.
func LockShared(f *os.File) error { return flock(f, unix.LOCK_SH) }

// TryLock locks the file for this process alone, or returns ErrHeld.
func TryLock(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }

// TryLockShared locks the file together with others that share it, or returns ErrHeld.
func TryLockShared(f *os.File) error { return flock(f, unix.LOCK_SH|unix.LOCK_NB) }

// Unlock gives the lock up.
func Unlock(f *os.File) { _ = flock(f, unix.LOCK_UN) }

// IsAt reports whether a path still names the open file: another process may have removed or replaced it before this one had the lock.
func IsAt(f *os.File, path string) bool {
	mine, err := f.Stat()
	named, namedErr := os.Lstat(path)
	return err == nil && namedErr == nil && os.SameFile(mine, named)
}

func flock(f *os.File, how int) error {
	for {
		switch err := unix.Flock(int(f.Fd()), how); {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL):
			return errors.ErrUnsupported
		default:
			return fmt.Errorf("locking %s: %w", f.Name(), err)
		}
	}
}
