package outputs

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

const (
	// unnamedAge is how old a folder must be that has not got its name yet, before its host is taken for dead: between the
	// folder and its name are some microseconds.
	unnamedAge = 10 * time.Minute
	// elsewhereAge is how long nothing must have moved in a folder of another machine: a lock may not reach from there.
	elsewhereAge = 24 * time.Hour
)

// cleanStale removes what dead runs left in the folder of all runs, and tells shared of those that live, unless it is nil.
// What does not prove to be a run's folder is left alone.
func (s *Staging) cleanStale(shared func(Owner)) {
	names, err := beneath.Names(s.in)
	if err != nil {
		return
	}
	// Ages are told by the file system's own clock, which is another machine's perhaps.
	now, err := s.dir.Stat(lockName)
	if err != nil {
		return
	}
	for _, name := range names {
		if name != s.name {
			s.cleanUp(name, now.ModTime(), shared)
		}
	}
}

// cleanUp removes one folder if its run is dead.
func (s *Staging) cleanUp(name string, now time.Time, shared func(Owner)) {
	dir, err := beneath.Open(s.in, name)
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }()
	age := now.Sub(lastMoved(dir))
	unnamed := strings.HasPrefix(name, newPrefix)
	if unnamed && age <= unnamedAge {
		return
	}
	lock, owner, err := readLock(dir)
	if errors.Is(err, fs.ErrNotExist) && ourForm(name) {
		// Its host was killed between making it and marking it, or at the end of removing it: it goes if it is empty.
		_ = s.in.Remove(name)
		return
	}
	if errors.Is(err, io.EOF) && unnamed && ourForm(name) {
		// Its host was killed before it wrote the mark: nothing was written there yet.
		_ = dir.Remove(lockName)
		_ = s.in.Remove(name)
		return
	}
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }()
	if !isFolderOf(name, owner) {
		return
	}
	switch err := filelock.TryLock(lock); {
	case err == nil:
		if owner.Host == s.owner.Host || age > elsewhereAge {
			_ = removeRun(s.in, dir, name)
		}
	case errors.Is(err, filelock.ErrHeld) && shared != nil && !unnamed:
		shared(owner)
	}
}

// readLock opens the mark of a run's folder and reads whose the folder is.
func readLock(dir *os.Root) (*os.File, Owner, error) {
	var owner Owner
	// A pipe or a device of that name must not hold the host up.
	lock, err := dir.OpenFile(lockName, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, owner, err
	}
	info, err := lock.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("the lock is not a file")
	}
	if err == nil {
		err = json.NewDecoder(lock).Decode(&owner)
	}
	if err != nil {
		_ = lock.Close()
		return nil, owner, err
	}
	return lock, owner, nil
}

// isFolderOf reports whether the owner that a folder names would have given it this name.
func isFolderOf(name string, o Owner) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(name, newPrefix), o.folderPrefix())
	return ok && o.PID > 0 && isHex(rest, 8)
}

// ourForm reports whether a name has the form HOST-PID-RANDOM.
func ourForm(name string) bool {
	parts := strings.Split(strings.TrimPrefix(name, newPrefix), "-")
	n := len(parts)
	return n >= 3 && isHex(parts[n-1], 8) && isDigits(parts[n-2], "0123456789")
}

func isHex(text string, length int) bool {
	return len(text) == length && strings.Trim(text, "0123456789abcdef") == ""
}

// lastMoved is when a file was last made or renamed in a staging folder, or in one of its workers'.
func lastMoved(dir *os.Root) time.Time {
	var last time.Time
	look := func(name string) {
		if info, err := dir.Lstat(name); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	look(".")
	names, err := beneath.Names(dir)
	if err != nil {
		return last
	}
	for _, name := range names {
		look(name)
	}
	return last
}
