package outputs

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
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
	// keys has the position of the last record of each unfinished output.
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

// update reads what was appended since. A file that was replaced is read from its beginning.
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
		err := r.open(dir, os.O_APPEND)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return r.rest()
}

// open opens the file from its beginning.
func (r *records) open(dir *os.Root, flags int) error {
	file, err := openFile(dir, unfinishedName, flags)
	if err != nil {
		return err
	}
	if err := checkOurs(file); err != nil {
		_ = file.Close()
		return err
	}
	r.file, r.read, r.keys = file, 0, map[uint64]int64{}
	return nil
}

// openFile opens a file to read and write it, or an existing one to read it if it cannot be written.
func openFile(dir *os.Root, name string, flags int) (*os.File, error) {
	file, err := dir.OpenFile(name, os.O_RDWR|flags, 0o600)
	if isReadOnly(err) && flags&os.O_CREATE == 0 {
		return dir.Open(name)
	}
	return file, err
}

// isReadOnly reports whether a file system, or this user's permissions, allow only reading.
func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EBADF)
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

// checkOurs refuses a file that does not begin with a record, or has a second name: it is the user's.
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
		return &beneath.NotOursError{Path: file.Name(), Why: "is not a file that kagurazaka wrote", Advice: "move it away"}
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

// append writes records. They are in the file when it returns, unless it fails.
func (r *records) append(dir *os.Root, op operation, keys []uint64) error {
	return r.locked(dir, func() error { return r.write(op, keys) })
}

// conclude lists outputs as no longer unfinished, except those that were begun again after the record at the noted position.
func (r *records) conclude(dir *os.Root, noted map[uint64]int64) error {
	return r.locked(dir, func() error {
		var keys []uint64
		for key, at := range noted {
			if now, ok := r.keys[key]; ok && now == at {
				keys = append(keys, key)
			}
		}
		return r.write(concluded, keys)
	})
}

func (r *records) write(op operation, keys []uint64) error {
	var data []byte
	for _, key := range keys {
		data = appendRecord(data, key, op)
	}
	if _, err := r.file.Write(data); err != nil {
		return err
	}
	return r.rest()
}

// locked calls do while this process alone may write to the file, and has read all of it. It creates the file if it is missing.
func (r *records) locked(dir *os.Root, do func() error) error {
	for {
		if r.file == nil {
			flags := os.O_APPEND | os.O_CREATE
			if r.sync {
				flags |= unix.O_DSYNC
			}
			if err := r.open(dir, flags); err != nil {
				return err
			}
		}
		// Without locks on this file system there is nothing to wait for.
		if err := filelock.Lock(r.file); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		current, err := isCurrent(dir, r.file)
		if err == nil && current {
			err = r.whole()
		}
		if err == nil && current {
			err = do()
		}
		filelock.Unlock(r.file)
		if err != nil || current {
			return err
		}
		r.close()
	}
}

// whole cuts off what a killed writer left of a record, as later records would not be found, and reads the rest.
func (r *records) whole() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if part := info.Size() % recordSize; part > 0 {
		if err := r.file.Truncate(info.Size() - part); err != nil {
			return err
		}
	}
	return r.rest()
}

// compact writes the file again without obsolete records, or removes it if none counts. Nobody else may use the folder.
func (r *records) compact(dir *os.Root) error {
	return r.locked(dir, func() error {
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
