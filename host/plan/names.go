package plan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"unsafe"
)

// nameList holds the names of a folder in one piece of memory, which is used again for the next folder.
type nameList struct {
	text []byte
	all  []name
}

// name is a name of a nameList and what the folder says of its type.
type name struct {
	key  uint64 // the first bytes that tell the list's names apart, for sorting
	off  uint32
	size uint16
	kind fileKind
}

// fileKind is what a folder says of an entry without asking for it.
type fileKind uint8

const (
	kindUnknown fileKind = iota
	kindFile
	kindFolder
	kindLink
	kindOther
)

func (l *nameList) reset() { l.text, l.all = l.text[:0], l.all[:0] }

// add fails when the names become longer together than an offset can say.
func (l *nameList) add(n []byte, kind fileKind) error {
	if len(l.text)+len(n) > math.MaxUint32 {
		return errTooBig
	}
	l.all = append(l.all, name{off: uint32(len(l.text)), size: uint16(len(n)), kind: kind})
	l.text = append(l.text, n...)
	return nil
}

var errTooBig = errors.New("the folder's names have more than 4 GiB together")

// bytes returns the name, which is valid until the list is reset.
func (l *nameList) bytes(n name) []byte { return l.text[n.off : n.off+uint32(n.size)] }

// sort orders the names by their bytes, which for UTF-8 is by code points.
func (l *nameList) sort() {
	if len(l.all) < 2 {
		return
	}
	// Names of one folder often begin alike, so the key starts where they part.
	common := l.bytes(l.all[0])
	for _, n := range l.all[1:] {
		common = common[:commonPrefix(common, l.bytes(n))]
	}
	skip := len(common)
	sorted := true
	for i := range l.all {
		l.all[i].key = sortKey(l.bytes(l.all[i])[skip:])
		sorted = sorted && (i == 0 || l.all[i-1].key < l.all[i].key)
	}
	if sorted {
		return
	}
	slices.SortFunc(l.all, func(a, b name) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return bytes.Compare(l.bytes(a)[skip:], l.bytes(b)[skip:])
	})
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func sortKey(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var k [8]byte
	copy(k[:], b)
	return binary.BigEndian.Uint64(k[:])
}

// nameIndex finds the names of a list by their text. It is valid until the list is reset.
type nameIndex struct {
	at map[string]int
	// room is how many names the map has had room for.
	room int
}

// reset makes the index empty, with room for n names. Clearing a map takes time for all that it ever held, so one that is far too
// large is not used again.
func (x *nameIndex) reset(n int) {
	if x.at == nil || n < x.room/8 {
		x.at, x.room = make(map[string]int, n), n
		return
	}
	clear(x.at)
	x.room = max(x.room, n)
}

// set stores the number for a text.
func (x *nameIndex) set(text []byte, number int) { x.at[unsafeString(text)] = number }

func (x *nameIndex) find(text []byte) (number int, found bool) {
	number, found = x.at[unsafeString(text)]
	return number, found
}

// unsafeString looks at bytes as a string, which is valid as long as they do not change.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
