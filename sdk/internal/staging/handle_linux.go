package staging

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// handle keeps the staging folder and the last destination open, so that a commit costs one directory read and one
// rename, whatever the length of the paths.
type handle struct {
	*descriptors
}

type descriptors struct {
	dir int
	// to is the open destination folder of that name; -1: none.
	to     int
	toPath string
	buf    []byte
	found  []string
}

const openFolder = unix.O_DIRECTORY | unix.O_CLOEXEC

func openHandle(path string) (handle, error) {
	fd, err := openRetry(path, unix.O_RDONLY|openFolder)
	if err != nil {
		return handle{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return handle{&descriptors{dir: fd, to: -1, buf: make([]byte, 4096)}}, nil
}

func openRetry(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func (h handle) close() error {
	err := unix.Close(h.dir)
	if h.to >= 0 {
		err = errors.Join(err, unix.Close(h.to))
		h.to = -1
	}
	return err
}

// names lists the folder. The slice is valid until the next call.
func (h handle) names() ([]string, error) {
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

// rename moves an entry into the folder at parent, which is made when it is missing.
func (h handle) rename(name, parent string) error {
	if h.to < 0 || h.toPath != parent {
		if err := h.enter(parent); err != nil {
			return err
		}
	}
	err := unix.Renameat(h.dir, name, h.to, name)
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	// Somebody removed the destination since it was opened.
	if err := h.enter(parent); err != nil {
		return err
	}
	return unix.Renameat(h.dir, name, h.to, name)
}

func (h handle) enter(parent string) error {
	if h.to >= 0 {
		if err := unix.Close(h.to); err != nil {
			return err
		}
		h.to = -1
	}
	fd, err := openRetry(parent, unix.O_PATH|openFolder)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(parent, 0o777); err != nil {
			return err
		}
		fd, err = openRetry(parent, unix.O_PATH|openFolder)
	}
	if err != nil {
		return err
	}
	h.to, h.toPath = fd, parent
	return nil
}
