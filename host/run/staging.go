package run

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
	"time"

	"golang.org/x/sys/unix"
)

// Staging is the folder below the outputs where the workers of one run write before they commit.
type Staging struct {
	root string
	dir  string

	owner  Owner
	shared func(Owner)

	mu   sync.Mutex
	made bool
	lock *os.File
}

// lockName is the file of a run's staging folder that its host keeps locked: a folder whose lock is free is of a run
// that is dead.
const lockName = ".lock"

// newPrefix marks a folder that is about to be locked.
const newPrefix = ".new-"

// Owner is whose a staging folder is. It stands in the file that its host keeps locked, for others to read.
type Owner struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Run is the run's id; empty: it has no ledger.
	Run   string    `json:"run,omitempty"`
	Since time.Time `json:"since"`
	// Shard is which part of the items the run does, as JSON; empty: all.
	Shard string `json:"shard,omitempty"`
}

// NewStaging prepares staging in root, which is a folder of that purpose below the outputs. It makes nothing yet. shared is
// called for each other run that is found at work on the same outputs once this one begins to write: both do work that
// one would have done, and no output is harmed, since each is renamed into place. It may be nil.
func NewStaging(root string, owner Owner, shared func(Owner)) (*Staging, error) {
	host := owner.Host
	if host == "" {
		host = "host"
	}
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("naming a staging folder: %w", err)
	}
	name := strings.Join([]string{host, strconv.Itoa(os.Getpid()), hex.EncodeToString(random)}, "-")
	return &Staging{root: root, dir: filepath.Join(root, name), owner: owner, shared: shared}, nil
}

// Worker returns the staging folder of a worker, made and empty: what a worker of that index left behind when it died
// is removed.
func (s *Staging) Worker(index int) (string, error) {
	s.mu.Lock()
	err := s.make(s.shared)
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, "w"+strconv.Itoa(index))
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("emptying the staging folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a staging folder: %w", err)
	}
	return dir, nil
}

// make makes the run's folder. It is called with the lock held.
func (s *Staging) make(shared func(Owner)) error {
	if s.made {
		return nil
	}
	// The folder gets its name once it is locked: nobody else can take it for one that a dead run left.
	next := filepath.Join(s.root, newPrefix+filepath.Base(s.dir))
	if err := os.MkdirAll(next, 0o755); err != nil {
		return fmt.Errorf("making a folder for outputs (they are written there and renamed into place): %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(next, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the staging folder: %w", err)
	}
	// Some network file systems have no locks. Then nobody cleans up after this run but itself.
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		lock = nil
	}
	// Written before the folder has its name: whoever finds it can read whose it is.
	if lock != nil {
		if err := json.NewEncoder(lock).Encode(s.owner); err != nil {
			_ = lock.Close()
			return fmt.Errorf("making a staging folder: %w", err)
		}
	}
	if err := os.Rename(next, s.dir); err != nil {
		return fmt.Errorf("making a staging folder: %w", err)
	}
	s.lock, s.made = lock, true
	s.cleanStale(shared)
	return nil
}

// Close removes the run's staging, what others have left who are dead by now, and root when nobody else uses it. It does
// so for a run that had nothing to write, too: then what cannot be cleaned is left alone.
func (s *Staging) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.made {
		// Outputs that are finished may lie where nothing can be written.
		if _, err := os.Stat(s.root); err != nil || s.make(nil) != nil {
			return nil
		}
	} else {
		s.cleanStale(nil)
	}
	s.made = false
	err := os.RemoveAll(s.dir)
	if s.lock != nil {
		_ = s.lock.Close()
	}
	// Another run may have its own folder there: then this one stays.
	if rmErr := os.Remove(s.root); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) && !errors.Is(rmErr, unix.ENOTEMPTY) && !errors.Is(rmErr, unix.EEXIST) {
		err = errors.Join(err, rmErr)
	}
	if err != nil {
		return fmt.Errorf("removing the staging folder: %w", err)
	}
	return nil
}
