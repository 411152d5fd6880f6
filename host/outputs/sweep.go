package outputs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// foreign is a page of another run.
type foreign struct {
	name  string
	file  *os.File
	owner Owner
	known bool
	// asked is the time of the last try of its lock. Until the next one the page counts as live.
	asked time.Time
}

// askEvery is the interval between tries of a lock.
const askEvery = time.Second

// sweep reads the pages of other runs. Outputs on live pages are open; those on dead pages are unfinished.
func (j *Journal) sweep() error {
	names, err := beneath.Names(j.dir)
	if err != nil {
		return err
	}
	clear(j.open)
	for _, name := range names {
		if !pageName.MatchString(name) || strings.HasPrefix(name, j.mine) {
			continue
		}
		if err := j.visit(name); err != nil {
			return err
		}
	}
	for name, f := range j.foreign {
		if !slices.Contains(names, name) {
			j.forget(f)
		}
	}
	return nil
}

func (j *Journal) forget(f *foreign) {
	if f.file != nil {
		_ = f.file.Close()
	}
	delete(j.foreign, f.name)
}

func (j *Journal) visit(name string) error {
	f := j.foreign[name]
	if f == nil {
		f = &foreign{name: name}
		j.foreign[name] = f
	}
	if f.file == nil {
		entry, err := j.dir.Lstat(name)
		if err == nil && !isOwnFile(entry) {
			// It is not a file of this program: ignore it, and leave it.
			j.forget(f)
			return nil
		}
		file, err := openFile(j.dir, name, 0)
		if errors.Is(err, fs.ErrNotExist) {
			j.forget(f)
			return nil
		}
		if err != nil {
			return err
		}
		f.file = file
	}
	if !f.known {
		f.owner, f.known = readOwner(f.file)
	}
	if time.Since(f.asked) >= askEvery {
		alive, err := j.alive(f)
		if err != nil {
			return err
		}
		if !alive {
			return j.bury(f)
		}
		f.asked = time.Now()
		if f.known && !j.told[f.owner] {
			j.told[f.owner] = true
			if j.shared != nil {
				j.shared(f.owner)
			}
		}
	}
	notes, err := readNotes(f.file)
	for _, key := range keysOf(notes) {
		j.open[key] = f.owner
	}
	if !j.mapped {
		// On a network file system, opening the file again shows what another machine has written.
		_ = f.file.Close()
		f.file = nil
	}
	return err
}

// alive reports whether the worker of a page, or a child of it, is alive. If a lock shows that it is dead, the page is locked.
func (j *Journal) alive(f *foreign) (bool, error) {
	if f.known {
		switch j.owner.sees(f.owner) {
		case over:
			return false, nil
		case elsewhere:
			return j.fresh(f)
		}
	}
	err := filelock.TryLock(f.file)
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return true, nil
	case err != nil:
		// Without locks only the heartbeat tells.
		return j.fresh(f)
	case f.known:
		return false, nil
	}
	// Its host is about to write to it, or died before. Not every file system shares locks between machines.
	fresh, err := j.fresh(f)
	if fresh || err != nil {
		filelock.Unlock(f.file)
	}
	return fresh, err
}

// fresh reports whether a page was written recently, by the clock of the file system, which may be that of another machine.
func (j *Journal) fresh(f *foreign) (bool, error) {
	info, err := f.file.Stat()
	if err != nil {
		return false, err
	}
	now := time.Now()
	probe, err := beneath.Probe(j.dir)
	switch {
	case err == nil:
		now = probe.ModTime()
	case !isReadOnly(err):
		return false, err
	}
	return now.Sub(info.ModTime()) < beatAge, nil
}

// bury takes over the notes of a dead page and removes it.
func (j *Journal) bury(f *foreign) error {
	defer j.forget(f)
	notes, err := readNotes(f.file)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		err := j.records.append(j.dir, begunOnly, keysOf(notes))
		if isReadOnly(err) {
			// The folder is read-only, so this run cannot do these items: leave them.
			for _, key := range keysOf(notes) {
				j.open[key] = f.owner
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	if !f.known && !isBegun(f.file) {
		return nil
	}
	err = j.dir.Remove(f.name)
	if errors.Is(err, fs.ErrNotExist) || isReadOnly(err) {
		return nil
	}
	return err
}

// isBegun reports whether a page without an owner was left by a host that died while it created it.
func isBegun(file *os.File) bool {
	head := make([]byte, len(pageMagic))
	n, err := file.ReadAt(head, 0)
	return n == 0 && errors.Is(err, io.EOF) || string(head) == pageMagic
}
