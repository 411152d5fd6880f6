package members

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/tarfile"
)

const (
	blockSize = tarfile.BlockSize
	// maxMember is the most bytes of a member: it is held in memory.
	maxMember = 1 << 40
	// maxOpen is the number of archives that stay open.
	maxOpen = 8
	// maxName is the longest name of a file.
	maxName = 255
)

// Reader reads members. Several goroutines may use it.
type Reader struct {
	dir string
	// named: files have names of their own. Otherwise only memory holds them.
	named bool

	mu sync.Mutex
	// open are the archives that were read last, the latest at the end.
	open []archive
	made uint64
	own  string
}

type archive struct {
	path string
	file *os.File
}

// NewReader returns a reader that makes files in a folder of its own in dir; empty: the system's folder for temporary files.
func NewReader(dir string) *Reader { return &Reader{dir: dir} }

// NewUnpacker returns a reader for another process's items: its files are in the folder until they are released, and need no descriptor
// that stays open.
func NewUnpacker(dir string) *Reader { return &Reader{dir: dir, named: true} }

// Close closes the archives and removes what is left of the files.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.open {
		_ = a.file.Close()
	}
	r.open = nil
	if r.own == "" {
		return nil
	}
	return os.RemoveAll(r.own)
}

// Read returns the bytes of a member. An archive that has changed since it was listed is an error.
func (r *Reader) Read(tar string, part Part) ([]byte, error) {
	data, err := r.read(tar, part)
	if err != nil {
		return nil, fmt.Errorf("reading %s, %d bytes at %d of %s: %w", part.Field, part.Size, part.Offset, tar, err)
	}
	return data, nil
}

func (r *Reader) read(tar string, part Part) ([]byte, error) {
	file, err := r.archive(tar)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if part.Offset+part.Size > info.Size() {
		return nil, fmt.Errorf("the archive has %d bytes: it has changed since it was listed", info.Size())
	}
	data := make([]byte, blockSize+part.Size)
	if n, err := file.ReadAt(data, part.Offset-blockSize); n < len(data) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if tarfile.Check(data[:blockSize]) != part.Check {
		return nil, errors.New("the archive has changed since it was listed: another header is there")
	}
	return data[blockSize:], nil
}

// archive returns the open archive. A file that another goroutine still reads is closed by the garbage collector.
func (r *Reader) archive(path string) (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.open, func(a archive) bool { return a.path == path }); i >= 0 {
		a := r.open[i]
		r.open = append(slices.Delete(r.open, i, i+1), a)
		return a.file, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if len(r.open) == maxOpen {
		r.open = slices.Delete(r.open, 0, 1)
	}
	r.open = append(r.open, archive{path, file})
	return file, nil
}

// Files makes a file for each member of the item. It returns the item with the paths of these, and what removes them. An item without
// members, or one that wants bytes, is returned as it is.
func (r *Reader) Files(item []byte) (_ []byte, release func(), err error) {
	place, err := Of(item)
	if err != nil || place == nil || place.Bytes {
		return item, func() {}, err
	}
	files := &files{named: r.named}
	defer func() {
		if err != nil {
			files.release()
		}
	}()
	if err := r.folder(files); err != nil {
		return item, nil, fmt.Errorf("making a folder for members of archives: %w", err)
	}
	triplets := map[string]jsontext.Triplet{}
	if err := inputs(item, func(field string, t jsontext.Triplet) { triplets[field] = t }); err != nil {
		return item, nil, err
	}
	paths := map[string]string{}
	for _, part := range place.Parts {
		t, ok := triplets[part.Field]
		if !ok {
			return item, nil, fmt.Errorf("the item's %s have %s, which is not a file", Field, part.Field)
		}
		data, err := r.Read(place.Tar, part)
		if err != nil {
			return item, nil, err
		}
		if paths[t.Path], err = files.add(fileName(t.FileName), data); err != nil {
			return item, nil, fmt.Errorf("holding %s, %d bytes, in memory: %w", part.Field, part.Size, err)
		}
	}
	changed, err := withPaths(item, paths)
	return changed, files.release, err
}

// folder makes a folder for the files of one item.
func (r *Reader) folder(f *files) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own == "" {
		own, err := os.MkdirTemp(r.dir, "members-")
		if err != nil {
			return err
		}
		r.own = own
	}
	r.made++
	f.dir = filepath.Join(r.own, strconv.FormatUint(r.made, 36))
	return os.Mkdir(f.dir, 0o700)
}

// fileName returns the name of a member's file. One that is too long loses its beginning: the end tells what is in it.
func fileName(name string) string {
	name = filepath.Base(name)
	return name[max(len(name)-maxName, 0):]
}

// files are those of one item.
type files struct {
	dir   string
	named bool
	held  []*os.File
}

func (f *files) release() {
	for _, file := range f.held {
		_ = file.Close()
	}
	if f.dir != "" {
		_ = os.RemoveAll(f.dir)
	}
}

// add makes a file with the name and the data. Where the system has files without a name, the name is a link to one: then its memory is
// freed with this process, however that ends.
func (f *files) add(name string, data []byte) (string, error) {
	path := filepath.Join(f.dir, name)
	if f.named {
		return path, os.WriteFile(path, data, 0o600)
	}
	file, err := nameless()
	if err != nil {
		return path, os.WriteFile(path, data, 0o600)
	}
	f.held = append(f.held, file)
	if _, err := file.Write(data); err != nil {
		return path, err
	}
	return path, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), path)
}
