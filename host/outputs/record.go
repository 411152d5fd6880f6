package outputs

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// unfinishedName is the file of what was begun and not concluded. It is appended to, under a lock.
const unfinishedName = "unfinished"

// A record is a key, what happened to it, a mark, and the CRC-32 of all that. A record that is not whole is left out.
const (
	recordSize = 16
	recordBody = 12
	recordMark = "KGU"
)

type operation byte

const (
	begunOnly operation = '+'
	concluded operation = '-'
)

func appendRecord(dst []byte, key uint64, op operation) []byte {
	from := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, key)
	dst = append(append(dst, byte(op)), recordMark...)
	return binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
}

// records is the file of unfinished outputs, as far as it was read.
type records struct {
	file *os.File
	read int64
	// keys has where each unfinished output was noted last.
	keys map[uint64]int64
	// sync: each write must have reached the server when it returns.
	sync bool
}

func (r *records) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
	*r = records{sync: r.sync}
}

// update reads what was appended since. A file that was replaced or removed is read anew.
func (r *records) update(dir *os.Root) error {
	for r.file != nil {
		current, err := isCurrent(dir, r.file)
		if err != nil {
			return err
		}
		if current {
			break
		}
		r.close()
	}
	if r.file == nil {
		file, err := dir.OpenFile(unfinishedName, os.O_RDWR|os.O_APPEND, 0)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
			// What cannot be written can be read perhaps.
			file, err = dir.OpenFile(unfinishedName, os.O_RDONLY, 0)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := checkOurs(file); err != nil {
			_ = file.Close()
			return err
		}
		r.file, r.read, r.keys = file, 0, map[uint64]int64{}
	}
	return r.rest()
}

// isCurrent reports whether an open file is still the one of its name.
func isCurrent(dir *os.Root, file *os.File) (bool, error) {
	named, err := dir.Stat(unfinishedName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	mine, err := file.Stat()
	if errors.Is(err, unix.ESTALE) {
		return false, nil
	}
	return err == nil && os.SameFile(named, mine), err
}

func (r *records) rest() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - info.Size()%recordSize
	if size <= r.read {
		return nil
	}
	data := make([]byte, size-r.read)
	if _, err := r.file.ReadAt(data, r.read); err != nil {
		return err
	}
	for ; len(data) > 0; data = data[recordSize:] {
		r.apply(data[:recordSize], r.read)
		r.read += recordSize
	}
	return nil
}

// checkOurs refuses a file that does not begin as ours, or has a second name: it is somebody's, and would be written to.
func checkOurs(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	ours := isOwnFile(info)
	if ours && info.Size() >= recordSize {
		head := make([]byte, recordSize)
		if _, err := file.ReadAt(head, 0); err != nil {
			return err
		}
		ours = string(head[9:recordBody]) == recordMark
	}
	if !ours {
		return &FolderError{file.Name(), "is not a file that kagurazaka wrote: move it away"}
	}
	return nil
}

// isOwnFile reports whether a file can be one that this program made: a regular one with one name.
func isOwnFile(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode().IsRegular() && (!ok || st.Nlink <= 1)
}

func (r *records) apply(record []byte, at int64) {
	if string(record[9:recordBody]) != recordMark || crc32.ChecksumIEEE(record[:recordBody]) != binary.LittleEndian.Uint32(record[recordBody:]) {
		return
	}
	key := binary.LittleEndian.Uint64(record)
	switch operation(record[8]) {
	case begunOnly:
		r.keys[key] = at
	case concluded:
		delete(r.keys, key)
	}
}

// append writes records. They are on the file when it returns, or it fails.
func (r *records) append(dir *os.Root, op operation, keys []uint64) error {
	return r.locked(dir, func() error {
		var data []byte
		for _, key := range keys {
			data = appendRecord(data, key, op)
		}
		if _, err := r.file.Write(data); err != nil {
			return err
		}
		return r.rest()
	})
}

// conclude says that outputs are no longer unfinished, those that were not begun again since they were noted there.
func (r *records) conclude(dir *os.Root, noted map[uint64]int64) error {
	return r.locked(dir, func() error {
		if err := r.rest(); err != nil {
			return err
		}
		var data []byte
		for key, at := range noted {
			if now, ok := r.keys[key]; ok && now == at {
				data = appendRecord(data, key, concluded)
			}
		}
		if _, err := r.file.Write(data); err != nil {
			return err
		}
		return r.rest()
	})
}

// locked does something while nobody else writes to the file, which is made if it is not there.
func (r *records) locked(dir *os.Root, do func() error) error {
	for {
		if r.file == nil {
			flags := os.O_RDWR | os.O_APPEND | os.O_CREATE
			if r.sync {
				flags |= unix.O_DSYNC
			}
			file, err := dir.OpenFile(unfinishedName, flags, 0o600)
			if err != nil {
				return err
			}
			if err := checkOurs(file); err != nil {
				_ = file.Close()
				return err
			}
			r.file, r.read, r.keys = file, 0, map[uint64]int64{}
		}
		// Without locks on this file system there is nothing to wait for.
		if err := filelock.Lock(r.file); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		current, err := isCurrent(dir, r.file)
		if err == nil && current {
			err = errors.Join(r.whole(), do())
		}
		filelock.Unlock(r.file)
		if err != nil || current {
			return err
		}
		r.close()
	}
}

// whole cuts off what a writer that was killed left of a record: those behind it would not be found.
func (r *records) whole() error {
	info, err := r.file.Stat()
	if err != nil || info.Size()%recordSize == 0 {
		return err
	}
	return r.file.Truncate(info.Size() - info.Size()%recordSize)
}

// compact writes the file anew with what counts alone, or removes it where nothing does. It is called when nobody else uses the
// folder.
func (r *records) compact(dir *os.Root) error {
	return r.locked(dir, func() error {
		if err := r.rest(); err != nil {
			return err
		}
		if len(r.keys) == 0 {
			return dir.Remove(unfinishedName)
		}
		const slack = 4096
		if r.read < 2*recordSize*int64(len(r.keys))+slack {
			return nil
		}
		var data []byte
		for key := range r.keys {
			data = appendRecord(data, key, begunOnly)
		}
		next := unfinishedName + ".new"
		if err := dir.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		file, err := dir.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		if err == nil && r.sync {
			err = file.Sync()
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		return dir.Rename(next, unfinishedName)
	})
}
