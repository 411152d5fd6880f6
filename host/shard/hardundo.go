package shard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Undone is what became of the files of a layout.
type Undone struct {
	// Removed counts links whose file is in its old place, Returned those that were brought back there.
	Removed  int `json:"removed"`
	Returned int `json:"returned"`
	// Kept counts files that stay, because something else has their place; First are the first of them.
	Kept  int      `json:"kept"`
	First []string `json:"first_kept,omitempty"`
}

// Undo takes a layout back: files that are gone from the folder that was divided return there, and the links and their folders are
// removed. Files that were not laid out stay. It may be called again after it was killed.
func Undo(ctx context.Context, in, base string) (Undone, error) {
	u := &undo{ctx: ctx}
	m, err := readMark(base)
	if errors.Is(err, fs.ErrNotExist) {
		return u.Undone, fmt.Errorf("%s has no parts that this command made: there is no %s in it", base, markName)
	}
	if err != nil {
		return u.Undone, err
	}
	abs, err := filepath.Abs(in)
	if target, e := filepath.EvalSymlinks(abs); e == nil {
		abs = target
	}
	if err != nil || abs != m.In {
		return u.Undone, errors.Join(err, fmt.Errorf("%s has the files of %s, not of %s", base, m.In, in))
	}
	unlock, err := lockFolder(base)
	if err != nil {
		return u.Undone, err
	}
	defer unlock()
	u.mark = m
	if m.State == placing {
		if err := m.place(); err != nil {
			return u.Undone, err
		}
	}
	if m.State != making {
		if err := u.mark.enter(undoing); err != nil {
			return u.Undone, err
		}
		if err := m.eachLink(u.link); err != nil {
			return u.Undone, err
		}
		for i := range m.Parts {
			outer := filepath.Dir(m.Folder(i))
			if isFolder(outer) {
				removeEmpty(m.Folder(i))
				_ = os.Remove(outer)
			}
		}
	}
	if u.Kept > 0 {
		return u.Undone, nil
	}
	// What is left aside are links, whose files are in their place or were removed by the user.
	if err := os.RemoveAll(m.work()); err != nil {
		return u.Undone, err
	}
	if err := os.Remove(filepath.Join(base, markName)); err != nil {
		return u.Undone, err
	}
	if m.Made {
		_ = os.Remove(base)
	}
	return u.Undone, nil
}

type undo struct {
	Undone
	ctx  context.Context
	mark mark
}

// link takes back one link, or keeps it.
func (u *undo) link(l link) error {
	if u.ctx.Err() != nil {
		return context.Cause(u.ctx)
	}
	path := filepath.Join(u.mark.Folder(l.part), l.rel)
	mine, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !u.inFolders(l):
		err = errTaken
	case err == nil:
		err = u.takeBack(path, l, mine)
	}
	if err != nil {
		if u.Kept++; len(u.First) < 5 {
			u.First = append(u.First, path)
		}
	}
	return nil
}

// inFolders reports whether a link lies in the folders that were made for it, and not behind a link that has taken the place of one.
func (u *undo) inFolders(l link) bool {
	for dir := filepath.Join(u.mark.Folder(l.part), filepath.Dir(l.rel)); dir != filepath.Clean(u.mark.Base); dir = filepath.Dir(dir) {
		if !isFolder(dir) {
			return false
		}
	}
	return true
}

func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

var errTaken = errors.New("something else is there")

// takeBack removes a link whose file is in its place, and else brings it back there. It never replaces anything.
func (u *undo) takeBack(path string, l link, mine fs.FileInfo) error {
	back := filepath.Join(u.mark.In, l.rel)
	switch there, err := os.Lstat(back); {
	case err == nil && os.SameFile(mine, there):
		u.Removed++
		return os.Remove(path)
	case err == nil:
		return errTaken
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case inodeOf(mine) != l.inode:
		// The part has another file now, which never was in the folder.
		return errTaken
	}
	if err := u.folder(filepath.Dir(l.rel)); err != nil {
		return err
	}
	// A file that comes to be there meanwhile is not replaced.
	if err := os.Link(path, back); err != nil {
		return err
	}
	u.Returned++
	return os.Remove(path)
}

// folder makes a folder below the one that was divided. It does not follow links.
func (u *undo) folder(rel string) error {
	if rel == "." {
		return nil
	}
	if err := u.folder(filepath.Dir(rel)); err != nil {
		return err
	}
	path := filepath.Join(u.mark.In, rel)
	switch info, err := os.Lstat(path); {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return errTaken
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Mkdir(path, 0o777)
}

// removeEmpty removes a folder and those below it, as far as there is nothing in them.
func removeEmpty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil || !isFolder(dir) {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeEmpty(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}
