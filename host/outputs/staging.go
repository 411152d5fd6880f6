package outputs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Staging is the folder below the outputs where the workers of one run write before they commit. A link in its place is refused.
type Staging struct {
	// root is the path of the folder of all runs, name that of this run's folder in it.
	root, name string

	owner  Owner
	shared func(Owner)
	// endsFleet: no process of the owner's fleet works any more when this one closes.
	endsFleet bool

	mu sync.Mutex
	// in and dir are root and this run's folder, opened; nil until they are made.
	in, dir *os.Root
	lock    *os.File
	// made counts how often this run's folder was made.
	made int
}

// lockName is the file in a staging folder that the host keeps locked: if the lock is free, the run is dead. It also marks the folder
// as ours, so it is removed last.
const lockName = ".lock"

// newPrefix marks a folder that is about to be locked.
const newPrefix = ".new-"

// folderPrefix is the prefix of the names of an owner's folders; 8 random hexadecimal digits follow.
func (o Owner) folderPrefix() string { return fmt.Sprintf("%s-%d-", cmp.Or(o.Host, "host"), o.PID) }

// NewStaging prepares staging in root, a folder for that purpose directly below the outputs. It creates nothing yet. shared, which may
// be nil, is called for each other run at work on the same outputs: outputs are renamed into place, so double work harms none.
func NewStaging(root string, owner Owner, shared func(Owner)) *Staging {
	if owner.PID == 0 {
		owner.PID = os.Getpid()
	}
	return &Staging{root: root, name: fmt.Sprintf("%s%08x", owner.folderPrefix(), rand.Uint32()), owner: owner, shared: shared}
}

// Worker creates the staging folder of a worker and returns its path. What a dead worker of that index left is removed.
func (s *Staging) Worker(index int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.worker(index)
	if errors.Is(err, fs.ErrNotExist) {
		s.letGo()
		dir, err = s.worker(index)
	}
	return dir, err
}

// Own makes the run's folder, unless it is there, and returns its path. One that somebody has removed is made again.
func (s *Staging) Own() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != nil && s.removed() {
		s.letGo()
	}
	return s.path(), s.make(s.shared)
}

// removed reports whether the run's folder is gone.
func (s *Staging) removed() bool {
	_, err := os.Lstat(s.path())
	return errors.Is(err, fs.ErrNotExist)
}

// lost reports whether what was written in the run's folder when it had been made a number of times is gone.
func (s *Staging) lost(made int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made != made || s.removed()
}

// times is how often the run's folder was made.
func (s *Staging) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made
}

func (s *Staging) path() string { return filepath.Join(s.root, s.name) }

func (s *Staging) worker(index int) (string, error) {
	if err := s.make(s.shared); err != nil {
		return "", err
	}
	name := "w" + strconv.Itoa(index)
	removePart(s.dir, name+partLink)
	if err := s.dir.RemoveAll(name); err != nil {
		return "", fmt.Errorf("emptying the staging folder: %w", err)
	}
	if err := s.dir.Mkdir(name, 0o755); err != nil {
		return "", fmt.Errorf("making a staging folder: %w", err)
	}
	return filepath.Join(s.path(), name), nil
}

// make creates the run's folder. The caller holds mu.
func (s *Staging) make(shared func(Owner)) error {
	if s.dir != nil {
		return nil
	}
	parent := filepath.Dir(s.root)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("making a folder for outputs: %w", err)
	}
	outputs, err := os.OpenRoot(parent)
	if err != nil {
		return fmt.Errorf("opening the folder of the outputs: %w", err)
	}
	defer func() { _ = outputs.Close() }()
	s.in, err = beneath.Make(outputs, filepath.Base(s.root), 0o755)
	if err == nil {
		err = s.makeOwn()
	}
	if err != nil {
		s.letGo()
		return fmt.Errorf("making a folder for outputs (they are written there and renamed into place): %w", err)
	}
	s.cleanStale(shared)
	return nil
}

// makeOwn creates the folder of this run, and locks it.
func (s *Staging) makeOwn() error {
	// The folder gets its name once it is locked, so no other run takes it for that of a dead run.
	next := newPrefix + s.name
	if err := s.in.Mkdir(next, 0o755); err != nil {
		return err
	}
	var err error
	if s.dir, err = beneath.Open(s.in, next); err != nil {
		return err
	}
	lock, err := s.dir.OpenFile(lockName, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.lock = lock
	// Written before the folder has its name, so every run that finds it can read its owner.
	if err := json.NewEncoder(lock).Encode(s.owner); err != nil {
		return err
	}
	// Some network file systems have no locks. Then only this run cleans up after itself.
	_ = filelock.TryLock(lock)
	s.made++
	return s.in.Rename(next, s.name)
}

// EndFleet makes Close remove the folders of all processes of the owner's fleet that do not hold their locks, on whatever machine they were.
func (s *Staging) EndFleet() { s.endsFleet = true }

// Mark is a file of the run's folder by which other machines see whether they have the same folder of outputs.
func (s *Staging) Mark() (path string, owner Owner, err error) {
	own, err := s.Own()
	return filepath.Join(own, lockName), s.owner, err
}

// Sees reports whether the mark of another process is to be seen here.
func Sees(path string, owner Owner) bool {
	data, err := os.ReadFile(path)
	var found Owner
	return err == nil && json.Unmarshal(data, &found) == nil && found.Fleet == owner.Fleet && found.PID == owner.PID && found.Host == owner.Host
}

// letGo closes what is open. What is on disk stays for a later run to remove.
func (s *Staging) letGo() {
	if s.lock != nil {
		_ = s.lock.Close()
	}
	for _, r := range []*os.Root{s.dir, s.in} {
		if r != nil {
			_ = r.Close()
		}
	}
	s.lock, s.dir, s.in = nil, nil, nil
}

// Close removes the run's staging folder, those of dead runs, and root if no other run uses it. A run without any output does so, too,
// but leaves alone what it cannot remove.
func (s *Staging) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == nil {
		// Finished outputs may lie on a read-only file system.
		if _, err := os.Lstat(s.root); err != nil || s.make(nil) != nil {
			return nil
		}
	} else {
		s.cleanStale(nil)
	}
	err := removeRun(s.in, s.dir, s.name)
	s.letGo()
	// Root stays if another run has its folder there.
	rmErr := unix.Rmdir(s.root)
	if rmErr != nil && !errors.Is(rmErr, unix.ENOTEMPTY) && !errors.Is(rmErr, unix.EEXIST) && !errors.Is(rmErr, unix.ENOTDIR) {
		err = errors.Join(err, rmErr)
	}
	// All of it may have been removed by hand.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the staging folder: %w", err)
	}
	return nil
}

// removeRun removes the folder of a run, opened as dir: the mark that it is one of ours goes last.
func removeRun(in, dir *os.Root, name string) error {
	names, err := beneath.Names(dir)
	if err != nil {
		return err
	}
	for _, link := range names {
		if strings.HasSuffix(link, partLink) {
			removePart(dir, link)
		}
	}
	if err := beneath.Empty(dir, lockName); err != nil {
		return err
	}
	if err := dir.Remove(lockName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return in.Remove(name)
}
