package shard

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

const (
	// markName is the file in the base folder that says what was laid out there, and how far. It is written before anything else.
	markName = ".kagurazaka-hard-shard.json"
	// workName is the folder beside it, with the parts that are being made and the records of all links.
	workName   = ".kagurazaka-hard-shard"
	linksName  = "links"
	markFormat = 2
)

// state is how far a layout is.
type state string

const (
	// making: the links are made aside, so there are no parts.
	making state = "making"
	// placing: all links are made, and the parts are moved to their places.
	placing state = "placing"
	made    state = "made"
	// undoing: the parts lack files.
	undoing state = "undoing"
)

// mark is the file markName.
type mark struct {
	Format int `json:"kagurazaka_hard_shard"`
	Layout
	State state `json:"state"`
	// Made: the base folder was not there before.
	Made bool `json:"made"`
}

func readMark(base string) (m mark, err error) {
	text, err := os.ReadFile(filepath.Join(base, markName))
	if err == nil {
		if err = json.Unmarshal(text, &m); err == nil && (m.Format != markFormat || m.Parts < 1 || m.Name != filepath.Base(m.Name)) {
			err = errors.New("it is not of this version")
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", filepath.Join(base, markName), err)
		}
	}
	m.Base = base
	return m, err
}

func (m mark) write() error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(m.Base, markName), append(text, '\n'), 0o644)
}

// enter records that the layout has got further.
func (m *mark) enter(s state) error {
	m.State = s
	return m.write()
}

func (m mark) work() string { return filepath.Join(m.Base, workName) }

// aside is the folder in which a part is made.
func (m mark) aside(part int) string { return filepath.Join(m.work(), strconv.Itoa(part)) }

// place moves the parts to their places. It may be called again.
func (m mark) place() error {
	for i := range m.Parts {
		if _, err := os.Lstat(m.aside(i)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(m.Folder(i)), 0o777); err != nil {
			return err
		}
		if err := os.Rename(m.aside(i), m.Folder(i)); err != nil {
			return err
		}
	}
	return nil
}

// link is the record of a link.
type link struct {
	part  int
	inode uint64
	rel   string
}

// linkWriter writes records: part, inode and path, which ends with a NUL.
type linkWriter struct {
	file *os.File
	out  *bufio.Writer
}

func createLinks(m mark) (*linkWriter, error) {
	f, err := os.Create(filepath.Join(m.work(), linksName))
	if err != nil {
		return nil, err
	}
	return &linkWriter{f, bufio.NewWriter(f)}, nil
}

func (w *linkWriter) add(l link) error {
	_, err := fmt.Fprintf(w.out, "%d %d %s\x00", l.part, l.inode, l.rel)
	return err
}

func (w *linkWriter) close() error {
	return errors.Join(w.out.Flush(), w.file.Sync(), w.file.Close())
}

// eachLink reads the records of a layout.
func (m mark) eachLink(each func(link) error) error {
	path := filepath.Join(m.work(), linksName)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for in := bufio.NewReader(f); ; {
		text, err := in.ReadString(0)
		if err == io.EOF && text == "" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		number, rest, _ := strings.Cut(strings.TrimSuffix(text, "\x00"), " ")
		inode, rel, ok := strings.Cut(rest, " ")
		l := link{rel: rel}
		var bad [2]error
		l.part, bad[0] = strconv.Atoi(number)
		l.inode, bad[1] = strconv.ParseUint(inode, 10, 64)
		if !ok || bad[0] != nil || bad[1] != nil || l.part < 0 || l.part >= m.Parts || !filepath.IsLocal(rel) {
			return fmt.Errorf("%s: %q is not the record of a link", path, text)
		}
		if err := each(l); err != nil {
			return err
		}
	}
}

// lockFolder keeps other commands from a folder.
func lockFolder(path string) (unlock func(), err error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := filelock.TryLock(dir); errors.Is(err, filelock.ErrHeld) {
		_ = dir.Close()
		return nil, fmt.Errorf("%s: another command is at work there", path)
	}
	return func() { _ = dir.Close() }, nil
}
