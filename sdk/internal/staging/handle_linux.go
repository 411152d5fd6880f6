package staging

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// handle keeps the staging folder and the last destination open. So a commit costs one directory read and one rename,
// independent of the length of the paths.
type handle struct {
	dir int
	// to is the descriptor of the destination folder toPath, or -1.
	to     int
	toPath string
	buf    []byte
	found  []string
}

func openHandle(path string) (*handle, error) {
	fd, err := openFolder(path, unix.O_RDONLY)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &handle{dir: fd, to: -1, buf: make([]byte, 4096)}, nil
}

func openFolder(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func (h *handle) close() error {
	err := unix.Close(h.dir)
	if h.to >= 0 {
		err = errors.Join(err, unix.Close(h.to))
		h.to = -1
	}
	return err
}

// names lists the folder. The slice is valid until the next call.
func (h *handle) names() ([]string, error) {
	if _, err := unix.Seek(h.dir, 0, unix.SEEK_SET); err != nil {
		return nil, fmt.Errorf("seeking: %w", err)
	}
	h.found = h.found[:0]
	for {
		n, err := unix.ReadDirent(h.dir, h.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return h.found, nil
		}
		_, _, h.found = unix.ParseDirent(h.buf[:n], -1, h.found)
	}
}

// rename moves an entry into the folder at parent, and makes that folder if it is missing.
func (h *handle) rename(name, parent string) error {
	if h.to < 0 || h.toPath != parent {
		if err := h.enter(parent); err != nil {
			return err
		}
	}
	err := unix.Renameat(h.dir, name, h.to, name)
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	// Another process removed the destination since it was opened.
	if err := h.enter(parent); err != nil {
		return err
	}
	return unix.Renameat(h.dir, name, h.to, name)
}

func (h *handle) enter(parent string) error {
	if h.to >= 0 {
		if err := unix.Close(h.to); err != nil {
			return err
		}
		h.to = -1
	}
	fd, err := openFolder(parent, unix.O_PATH)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(parent, 0o777); err != nil {
			return err
		}
		fd, err = openFolder(parent, unix.O_PATH)
	}
	if err != nil {
		return err
	}
	h.to, h.toPath = fd, parent
	return nil
}
