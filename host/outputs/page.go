package outputs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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

// probePrefix is how files begin that are made for what the file system says of them, and removed at once.
const probePrefix = "probe-"

// runDigits is how many hexadecimal digits the names of a run's files have.
const runDigits = 16

// isPage reports whether a name has the form of a page's: page-RUN-WORKER-NUMBER.
func isPage(name string) bool {
	parts := strings.Split(strings.TrimPrefix(name, pagePrefix), "-")
	return strings.HasPrefix(name, pagePrefix) && len(parts) == 3 && isRun(parts[0]) && isDigits(parts[1], "0123456789") && isDigits(parts[2], "0123456789")
}

// isProbe reports whether a name has the form of a probe's: probe-RUN-.
func isProbe(name string) bool {
	run, ok := strings.CutPrefix(strings.TrimSuffix(name, "-"), probePrefix)
	return ok && isRun(run)
}

func isRun(text string) bool { return isHex(text, runDigits) }

func isDigits(text, digits string) bool { return text != "" && strings.Trim(text, digits) == "" }

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
	if n, err := file.ReadAt(head, 0); n < pageNotes || err != nil {
		return owner, false
	}
	if string(head[:len(pageMagic)]) != pageMagic {
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

func notesBegin(file *os.File) (int64, error) {
	head := make([]byte, pageWhere+8)
	n, err := file.ReadAt(head, 0)
	if n < len(head) {
		if err == nil || errors.Is(err, io.EOF) {
			return 0, nil
		}
		return 0, err
	}
	if string(head[:len(pageMagic)]) != pageMagic {
		return 0, nil
	}
	return int64(binary.LittleEndian.Uint64(head[pageWhere:])), nil
}

// notesAt reads texts that each end with a zero, up to an empty one.
func notesAt(file *os.File, where int64) ([]string, error) {
	var data []byte
	for size := 4096; ; size *= 2 {
		part := make([]byte, size)
		n, err := file.ReadAt(part, where+int64(len(data)))
		data = append(data, part[:n]...)
		whole := len(data) == 0 || data[0] == 0 || bytes.Contains(data, []byte{0, 0})
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if whole || err != nil || len(data) > maxNotes {
			break
		}
	}
	var notes []string
	for len(data) > 0 && data[0] != 0 {
		text, rest, _ := bytes.Cut(data, []byte{0})
		notes = append(notes, string(text))
		data = rest
	}
	return notes, nil
}

func keysOf(notes []string) []uint64 {
	keys := make([]uint64, len(notes))
	for i, n := range notes {
		keys[i] = Key(n)
	}
	return keys
}
