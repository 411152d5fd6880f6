package manifest

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

const (
	// asideName is the folder in which a set is written. As long as it is there, the set is not whole.
	asideName = ".new-shards"
	// IndexName is the file that says what a set is. It is written last.
	IndexName = "shards.json"
)

// partName is the form of the names of a set's files.
var partName = regexp.MustCompile(`^[0-9]{5,}-of-[0-9]{5,}\.jsonl$`)

// The files of a set share setBuffers bytes of memory, and at most setOpen of them are open at once.
const (
	setBuffers = 32 << 20
	setOpen    = 256
)

// Set is a list that is divided into files of JSON lines.
type Set struct {
	dir, aside string
	lock       *os.File
	// made: the folder was not there.
	made   bool
	parts  []part
	buffer int
	open   int
	// spill holds items whose part is not known yet; nil: there are none.
	spill   *os.File
	spilled *bufio.Writer
}

type part struct {
	buffer []byte
	file   *os.File
	items  uint64
	began  bool
}

// NewSet begins a set of n files in a folder, which must not exist, be empty, or hold a set that was begun and not finished. replace
// takes a whole set, too, which stays until the new one is closed.
func NewSet(dir string, n int, replace bool) (*Set, error) {
	s := &Set{dir: dir, aside: filepath.Join(dir, asideName), parts: make([]part, n), buffer: min(max(setBuffers/n, 512), 256<<10)}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		s.made = true
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("%s cannot be made: %w", dir, cause(err))
	}
	if err := s.mayWrite(replace); err != nil {
		return nil, err
	}
	if err := os.Mkdir(s.aside, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s cannot be written to: %w", dir, cause(err))
	}
	lock, err := os.Open(s.aside)
	if err != nil {
		return nil, err
	}
	if err := filelock.TryLock(lock); errors.Is(err, filelock.ErrHeld) {
		_ = lock.Close()
		return nil, fmt.Errorf("%s: another command is writing its manifests there", dir)
	}
	s.lock = lock
	if err := s.empty(); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// mayWrite refuses a folder that holds anything else than a set.
func (s *Set) mayWrite(replace bool) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", s.dir, cause(err))
	}
	begun, whole, foreign := false, false, ""
	for _, e := range entries {
		switch name := e.Name(); {
		case name == asideName && e.IsDir():
			begun = true
		case name == IndexName:
			whole = true
		case !partName.MatchString(name) && !atomicfile.IsTemporary(name):
			foreign = name
		}
	}
	switch {
	case len(entries) == 0:
		return nil
	case foreign != "" || !begun && !whole:
		if foreign == "" {
			foreign = entries[0].Name()
		}
		return fmt.Errorf("%s is not empty: it has %q, which is not of a set of manifests; give another folder", s.dir, foreign)
	case !begun && !replace:
		return fmt.Errorf("%s has a set of manifests: --force replaces it", s.dir)
	}
	return nil
}

// empty removes what an earlier command left in the folder in which the set is written.
func (s *Set) empty() error {
	old, err := os.ReadDir(s.aside)
	for _, e := range old {
		err = errors.Join(err, os.Remove(filepath.Join(s.aside, e.Name())))
	}
	return err
}

// name is the name of a file of the set.
func (s *Set) name(part int) string { return fmt.Sprintf("%05d-of-%05d.jsonl", part, len(s.parts)) }

// Path is where a file of the set will be.
func (s *Set) Path(part int) string { return filepath.Join(s.dir, s.name(part)) }

// Add adds a line, without its newline, to a part.
func (s *Set) Add(number int, line []byte) error {
	p := &s.parts[number]
	if len(p.buffer)+len(line)+1 > s.buffer {
		if err := s.flush(number); err != nil {
			return err
		}
	}
	if p.buffer == nil {
		p.buffer = make([]byte, 0, s.buffer)
	}
	p.buffer = append(append(p.buffer, line...), '\n')
	p.items++
	return nil
}

// flush writes a part's buffer.
func (s *Set) flush(number int) error {
	p := &s.parts[number]
	if len(p.buffer) == 0 && p.began {
		return nil
	}
	f := p.file
	if f == nil {
		var err error
		f, err = os.OpenFile(filepath.Join(s.aside, s.name(number)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if err != nil {
			return err
		}
		if p.began = true; s.open < setOpen {
			p.file = f
			s.open++
		} else {
			defer func() { _ = f.Close() }()
		}
	}
	_, err := f.Write(p.buffer)
	p.buffer = p.buffer[:0]
	return err
}

// Spill adds a line whose part is not known yet. Distribute hands out these lines in their order.
func (s *Set) Spill(line []byte) error {
	if s.spill == nil {
		f, err := os.OpenFile(filepath.Join(s.aside, "items"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			return err
		}
		s.spill, s.spilled = f, bufio.NewWriterSize(f, bufferSize)
	}
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(line)))
	if _, err := s.spilled.Write(size[:]); err != nil {
		return err
	}
	_, err := s.spilled.Write(line)
	return err
}

// Distribute adds all lines that were spilled, the one of number n to the part that of returns.
func (s *Set) Distribute(of func(n uint64) int) error {
	if s.spill == nil {
		return nil
	}
	err := s.spilled.Flush()
	if err == nil {
		_, err = s.spill.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(s.spill, bufferSize)
	var line []byte
	for n := uint64(0); ; n++ {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		length := int(binary.LittleEndian.Uint32(size[:]))
		if cap(line) < length {
			line = make([]byte, length)
		}
		line = line[:length]
		if _, err := io.ReadFull(in, line); err != nil {
			return err
		}
		if err := s.Add(of(n), line); err != nil {
			return err
		}
	}
	return s.dropSpill()
}

func (s *Set) dropSpill() error {
	if s.spill == nil {
		return nil
	}
	f := s.spill
	s.spill = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Close gives the files their names, in place of those of a set that it replaces. index is written last, as JSON. After an error the
// folder has no whole set.
func (s *Set) Close(index any) error {
	defer s.release()
	if err := s.dropSpill(); err != nil {
		return err
	}
	for i := range s.parts {
		if err := s.finish(i); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	if err := s.removeOld(); err != nil {
		return err
	}
	for i := range s.parts {
		if err := os.Rename(filepath.Join(s.aside, s.name(i)), s.Path(i)); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(filepath.Join(s.dir, IndexName), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Remove(s.aside)
}

// finish writes all of a part to the disk. A part without items is an empty file.
func (s *Set) finish(number int) error {
	if err := s.flush(number); err != nil {
		return err
	}
	p := &s.parts[number]
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.file.Sync(), p.file.Close())
	p.file = nil
	return err
}

// removeOld removes the set that was there before.
func (s *Set) removeOld() error {
	entries, err := os.ReadDir(s.dir)
	// Its index goes first: a set without one is not whole.
	if e := os.Remove(filepath.Join(s.dir, IndexName)); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	for _, e := range entries {
		if partName.MatchString(e.Name()) || atomicfile.IsTemporary(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, e.Name())))
		}
	}
	return err
}

// Abort removes what was written. A set that was there before stays.
func (s *Set) Abort() {
	defer s.release()
	_ = s.dropSpill()
	for i := range s.parts {
		if f := s.parts[i].file; f != nil {
			_ = f.Close()
		}
	}
	if s.empty() == nil {
		_ = os.Remove(s.aside)
	}
	if s.made {
		_ = os.Remove(s.dir)
	}
}

func (s *Set) release() { _ = s.lock.Close() }
