package outputs

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

const (
	// unnamedAge is the age at which a folder without its final name, which it gets in microseconds, counts as left by a dead host.
	unnamedAge = 10 * time.Minute
	// elsewhereAge is the same for an idle folder of another machine, whose lock may not be visible here.
	elsewhereAge = 24 * time.Hour
)

// cleanStale removes the folders of dead runs, and calls shared, unless it is nil, for those of live runs. A folder that does not prove
// to be a run's is left alone.
func (s *Staging) cleanStale(shared func(Owner)) {
	names, err := beneath.Names(s.in)
	if err != nil {
		return
	}
	// Ages are by the clock of the file system, which may be that of another machine.
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
	unmarked := errors.Is(err, io.EOF) && unnamed
	if folderName.MatchString(name) && (unmarked || errors.Is(err, fs.ErrNotExist)) {
		// Its host was killed before it marked the folder, or while it removed it. It is removed if it holds nothing else.
		if unmarked {
			_ = dir.Remove(lockName)
		}
		_ = s.in.Remove(name)
	}
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }()
	if !isFolderOf(name, owner) {
		return
	}
	ours := owner.Fleet != "" && owner.Fleet == s.owner.Fleet
	switch err := filelock.TryLock(lock); {
	case err == nil:
		if owner.Host == s.owner.Host || ours && s.endsFleet || age > elsewhereAge {
			_ = removeRun(s.in, dir, name)
		}
	case errors.Is(err, filelock.ErrHeld) && shared != nil && !unnamed && !ours:
		shared(owner)
	}
}

// readLock opens the mark of a run's folder and reads its owner.
func readLock(dir *os.Root) (*os.File, Owner, error) {
	var owner Owner
	// A pipe or a device of that name must not block the host.
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

// folderName is the form of the name of a run's folder: HOST-PID-RANDOM.
var folderName = regexp.MustCompile(`^(\.new-)?.*-[0-9]+-[0-9a-f]{8}$`)

// isFolderOf reports whether the name of a folder fits its owner.
func isFolderOf(name string, o Owner) bool {
	prefix := o.folderPrefix()
	name = strings.TrimPrefix(name, newPrefix)
	return o.PID > 0 && strings.HasPrefix(name, prefix) && len(name) == len(prefix)+8 && folderName.MatchString(name)
}

// lastMoved is the time of the last creation or rename in a staging folder and in its workers' folders.
func lastMoved(dir *os.Root) (last time.Time) {
	names, _ := beneath.Names(dir)
	for _, name := range append(names, ".") {
		if info, err := dir.Lstat(name); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
