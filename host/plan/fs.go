package plan

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// FS is a store of files: inputs are listed from it, and outputs are looked for in it. Paths are joined with slashes as the template
// gives them, and not cleaned.
type FS interface {
	// Open opens a file of lines, or a folder, which must be a fs.ReadDirFile.
	Open(path string) (fs.File, error)
	// Stat describes a file and follows links.
	Stat(path string) (fs.FileInfo, error)
	// Lstat describes a file, or a link itself.
	Lstat(path string) (fs.FileInfo, error)
}

// localDisk is the FS of the local disk.
type localDisk struct{}

func (localDisk) Open(path string) (fs.File, error)      { return os.Open(path) }
func (localDisk) Stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }
func (localDisk) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

// fileID identifies a file. It is zero if a store does not number its files.
type fileID struct{ dev, ino uint64 }

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

// stat returns the kind and the identity of a file. An empty path is the working folder.
func stat(store FS, path string, follow bool) (fileKind, fileID, error) {
	if store == (localDisk{}) {
		return statDisk(nil, cmp.Or(path, "."), follow)
	}
	return statAny(store, path, follow)
}

func statAny(store FS, path string, follow bool) (fileKind, fileID, error) {
	call := store.Lstat
	if follow {
		call = store.Stat
	}
	info, err := call(cmp.Or(path, "."))
	if err != nil {
		return kindUnknown, fileID{}, regular.Cause(err)
	}
	return kindOf(info.Mode()), idOf(info), nil
}

func exists(store FS, path string) bool {
	_, _, err := stat(store, path, true)
	return err == nil
}

// Exists reports whether an output exists, as a finish check sees it: a link that leads nowhere does not.
func Exists(path string) bool { return exists(localDisk{}, path) }

// folder is an open folder.
type folder struct {
	fs.ReadDirFile
	store FS
	path  string
}

// openFolder opens a folder; an empty path is the working folder.
func openFolder(store FS, path string) (*folder, error) {
	open := store.Open
	if store == (localDisk{}) {
		// Opening a named pipe would wait for a writer.
		open = func(path string) (fs.File, error) { return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0) }
	}
	file, err := open(cmp.Or(path, "."))
	if err != nil {
		return nil, regular.Cause(err)
	}
	if dir, ok := file.(fs.ReadDirFile); ok {
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return &folder{dir, store, path}, nil
		}
	}
	_ = file.Close()
	return nil, syscall.ENOTDIR
}

func (f *folder) close() { _ = f.Close() }

// read adds the folder's names to a list. It does not stat them.
func (f *folder) read(list *nameList) error {
	if dir, ok := f.ReadDirFile.(*os.File); ok {
		return readDisk(dir, list)
	}
	return readAny(f, list)
}

func readAny(dir fs.ReadDirFile, list *nameList) error {
	for {
		entries, err := dir.ReadDir(1024)
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

// stat describes a file in the folder.
func (f *folder) stat(name string, follow bool) (fileKind, fileID, error) {
	if dir, ok := f.ReadDirFile.(*os.File); ok {
		return statDisk(dir, name, follow)
	}
	return statAny(f.store, template.Join(f.path, name), follow)
}

func (f *folder) id() fileID {
	info, err := f.Stat()
	if err != nil {
		return fileID{}
	}
	return idOf(info)
}

// isMissing reports that a name does not exist. A name that cannot be examined may exist.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func isLoop(err error) bool { return errors.Is(err, syscall.ELOOP) }

// realPath makes a path absolute and follows its links, as far as it exists. Only the local disk has links above the working folder.
func realPath(store FS, path string) (string, error) {
	path, err := filepath.Abs(path)
	if store != (localDisk{}) || err != nil {
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
	if followed, err = realPath(store, parent); err != nil {
		return "", err
	}
	return filepath.Join(followed, filepath.Base(path)), nil
}
