package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// buffers hold the entries of one getdents call: some 2,000 names.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// The layout of a struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name.
const (
	direntSize = 16
	direntType = 18
	direntName = 19
)

// readDisk reads a folder of the local disk with getdents: os.File.ReadDir makes several values for each name.
func readDisk(dir *os.File, list *nameList) error {
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := unix.Getdents(int(dir.Fd()), buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
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

// statDisk is stat for a name in an open folder of the local disk; nil: the working folder. os.Stat makes a value for each file.
func statDisk(dir *os.File, name string, follow bool) (fileKind, fileID, error) {
	st, err := statAt(dir, name, follow)
	// A directory entry's type is that part of the mode.
	return kindOfEntry(byte(st.Mode & unix.S_IFMT >> 12)), fileID{uint64(st.Dev), st.Ino}, err
}

func statAt(dir *os.File, name string, follow bool) (st unix.Stat_t, err error) {
	fd, flags := unix.AT_FDCWD, unix.AT_SYMLINK_NOFOLLOW
	if dir != nil {
		fd = int(dir.Fd())
	}
	if follow {
		flags = 0
	}
	err = unix.Fstatat(fd, name, &st, flags)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fstatat(fd, name, &st, flags)
	}
	return st, err
}

func examineDisk(dir *os.File, name string) (size int64, written time.Time, err error) {
	st, err := statAt(dir, name, true)
	return st.Size, time.Unix(st.Mtim.Unix()), err
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
