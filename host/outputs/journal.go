// Package outputs keeps the journal of direct outputs, and the staging folders of others. A direct output is finished if it exists and
// the journal does not name it. docs/design/outputs.md says why, and docs/protocol.md has the formats for authors of SDKs.
package outputs

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Journal is the folder below an output root in which workers record which outputs they have begun. It is safe for concurrent use.
type Journal struct {
	path   string
	owner  Owner
	shared func(Owner)
	// mine is the prefix of the names of this run's pages.
	mine string

	// readOnly: this run writes no pages here. alone: journals above and below are not read.
	readOnly, alone bool

	mu sync.Mutex
	// near are the journals found above and below the output folder. looked is the time of the last search above it, below the
	// folders in it that were searched.
	near   []near
	looked time.Time
	below  map[string]struct{}
	// dir is the open folder; nil: it does not exist, or was not opened yet.
	dir     *os.Root
	mapped  bool
	records records
	foreign map[string]*foreign
	// open is what live pages of other runs listed at the last look.
	open  map[uint64]Owner
	told  map[Owner]bool
	pages map[*Page]bool
	made  int
	// stop ends the heartbeats; nil: there are none.
	stop chan struct{}
}

// New prepares the journal of a run that writes below root. It creates nothing. shared is called once for each other run at work
// on the same outputs; it may be nil.
func New(root string, owner Owner, shared func(Owner)) (*Journal, error) {
	path, err := filepath.Abs(filepath.Join(root, template.JournalFolder))
	if err != nil {
		return nil, fmt.Errorf("the output folder: %w", err)
	}
	return &Journal{
		path: path, owner: owner.Here(), shared: shared, mine: fmt.Sprintf("%s%016x-", pagePrefix, rand.Uint64()),
		foreign: map[string]*foreign{}, open: map[uint64]Owner{}, told: map[Owner]bool{}, pages: map[*Page]bool{}, below: map[string]struct{}{},
	}, nil
}

// ReadOnly is for a run that stages its outputs: it only asks which existing outputs are finished. A file or link in place of the
// folder is then ignored.
func (j *Journal) ReadOnly() { j.readOnly = true }

// attach opens the folder if it exists. The caller holds the lock.
func (j *Journal) attach() error {
	info, err := os.Lstat(j.path)
	if err != nil {
		j.detach()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			return nil
		}
		return err
	}
	if j.dir != nil {
		if held, err := j.dir.Stat("."); err == nil && os.SameFile(held, info) {
			return nil
		}
		j.detach()
	}
	if j.readOnly && !info.IsDir() {
		return nil
	}
	parent, err := os.OpenRoot(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	defer func() { _ = parent.Close() }()
	dir, err := beneath.Open(parent, template.JournalFolder)
	if not := new(beneath.NotOursError); errors.As(err, &not) {
		not.Advice = "only its owner can tell which outputs are unfinished; run as that user"
		if !info.IsDir() {
			not.Advice = "kagurazaka keeps track of unfinished outputs in a folder of that name; move it away, or give --outputs staged"
		}
	}
	if err != nil {
		return err
	}
	j.dir = dir
	if info.Mode().Perm()&0o077 != 0 {
		// Not every file system keeps modes.
		_ = dir.Chmod(".", 0o700)
	}
	if opened, err := dir.Open("."); err == nil {
		j.mapped, j.records.sync = kindOf(opened)
		_ = opened.Close()
	}
	return nil
}

func (j *Journal) detach() {
	if j.dir != nil {
		_ = j.dir.Close()
		j.dir = nil
	}
	j.records.close()
	for _, f := range j.foreign {
		j.forget(f)
	}
	clear(j.open)
}

// make opens the folder, and creates it if necessary. The caller holds the lock.
func (j *Journal) make() error {
	for {
		if err := j.attach(); err != nil || j.dir != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(j.path), 0o777); err != nil {
			return err
		}
		if err := os.Mkdir(j.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// Look reads the journal. Its result holds for outputs that existed before the call. It reports whether anything is listed, and takes
// over the pages of dead workers. Of then answers for outputs in folder, which is relative to the root.
func (j *Journal) Look(folder []byte) (noted bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err = j.look()
	if err == nil {
		j.lookAround(folder)
		noted, err = j.lookNear()
	}
	if err != nil {
		return false, fmt.Errorf("reading which outputs are unfinished: %w", err)
	}
	return noted || len(j.open)+len(j.records.keys) > 0, nil
}

func (j *Journal) look() error {
	if err := j.attach(); err != nil || j.dir == nil {
		return err
	}
	if err := j.sweep(); err != nil {
		return err
	}
	// After the pages: a worker writes a failure to the file before it clears it from its page.
	return j.records.update(j.dir)
}

// Of is the state of an existing output at the last look. rel is relative to the root.
func (j *Journal) Of(rel []byte) template.OutputState {
	key := Key(rel)
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.open[key]; ok {
		return template.OutputOpen
	}
	if _, ok := j.records.keys[key]; ok {
		return template.OutputUnfinished
	}
	return j.nearState(rel)
}

// Unfinished reports whether an output is unfinished now. It reads the pages of this run's dead workers, which count as long as the
// file cannot be written, but no pages of other runs.
func (j *Journal) Unfinished(rel string) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := Key(rel)
	for p := range j.pages {
		notes, err := readNotes(p.file)
		if err != nil || slices.Contains(keysOf(notes), key) {
			return true, err
		}
	}
	if err := j.attach(); err != nil {
		return false, err
	}
	if j.dir != nil {
		if err := j.records.update(j.dir); err != nil {
			return false, err
		}
	}
	if _, found := j.records.keys[key]; found {
		return true, nil
	}
	return j.nearState([]byte(rel)) == template.OutputUnfinished, nil
}

// UnfinishedPath is the file that lists unfinished outputs. It may not exist.
func (j *Journal) UnfinishedPath() string { return filepath.Join(j.path, unfinishedName) }

// PagePrefix is the prefix of the names of this run's pages.
func (j *Journal) PagePrefix() string { return j.mine }

// Close takes over the run's pages, and removes the folder if it lists nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.detach()
	if j.stop != nil {
		close(j.stop)
		j.stop = nil
	}
	var err error
	for _, n := range j.near {
		_ = n.j.Close()
	}
	for p := range j.pages {
		err = errors.Join(err, j.conclude(p))
		_ = p.file.Close()
	}
	clear(j.pages)
	// A run without any work cleans up after dead runs, too. It leaves alone what it cannot write.
	if j.dir == nil && j.attach() != nil || j.dir == nil {
		return err
	}
	return errors.Join(err, j.tidy())
}

// tidy removes the folder, or compacts its file, if no other run uses it.
func (j *Journal) tidy() error {
	if err := j.sweep(); err != nil {
		return err
	}
	names, err := beneath.Names(j.dir)
	if err != nil || slices.ContainsFunc(names, pageName.MatchString) {
		return err
	}
	for _, name := range names {
		if beneath.ProbeName.MatchString(name) {
			_ = j.dir.Remove(name)
		}
	}
	if err := j.records.update(j.dir); err != nil {
		return err
	}
	if j.records.file != nil {
		err := j.records.compact(j.dir)
		if isReadOnly(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("tidying %s: %w", j.path, err)
		}
	}
	// The folder stays if another run uses it by now, or something is unfinished.
	_ = os.Remove(j.path)
	return nil
}

// beatEvery is the interval of heartbeats, and beatAge how long one counts on other machines.
const (
	beatEvery = 10 * time.Second
	beatAge   = 5 * time.Minute
)
