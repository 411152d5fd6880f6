package plugin

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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
		info, err := os.Stat(dir.Path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("umask %o: mode %o", mask, info.Mode().Perm())
		}
		// A socket's path may have 104 bytes: what SDKs put below it has some 40.
		if len(dir.Path) > 62 {
			t.Errorf("%s has %d bytes", dir.Path, len(dir.Path))
		}
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir.Path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir.Path, err)
		}
	}
}

// Folders of dead hosts go, and nothing else does.
func TestSweepRuntimeDirs(t *testing.T) {
	base := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made := func() *RuntimeDir {
		t.Helper()
		d, err := newRuntimeDir(base)
		must(err)
		return d
	}
	outside := t.TempDir()
	must(os.WriteFile(filepath.Join(outside, "kept"), nil, 0o600))
	// A host that is killed leaves the folder, and no lock.
	die := func(d *RuntimeDir) string { must(d.lock.Close()); return d.Path }
	live := made()
	defer func() { must(live.lock.Close()) }()
	dead := die(made())
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dead, "p1.sock"), Net: "unix"})
	must(err)
	socket.SetUnlinkOnClose(false)
	must(socket.Close())
	must(os.MkdirAll(filepath.Join(dead, "plugin-dir1", "deeper"), 0o755))
	must(os.Symlink(outside, filepath.Join(dead, "link")))

	stay := map[string]string{"alive": live.Path}
	renamed := filepath.Join(base, "kagurazaka-mine")
	must(os.Rename(die(made()), renamed))
	stay["of another name"] = renamed
	unmarked := die(made())
	must(os.WriteFile(filepath.Join(unmarked, runtimeLock), []byte("something else"), 0o600))
	stay["with another mark"] = unmarked
	open := die(made())
	must(os.Chmod(open, 0o755))
	stay["open to others"] = open
	linked := filepath.Join(base, "kagurazaka-1234")
	must(os.Rename(die(made()), filepath.Join(outside, "real")))
	must(os.Symlink(filepath.Join(outside, "real"), linked))
	stay["a link"] = linked
	fifo := die(made())
	must(os.Remove(filepath.Join(fifo, runtimeLock)))
	must(syscall.Mkfifo(filepath.Join(fifo, runtimeLock), 0o600))
	stay["a named pipe"] = fifo
	fresh := filepath.Join(base, "kagurazaka-1")
	must(os.Mkdir(fresh, 0o700))
	stay["not marked yet"] = fresh
	full := filepath.Join(base, "kagurazaka-2")
	must(os.Mkdir(full, 0o700))
	must(os.WriteFile(filepath.Join(full, "x"), nil, 0o600))
	stay["never marked, with something in it"] = full
	empty := filepath.Join(base, "kagurazaka-3")
	must(os.Mkdir(empty, 0o700))
	old := time.Now().Add(-2 * markTime)
	for _, path := range []string{full, empty} {
		must(os.Chtimes(path, old, old))
	}
	if os.Geteuid() == 0 {
		theirs := die(made())
		must(os.Chown(theirs, 65534, 65534))
		stay["another user's"] = theirs
		lock := die(made())
		must(os.Chown(filepath.Join(lock, runtimeLock), 65534, 65534))
		stay["with another user's mark"] = lock
	}

	sweepRuntimeDirs(base)
	for _, path := range []string{dead, empty} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	for what, path := range stay {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, path := range []string{filepath.Join(outside, "kept"), filepath.Join(outside, "real", runtimeLock)} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("what a link led to is gone: %v", err)
		}
	}
}

// What is wrong with the folder for temporary files is told as such.
func TestRuntimeDirNamesTMPDIR(t *testing.T) {
	t.Setenv("TMPDIR", "/nowhere/tmp")
	if _, err := NewRuntimeDir(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "in TMPDIR=/nowhere/tmp: no such file or directory; set TMPDIR to") {
		t.Error(err)
	}
}
