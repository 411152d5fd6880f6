package outputs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// foreign is a page of another run.
type foreign struct {
	name  string
	file  *os.File
	owner Owner
	known bool
	// asked is when its lock was last tried. In between it is taken for living: its notes are left alone for no reason
	// then, and looked at again.
	asked time.Time
}

// askEvery is how often the lock of a living page is tried.
const askEvery = time.Second

// sweep reads the pages of other runs: what the living have noted is open, what the dead have noted is unfinished.
func (j *Journal) sweep() error {
	names, err := j.names()
	if err != nil {
		return err
	}
	clear(j.open)
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if !isPage(name) || strings.HasPrefix(name, j.mine) {
			continue
		}
		seen[name] = true
		if err := j.visit(name); err != nil {
			return err
		}
	}
	for name, f := range j.foreign {
		if !seen[name] {
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
			// Somebody has put it there who is not this program: it says nothing, and stays.
			j.forget(f)
			return nil
		}
		file, err := j.dir.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
			file, err = j.dir.OpenFile(name, os.O_RDONLY, 0)
		}
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
		// What another machine has written is seen when a file is opened.
		_ = f.file.Close()
		f.file = nil
	}
	return err
}

// alive reports whether a page's worker, or a child of it, lives. Where it does not, and locks say so, the page is locked.
func (j *Journal) alive(f *foreign) (bool, error) {
	if !f.known {
		// Its host has made it and is about to write to it, or died there: the lock says which, or the time.
		return j.held(f)
	}
	switch j.owner.sees(f.owner) {
	case locks:
		return j.held(f)
	case over:
		return false, nil
	default:
		return j.fresh(f)
	}
}

// held tries the lock of a page.
func (j *Journal) held(f *foreign) (bool, error) {
	err := filelock.TryLock(f.file)
	switch {
	case err == nil:
		if f.known {
			return false, nil
		}
		// Not every file system carries locks from one machine to another.
		fresh, err := j.fresh(f)
		if fresh || err != nil {
			filelock.Unlock(f.file)
		}
		return fresh, err
	case errors.Is(err, filelock.ErrHeld):
		return true, nil
	default:
		// Without locks the heartbeat is all there is.
		return j.fresh(f)
	}
}

// fresh reports whether a page was written to lately, by the file system's own clock.
func (j *Journal) fresh(f *foreign) (bool, error) {
	info, err := f.file.Stat()
	if err != nil {
		return false, err
	}
	now, err := j.now()
	if err != nil {
		return false, err
	}
	return now.Sub(info.ModTime()) < beatAge, nil
}

// now is the time on the file system's clock, which is another machine's perhaps.
func (j *Journal) now() (time.Time, error) {
	name := probePrefix + strings.TrimPrefix(j.mine, pagePrefix)
	file, err := j.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return time.Now(), nil
	}
	if err != nil {
		return time.Time{}, err
	}
	_, err = file.Write([]byte{0})
	info, statErr := file.Stat()
	_ = file.Close()
	_ = j.dir.Remove(name)
	if err := errors.Join(err, statErr); err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
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
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EBADF) {
			// Nothing can be written, so nothing will be done here: they are left alone.
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
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return nil
	}
	return err
}

// isBegun reports whether a page that names no owner is one whose host died while it made it.
func isBegun(file *os.File) bool {
	head := make([]byte, len(pageMagic))
	n, err := file.ReadAt(head, 0)
	return n == 0 && errors.Is(err, io.EOF) || string(head) == pageMagic
}
