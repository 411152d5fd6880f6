package run

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// unnamedAge is how old a folder must be that has not got its name yet, before its host is taken for dead: between the
	// folder and its name are some microseconds.
	unnamedAge = 10 * time.Minute
	// elsewhereAge is how long nothing must have moved in a folder of another machine: a lock may not reach from there.
	elsewhereAge = 24 * time.Hour
)

// cleanStale removes what dead runs left in root, and tells shared of those that live, unless it is nil.
func (s *Staging) cleanStale(shared func(Owner)) {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return
	}
	// Ages are told by the file system's own clock, which is another machine's perhaps.
	now, err := os.Stat(filepath.Join(s.dir, lockName))
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(s.root, e.Name())
		if !e.IsDir() || dir == s.dir {
			continue
		}
		age := now.ModTime().Sub(lastMoved(dir))
		if strings.HasPrefix(e.Name(), newPrefix) {
			if age > unnamedAge {
				_ = os.RemoveAll(dir)
			}
			continue
		}
		s.cleanUp(dir, age, shared)
	}
}

// cleanUp removes one folder if its run is dead.
func (s *Staging) cleanUp(dir string, age time.Duration, shared func(Owner)) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		// Every folder with a name had the file: it is gone because somebody was killed while removing the folder.
		_ = os.RemoveAll(dir)
		return
	}
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }()
	// A file that cannot be read is of a version that wrote none: then its owner is not known.
	var owner Owner
	read := json.NewDecoder(lock).Decode(&owner) == nil
	switch err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		if !read || owner.Host == s.owner.Host || age > elsewhereAge {
			_ = os.RemoveAll(dir)
		}
	case errors.Is(err, unix.EWOULDBLOCK) && shared != nil:
		shared(owner)
	}
}

// lastMoved is when a file was last made or renamed in a staging folder, or in one of its workers'.
func lastMoved(dir string) time.Time {
	var last time.Time
	look := func(path string) {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	look(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return last
	}
	for _, e := range entries {
		look(filepath.Join(dir, e.Name()))
	}
	return last
}
