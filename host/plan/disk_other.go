//go:build !linux

package plan

import (
	"io/fs"
	"os"
)

// localDisk is the store of the local disk.
type localDisk struct{}

func (localDisk) openFile(path string) (fs.File, error)  { return os.Open(path) }
func (localDisk) openFolder(path string) (folder, error) { return anyStore{osFS{}}.openFolder(path) }
func (localDisk) stat(path string, follow bool) (fileKind, error) {
	return anyStore{osFS{}}.stat(path, follow)
}

type osFS struct{}

func (osFS) Open(path string) (fs.File, error)      { return os.Open(path) }
func (osFS) Stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }
func (osFS) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
