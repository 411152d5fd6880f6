package plugin

import (
	"os"
	"syscall"
	"testing"
)

// Whatever the umask, nobody but the user may enter the folder of the sockets, and the user may.
func TestRuntimeDirIsPrivate(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		before := syscall.Umask(mask)
		dir, err := NewRuntimeDir()
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("umask %o: mode %o", mask, info.Mode().Perm())
		}
		// A socket's path may have 104 bytes: what SDKs put below it has some 40.
		if len(dir) > 62 {
			t.Errorf("%s has %d bytes", dir, len(dir))
		}
	}
}
