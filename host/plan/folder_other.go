//go:build !linux

package plan

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// folder is an open folder.
type folder struct {
	file *os.File
	path string
}

// fileID tells files apart.
type fileID struct{ dev, ino uint64 }

const readBuffer = 0

func openFolder(path string) (folder, error) {
	path = orWorkingFolder(path)
	file, err := os.Open(path)
	if err != nil {
		return folder{}, err
	}
	info, err := file.Stat()
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		_ = file.Close()
		return folder{}, err
	}
	return folder{file, path}, nil
}

func (f folder) close() { _ = f.file.Close() }

func (f folder) read(list *nameList, _ []byte) error {
	for {
		entries, err := f.file.ReadDir(1024)
		for _, e := range entries {
			if len(list.text)+len(e.Name()) > maxFolderText {
				return errTooBig
			}
			list.add([]byte(e.Name()), kindOfMode(e.Type()))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f folder) stat(name string, follow bool) (fileKind, fileID, error) {
	return statPath(template.Join(f.path, name), follow)
}

func (f folder) id() (fileID, error) {
	info, err := f.file.Stat()
	if err != nil {
		return fileID{}, err
	}
	return idOf(info), nil
}

func statPath(path string, follow bool) (fileKind, fileID, error) {
	ask := os.Lstat
	if follow {
		ask = os.Stat
	}
	info, err := ask(path)
	if err != nil {
		return kindUnknown, fileID{}, err
	}
	return kindOfMode(info.Mode()), idOf(info), nil
}

func idOf(info fs.FileInfo) fileID {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fileID{uint64(st.Dev), st.Ino}
	}
	return fileID{}
}

func kindOfMode(mode fs.FileMode) fileKind {
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

func pathExists(path string, follow bool) (fileKind, error) {
	kind, _, err := statPath(orWorkingFolder(path), follow)
	return kind, err
}

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func isLoop(err error) bool { return errors.Is(err, syscall.ELOOP) }
