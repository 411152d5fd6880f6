package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// folder is an open folder.
type folder struct{ fd int }

// fileID tells files apart.
type fileID struct{ dev, ino uint64 }

// readBuffer is what one getdents call can fill: some 2,000 names.
const readBuffer = 64 << 10

// The layout of a struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name.
const (
	direntSize = 16
	direntType = 18
	direntName = 19
)

func openFolder(path string) (folder, error) {
	path = orWorkingFolder(path)
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return folder{-1}, err
		}
		return folder{fd}, nil
	}
}

func (f folder) close() { _ = unix.Close(f.fd) }

// read adds the folder's names to the list; buf is at least readBuffer long. No entry is asked for its type.
func (f folder) read(list *nameList, buf []byte) error {
	for {
		n, err := unix.Getdents(f.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		for rest := buf[:n]; len(rest) > direntName; {
			size := int(binary.NativeEndian.Uint16(rest[direntSize:]))
			if size <= direntName || size > len(rest) {
				return errors.New("the kernel returned a broken folder entry")
			}
			// Entries are padded to 8 bytes, so the name ends among the last 8.
			from := max(direntName, size-8)
			end := bytes.IndexByte(rest[from:size], 0)
			text := rest[direntName:size]
			if end >= 0 {
				text = rest[direntName : from+end]
			}
			kind := rest[direntType]
			rest = rest[size:]
			if len(text) <= 2 && (string(text) == "." || string(text) == "..") {
				continue
			}
			if len(list.text)+len(text) > maxFolderText {
				return errTooBig
			}
			list.add(text, kindOf(kind))
		}
	}
}

func kindOf(d byte) fileKind {
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

// stat asks for an entry of the folder, following links when it is told to.
func (f folder) stat(name string, follow bool) (fileKind, fileID, error) {
	var st unix.Stat_t
	flags := 0
	if !follow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	for {
		err := unix.Fstatat(f.fd, name, &st, flags)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return kindUnknown, fileID{}, err
		}
		return kindOfMode(st.Mode), fileID{uint64(st.Dev), st.Ino}, nil
	}
}

// id tells which folder it is.
func (f folder) id() (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return fileID{}, err
	}
	return fileID{uint64(st.Dev), st.Ino}, nil
}

func kindOfMode(mode uint32) fileKind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return kindFile
	case unix.S_IFDIR:
		return kindFolder
	case unix.S_IFLNK:
		return kindLink
	default:
		return kindOther
	}
}

// pathExists reports whether a path leads to something, following links or asking for the link itself.
func pathExists(path string, follow bool) (fileKind, error) {
	kind, _, err := folder{unix.AT_FDCWD}.stat(orWorkingFolder(path), follow)
	return kind, err
}

// isMissing reports that there is nothing of that name, as opposed to something that cannot be looked at.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

func isLoop(err error) bool { return errors.Is(err, unix.ELOOP) }
