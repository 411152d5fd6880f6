package pack

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// cursor reaches the files of samples. Most of them lie in the folder of the one before, which it keeps open: a small file costs no more
// system calls than it must. One goroutine uses it.
type cursor struct {
	spool  *spool
	folder string
	dir    *os.Root
	opened *os.File
}

func (s *spool) cursor() *cursor { return &cursor{spool: s} }

func (c *cursor) close() {
	if c.dir != nil {
		_ = c.opened.Close()
		_ = c.dir.Close()
		c.dir = nil
	}
}

// in returns the descriptor of the folder of a file, and the file's name there.
func (c *cursor) in(rel string) (int, string, error) {
	folder, name := path.Split(rel)
	if c.dir != nil && c.folder == folder {
		return int(c.opened.Fd()), name, nil
	}
	c.close()
	dir, err := c.spool.dir.OpenRoot(path.Join(samplesName, folder))
	if err != nil {
		return 0, "", err
	}
	opened, err := dir.Open(".")
	if err != nil {
		_ = dir.Close()
		return 0, "", err
	}
	c.dir, c.opened, c.folder = dir, opened, folder
	return int(opened.Fd()), name, nil
}

// stat is what is to be known of a file.
type stat struct {
	size    int64
	regular bool
	link    bool
	inode   inode
}

// inode is a file, whatever its name.
type inode struct{ dev, ino uint64 }

func statOf(st *unix.Stat_t) stat {
	kind := st.Mode & unix.S_IFMT
	return stat{st.Size, kind == unix.S_IFREG, kind == unix.S_IFLNK, inode{uint64(st.Dev), st.Ino}}
}

// stat examines a file, behind links if follow is set.
func (c *cursor) stat(rel string, follow bool) (stat, error) {
	dir, name, err := c.in(rel)
	if err != nil {
		return stat{}, err
	}
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstatat(dir, name, &st, flags) }); err != nil {
		return stat{}, &fs.PathError{Op: "stat", Path: rel, Err: err}
	}
	return statOf(&st), nil
}

// open opens a file. A task may have made a link to what it found elsewhere.
func (c *cursor) open(rel string) (fd int, err error) {
	dir, name, err := c.in(rel)
	if err != nil {
		return -1, err
	}
	err = again(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: rel, Err: err}
	}
	return fd, nil
}

// remove removes a file of a sample, or what a task has made instead. A missing file is not an error.
func (c *cursor) remove(rel string) error {
	dir, name, err := c.in(rel)
	if err == nil {
		err = again(func() error { return unix.Unlinkat(dir, name, 0) })
	}
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		err = c.dir.RemoveAll(name)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &fs.PathError{Op: "remove", Path: rel, Err: err}
}

// again does a system call until no signal interrupts it.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
