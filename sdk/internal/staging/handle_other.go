//go:build !linux

package staging

import (
	"errors"
	"io/fs"
	"os"
)

// handle is the portable version, which uses whole paths each time.
type handle struct{ path string }

func openHandle(path string) (*handle, error) {
	_, err := os.ReadDir(path)
	return &handle{path}, err
}

func (h *handle) close() error { return nil }

func (h *handle) names() ([]string, error) {
	dir, err := os.Open(h.path)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}

// rename moves an entry into the folder at parent, and makes that folder if it is missing.
func (h *handle) rename(name, parent string) error {
	err := os.Rename(h.path+"/"+name, parent+"/"+name)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	return os.Rename(h.path+"/"+name, parent+"/"+name)
}
