package plugin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

const (
	// runtimeLock is the file that marks a host's folder. The host holds a lock on it while it lives.
	runtimeLock = "host"
	runtimeMark = "kagurazaka keeps the sockets of a run here\n"
	// markTime is longer than the time between making a folder and marking it.
	markTime = 10 * time.Minute
)

var runtimeName = regexp.MustCompile(`^kagurazaka-[0-9]{1,10}$`)

// RuntimeDir is a folder, private to the user, for a run's sockets and heartbeat pages.
type RuntimeDir struct {
	Path  string
	lock  *os.File
	swept chan struct{}
}

// NewRuntimeDir makes the folder. What dead hosts have left in the place of theirs is removed meanwhile. The caller closes it.
func NewRuntimeDir() (*RuntimeDir, error) {
	base := runtimeBase()
	d, err := newRuntimeDir(base)
	if err != nil {
		if base == os.Getenv("TMPDIR") {
			base = "TMPDIR=" + base
		}
		return nil, fmt.Errorf("making a folder for sockets in %s: %w; set TMPDIR to a folder that exists, that you can write to, and that has space",
			base, regular.Cause(err))
	}
	go func() {
		defer close(d.swept)
		sweepRuntimeDirs(filepath.Dir(d.Path))
	}()
	return d, nil
}

// runtimeBase is where the folders are. A socket's path may have 104 bytes, some 60 of which are taken in and below the folder.
func runtimeBase() string {
	if base := os.TempDir(); filepath.IsAbs(base) && len(base) <= 40 {
		return base
	}
	return "/tmp"
}

func newRuntimeDir(base string) (d *RuntimeDir, err error) {
	d = &RuntimeDir{swept: make(chan struct{})}
	if d.Path, err = os.MkdirTemp(base, "kagurazaka-"); err != nil {
		return nil, err
	}
	// Whatever the umask, only the user may enter.
	if err = os.Chmod(d.Path, 0o700); err == nil {
		err = d.mark()
	}
	if err != nil {
		if d.lock != nil {
			_ = d.lock.Close()
		}
		_ = os.RemoveAll(d.Path)
		return nil, err
	}
	return d, nil
}

// mark puts the lock into the folder. The file gets its name once it is locked, so that others can rely on the lock.
func (d *RuntimeDir) mark() (err error) {
	next := filepath.Join(d.Path, ".new")
	if d.lock, err = os.OpenFile(next, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if _, err = d.lock.WriteString(runtimeMark); err != nil {
		return err
	}
	// On a file system without locks nothing is ever swept: a lock that cannot be taken counts as held.
	if err = filelock.TryLock(d.lock); err != nil {
		return os.Remove(next)
	}
	return os.Rename(next, filepath.Join(d.Path, runtimeLock))
}

// Close removes the folder. Every process of the run has to be gone.
func (d *RuntimeDir) Close() error {
	<-d.swept
	err := os.RemoveAll(d.Path)
	_ = d.lock.Close()
	return err
}

// sweepRuntimeDirs removes the folders of hosts that are dead: of the right name and owner, with the mark, and not locked.
func sweepRuntimeDirs(base string) {
	parent, err := os.OpenRoot(base)
	if err != nil {
		return
	}
	defer func() { _ = parent.Close() }()
	names, err := beneath.Names(parent)
	if err != nil {
		return
	}
	for _, name := range names {
		if runtimeName.MatchString(name) {
			_ = sweepRuntimeDir(parent, name)
		}
	}
}

var errNotDead = errors.New("it is not the folder of a dead host")

func sweepRuntimeDir(parent *os.Root, name string) error {
	dir, err := beneath.Open(parent, name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	info, err := dir.Stat(".")
	if err != nil || info.Mode().Perm() != 0o700 {
		return errNotDead
	}
	lock, err := dir.OpenFile(runtimeLock, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) && time.Since(info.ModTime()) > markTime {
		// Its host was killed before it marked the folder, or after it had emptied it. Only an empty one is removed.
		return parent.Remove(name)
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	// Reading anything but a file may block.
	if info, err := lock.Stat(); err != nil || !info.Mode().IsRegular() || !beneath.Owned(info) {
		return errNotDead
	}
	mark := make([]byte, len(runtimeMark)+1)
	n, err := io.ReadFull(lock, mark)
	if !errors.Is(err, io.ErrUnexpectedEOF) || string(mark[:n]) != runtimeMark {
		return errNotDead
	}
	if err := filelock.TryLock(lock); err != nil {
		return err
	}
	if err := beneath.Empty(dir, runtimeLock); err != nil {
		return err
	}
	return errors.Join(dir.Remove(runtimeLock), parent.Remove(name))
}
