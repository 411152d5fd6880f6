package outputs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// The layout of a page; docs/protocol.md has it for authors of SDKs.
const (
	pageMagic  = "KGZPAGE1"
	pageWhere  = 8  // where the notes begin, 8 bytes
	pageBeat   = 16 // written to by who keeps the page alive: the time of the file is what counts
	pageOwner  = 64 // JSON
	pageNotes  = 4096
	pageSize   = 64 << 10
	pagePrefix = "page-"
)

// pageName is the form of a page's name: page-RUN-WORKER-NUMBER.
var pageName = regexp.MustCompile(`^page-[0-9a-f]{16}-[0-9]+-[0-9]+$`)

// maxNotes bounds what is read of the notes of a page that is not what it should be.
const maxNotes = 256 << 20

// newPage is the content of a page without a note. It is written whole: a hole would be filled while a worker stores into its
// map, and a full disk would kill it then.
func newPage(owner Owner) ([]byte, error) {
	page := make([]byte, pageSize)
	copy(page, pageMagic)
	binary.LittleEndian.PutUint64(page[pageWhere:], pageNotes)
	text, err := json.Marshal(owner)
	if err != nil {
		return nil, err
	}
	if len(text) >= pageNotes-pageOwner {
		return nil, fmt.Errorf("the owner of a page takes %d bytes", len(text))
	}
	copy(page[pageOwner:], text)
	return page, nil
}

// readOwner reads whose a page is. A page that its host has not written yet is nobody's.
func readOwner(file *os.File) (owner Owner, known bool) {
	head := make([]byte, pageNotes)
	if _, err := file.ReadAt(head, 0); err != nil || string(head[:len(pageMagic)]) != pageMagic {
		return owner, false
	}
	text, _, _ := bytes.Cut(head[pageOwner:], []byte{0})
	return owner, json.Unmarshal(text, &owner) == nil
}

// readNotes reads the paths that a page has noted. The owner may be writing meanwhile.
func readNotes(file *os.File) ([]string, error) {
	for {
		where, err := notesBegin(file)
		if err != nil || where == 0 {
			return nil, err
		}
		notes, err := notesAt(file, where)
		if err != nil {
			return nil, err
		}
		// The notes of a batch are written elsewhere before the page points to them.
		if again, err := notesBegin(file); err != nil || again == where {
			return notes, err
		}
	}
}

// notesBegin is where the notes of a page begin; 0: it is not a page, or not yet.
func notesBegin(file *os.File) (int64, error) {
	head := make([]byte, pageWhere+8)
	_, err := file.ReadAt(head, 0)
	if errors.Is(err, io.EOF) || err == nil && string(head[:len(pageMagic)]) != pageMagic {
		return 0, nil
	}
	return int64(binary.LittleEndian.Uint64(head[pageWhere:])), err
}

// notesAt reads texts that each end with a zero, up to an empty one.
func notesAt(file *os.File, where int64) (notes []string, err error) {
	in := bufio.NewReader(io.NewSectionReader(file, where, maxNotes))
	for err == nil {
		var text string
		text, err = in.ReadString(0)
		text = strings.TrimSuffix(text, "\x00")
		if text == "" {
			break
		}
		notes = append(notes, text)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return notes, err
}

func keysOf(notes []string) []uint64 {
	keys := make([]uint64, len(notes))
	for i, n := range notes {
		keys[i] = Key(n)
	}
	return keys
}
