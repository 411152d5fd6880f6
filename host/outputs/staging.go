package outputs

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Staging is the folder below the outputs where the workers of one run write before they commit. It is reached through
// opened folders alone, so a link that somebody puts in its place is refused, not followed.
type Staging struct {
	// root is the path of the folder of all runs, name that of this run's folder in it.
	root, name string

	owner  Owner
	shared func(Owner)

	mu sync.Mutex
	// in and dir are root and this run's folder, opened; nil until they are made.
	in, dir *os.Root
	lock    *os.File
}

// lockName is the file of a run's staging folder that its host keeps locked: a folder whose lock is free is of a run
// that is dead. It is also the mark that the folder is one of ours, so it is removed last.
const lockName = ".lock"

// newPrefix marks a folder that is about to be locked.
const newPrefix = ".new-"

// folderPrefix is how the names of an owner's folders begin; 8 random hexadecimal digits follow.
func (o Owner) folderPrefix() string {
	host := o.Host
	if host == "" {
		host = "host"
	}
	return host + "-" + strconv.Itoa(o.PID) + "-"
}

// NewStaging prepares staging in root, which is a folder of that purpose directly below the outputs. It makes nothing yet.
// shared is called for each other run that is found at work on the same outputs once this one begins to write: both do
// work that one would have done, and no output is harmed, since each is renamed into place. It may be nil.
func NewStaging(root string, owner Owner, shared func(Owner)) (*Staging, error) {
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("naming a staging folder: %w", err)
	}
	if owner.PID == 0 {
		owner.PID = os.Getpid()
	}
	return &Staging{root: root, name: owner.folderPrefix() + hex.EncodeToString(random), owner: owner, shared: shared}, nil
}

// Worker returns the staging folder of a worker, made and empty: what a worker of that index left behind when it died
// is removed. Folders that were removed meanwhile are made again.
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
	return filepath.Join(s.root, s.name, name), nil
}

// make makes the run's folder. It is called with mu held.
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

// makeOwn makes the folder of this run, and locks it.
func (s *Staging) makeOwn() error {
	// The folder gets its name once it is locked: nobody else can take it for one that a dead run left.
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
	// Written before the folder has its name: whoever finds it can read whose it is.
	if err := json.NewEncoder(lock).Encode(s.owner); err != nil {
		return err
	}
	// Some network file systems have no locks. Then nobody cleans up after this run but itself.
	if err := filelock.TryLock(lock); err != nil {
		_ = lock.Close()
		s.lock = nil
	}
	return s.in.Rename(next, s.name)
}

// letGo closes what is open. What is on disk stays, for a later run to clean.
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

// Close removes the run's staging, what others have left who are dead by now, and root when nobody else uses it. It does
// so for a run that had nothing to write, too: then what cannot be cleaned is left alone.
func (s *Staging) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == nil {
		// Outputs that are finished may lie where nothing can be written.
		if _, err := os.Lstat(s.root); err != nil || s.make(nil) != nil {
			return nil
		}
	} else {
		s.cleanStale(nil)
	}
	err := removeRun(s.in, s.dir, s.name)
	s.letGo()
	// Another run may have its own folder there: then this one stays.
	rmErr := unix.Rmdir(s.root)
	if rmErr != nil && !errors.Is(rmErr, unix.ENOTEMPTY) && !errors.Is(rmErr, unix.EEXIST) && !errors.Is(rmErr, unix.ENOTDIR) {
		err = errors.Join(err, rmErr)
	}
	// Somebody may have removed all of it.
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
