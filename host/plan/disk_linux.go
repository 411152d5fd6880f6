package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// localDisk is the store of the local disk. It reads folders with getdents: os.ReadDir would make several values for each name.
type localDisk struct{}

func (localDisk) openFile(path string) (fs.File, error) { return os.Open(path) }

func (localDisk) openFolder(path string) (folder, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(orWorkingFolder(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return diskFolder(fd), nil
}

func (localDisk) stat(path string, follow bool) (fileKind, error) {
	kind, _, err := diskFolder(unix.AT_FDCWD).stat(orWorkingFolder(path), follow)
	return kind, err
}

// retry calls a system call until no signal interrupts it.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// diskFolder is the descriptor of an open folder.
type diskFolder int

func (f diskFolder) close() { _ = unix.Close(int(f)) }

// buffers hold what one getdents call can fill: some 2,000 names.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// The layout of a struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name.
const (
	direntSize = 16
	direntType = 18
	direntName = 19
)

func (f diskFolder) read(list *nameList) error {
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := retry(func() (int, error) { return unix.Getdents(int(f), buf[:]) })
		if err != nil || n == 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > direntName; {
			size := int(binary.NativeEndian.Uint16(rest[direntSize:]))
			if size <= direntName || size > len(rest) {
				return errors.New("the kernel returned a broken folder entry")
			}
			text, kind := rest[direntName:size], rest[direntType]
			rest = rest[size:]
			// Entries are padded to 8 bytes, so the name ends among the last 8.
			from := max(0, len(text)-8)
			if end := bytes.IndexByte(text[from:], 0); end >= 0 {
				text = text[:from+end]
			}
			if string(text) == "." || string(text) == ".." {
				continue
			}
			if err := list.add(text, kindOfEntry(kind)); err != nil {
				return err
			}
		}
	}
}

func kindOfEntry(d byte) fileKind {
	switch d {
	case unix.DT_REG:
		return kindFile
	case unix.DT_DIR:
		return kindFolder
	case unix.DT_LNK:
		return kindLink
	case unix.DT_UNKNOWN:
		return kindUnknown
	default:
		return kindOther
	}
}

func (f diskFolder) stat(name string, follow bool) (fileKind, fileID, error) {
	var st unix.Stat_t
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	if _, err := retry(func() (int, error) { return 0, unix.Fstatat(int(f), name, &st, flags) }); err != nil {
		return kindUnknown, fileID{}, err
	}
	// A directory entry's type is that part of the mode.
	return kindOfEntry(byte(st.Mode & unix.S_IFMT >> 12)), fileID{uint64(st.Dev), st.Ino}, nil
}

func (f diskFolder) id() (fileID, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f), &st)
	return fileID{uint64(st.Dev), st.Ino}, err
}
