package outputs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Page is the page of one worker.
type Page struct {
	Path string
	// Mapped: the worker writes it through a memory map. Synced: each write must reach another machine at once.
	Mapped, Synced bool

	j    *Journal
	file *os.File
}

// Worker creates the page of a worker. The run keeps it alive until Handed.
func (j *Journal) Worker(index int) (*Page, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p, err := j.newPage(index)
	if err != nil {
		return nil, fmt.Errorf("keeping track of unfinished outputs in %s: %w", j.path, err)
	}
	j.pages[p] = true
	if j.stop == nil {
		j.stop = make(chan struct{})
		go j.beat(j.stop)
	}
	return p, nil
}

func (j *Journal) newPage(index int) (*Page, error) {
	content, err := newPage(j.owner)
	if err != nil {
		return nil, err
	}
	for {
		if err := j.make(); err != nil {
			return nil, err
		}
		if len(j.pages) == 0 {
			// Before the first output: report other runs, and clean up after dead ones.
			if err := j.sweep(); err != nil {
				return nil, err
			}
		}
		j.made++
		page, err := j.writePage(fmt.Sprintf("%s%d-%d", j.mine, index, j.made), content)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another run has just tidied the folder
		}
		return page, err
	}
}

// writePage creates a page. It gets its name once it is locked and written, so no other run takes it for a dead page.
func (j *Journal) writePage(name string, content []byte) (*Page, error) {
	next := beneath.NewProbeName()
	file, err := j.dir.OpenFile(next, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err = filelock.LockShared(file); err == nil || errors.Is(err, errors.ErrUnsupported) {
		_, err = file.WriteAt(content, 0)
	}
	if err == nil {
		err = j.dir.Rename(next, name)
	}
	if err != nil {
		_ = file.Close()
		_ = j.dir.Remove(next)
		return nil, err
	}
	return &Page{Path: filepath.Join(j.path, name), Mapped: j.mapped, Synced: j.records.sync, j: j, file: file}, nil
}

// Handed says that the worker keeps the page alive from now on.
func (p *Page) Handed() { filelock.Unlock(p.file) }

// Ended says that the worker is gone. Outputs that it had begun are unfinished from now on.
func (p *Page) Ended() error {
	j := p.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.pages[p] {
		return nil
	}
	return j.conclude(p)
}

// conclude takes over the page of a worker of this run. A page that a child of the worker still holds stays.
func (j *Journal) conclude(p *Page) error {
	notes, err := readNotes(p.file)
	if err := j.attach(); err == nil && j.dir == nil && j.anyThere(notes) {
		// The folder was removed, but not the outputs.
		err = j.make()
		if err != nil {
			return fmt.Errorf("keeping which outputs are unfinished: %w", err)
		}
	} else if err != nil || j.dir == nil {
		delete(j.pages, p)
		_ = p.file.Close()
		return err
	}
	filelock.Unlock(p.file)
	if err == nil && len(notes) > 0 {
		err = j.records.append(j.dir, begunOnly, keysOf(notes))
	}
	if err != nil {
		// The page counts as long as the file does not list them.
		return fmt.Errorf("keeping which outputs are unfinished: %w", err)
	}
	if err := filelock.TryLock(p.file); errors.Is(err, filelock.ErrHeld) {
		return nil
	}
	delete(j.pages, p)
	err = j.dir.Remove(filepath.Base(p.Path))
	_ = p.file.Close()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// anyThere reports whether one of the outputs on a page exists.
func (j *Journal) anyThere(notes []string) bool {
	return slices.ContainsFunc(notes, func(rel string) bool {
		_, err := os.Lstat(filepath.Join(filepath.Dir(j.path), rel))
		return err == nil
	})
}

// beat writes heartbeats to the run's pages for other machines. Workers do so, too, but may be stopped or busy for long.
func (j *Journal) beat(stop chan struct{}) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			j.mu.Lock()
			for p := range j.pages {
				_, _ = p.file.WriteAt(make([]byte, 8), pageBeat)
			}
			j.mu.Unlock()
		case <-stop:
			return
		}
	}
}
