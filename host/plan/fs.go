package plan

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// FS is a store of files that inputs are listed from and outputs are looked for in. Paths are joined with slashes as the template
// has them, and not cleaned.
type FS interface {
	// Open opens a file of lines, or a folder, which is then a fs.ReadDirFile.
	Open(path string) (fs.File, error)
	// Stat describes a file and follows links.
	Stat(path string) (fs.FileInfo, error)
	// Lstat describes a file, or a link itself.
	Lstat(path string) (fs.FileInfo, error)
}

// store is an FS as a walk uses it. The local disk (localDisk) makes no value for each name that it reads.
type store interface {
	openFile(path string) (fs.File, error)
	openFolder(path string) (folder, error)
	stat(path string, follow bool) (fileKind, error)
}

// folder is an open folder.
type folder interface {
	// read adds the folder's names to a list, without asking for any of them.
	read(list *nameList) error
	stat(name string, follow bool) (fileKind, fileID, error)
	id() (fileID, error)
	close()
}

// fileID tells files apart.
type fileID struct{ dev, ino uint64 }

// storeOf returns the store of an FS; nil stands for the local disk.
func storeOf(f FS) store {
	if f == nil {
		return localDisk{}
	}
	return anyStore{f}
}

// anyStore is the store of any FS.
type anyStore struct{ fs FS }

func (s anyStore) openFile(path string) (fs.File, error) { return s.fs.Open(path) }

func (s anyStore) openFolder(path string) (folder, error) {
	path = orWorkingFolder(path)
	file, err := s.fs.Open(path)
	if err != nil {
		return nil, regular.Cause(err)
	}
	if dir, ok := file.(fs.ReadDirFile); ok {
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return anyFolder{s, path, dir}, nil
		}
	}
	_ = file.Close()
	return nil, syscall.ENOTDIR
}

func (s anyStore) stat(path string, follow bool) (fileKind, error) {
	kind, _, err := s.identify(orWorkingFolder(path), follow)
	return kind, err
}

func (s anyStore) identify(path string, follow bool) (fileKind, fileID, error) {
	stat := s.fs.Lstat
	if follow {
		stat = s.fs.Stat
	}
	info, err := stat(path)
	if err != nil {
		return kindUnknown, fileID{}, regular.Cause(err)
	}
	return kindOf(info.Mode()), idOf(info), nil
}

type anyFolder struct {
	store anyStore
	path  string
	file  fs.ReadDirFile
}

func (f anyFolder) close() { _ = f.file.Close() }

func (f anyFolder) read(list *nameList) error {
	for {
		entries, err := f.file.ReadDir(1024)
		for _, e := range entries {
			if err := list.add([]byte(e.Name()), kindOf(e.Type())); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return regular.Cause(err)
		}
	}
}

func (f anyFolder) stat(name string, follow bool) (fileKind, fileID, error) {
	return f.store.identify(template.Join(f.path, name), follow)
}

func (f anyFolder) id() (fileID, error) {
	info, err := f.file.Stat()
	if err != nil {
		return fileID{}, regular.Cause(err)
	}
	return idOf(info), nil
}

// idOf is zero where a store does not number its files.
func idOf(info fs.FileInfo) fileID {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fileID{uint64(st.Dev), st.Ino}
	}
	return fileID{}
}

func kindOf(mode fs.FileMode) fileKind {
	switch mode.Type() {
	case 0:
		return kindFile
	case fs.ModeDir:
		return kindFolder
	case fs.ModeSymlink:
		return kindLink
	default:
		return kindOther
	}
}

// isMissing reports that a name does not exist, as opposed to one that cannot be looked at.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func isLoop(err error) bool { return errors.Is(err, syscall.ELOOP) }

// realPath makes a path absolute and follows its links, as far as it exists. Other stores than the local disk have no links on the way.
func realPath(s store, path string) (string, error) {
	path, err := filepath.Abs(path)
	if _, local := s.(localDisk); !local || err != nil {
		return path, err
	}
	followed, err := filepath.EvalSymlinks(path)
	if err == nil || !isMissing(err) {
		return followed, err
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path, nil
	}
	if followed, err = realPath(s, parent); err != nil {
		return "", err
	}
	return filepath.Join(followed, filepath.Base(path)), nil
}

// isOurs reports whether a folder's name is that of one that kagurazaka keeps for itself.
func isOurs(name []byte) bool {
	return bytes.HasPrefix(name, []byte(template.JournalFolder)) && (len(name) == len(template.JournalFolder) || string(name) == template.StagingFolder)
}
