package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	a, b := open(), open()
	if err := Lock(a); err != nil {
		t.Fatal(err)
	}
	if err := TryLock(b); !errors.Is(err, ErrHeld) {
		t.Errorf("a locked file: %v", err)
	}
	if err := TryLockShared(b); !errors.Is(err, ErrHeld) {
		t.Errorf("a locked file, shared: %v", err)
	}
	Unlock(a)
	if err := errors.Join(LockShared(a), TryLockShared(b)); err != nil {
		t.Errorf("a shared lock: %v", err)
	}
	_ = a.Close()
	if err := TryLock(b); err != nil {
		t.Errorf("a lock whose holder has closed it: %v", err)
	}
}
