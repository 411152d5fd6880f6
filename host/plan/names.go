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

// nameList holds the names of a folder in one piece of memory, which the next folder uses again.
type nameList struct {
	text []byte
	all  []name
}

// name is a name of a nameList and the kind of the entry.
type name struct {
	key  uint64 // for sorting: the first bytes after the prefix that all names share
	off  uint32
	size uint16
	kind fileKind
}

// fileKind is the kind of an entry, as its folder has it.
type fileKind uint8

const (
	kindUnknown fileKind = iota
	kindFile
	kindFolder
	kindLink
	kindOther
)

func (l *nameList) reset() { l.text, l.all = l.text[:0], l.all[:0] }

// add fails if the names are longer together than an offset can express.
func (l *nameList) add(n []byte, kind fileKind) error {
	if len(l.text)+len(n) > math.MaxUint32 {
		return errors.New("the folder's names have more than 4 GiB together")
	}
	l.all = append(l.all, name{off: uint32(len(l.text)), size: uint16(len(n)), kind: kind})
	l.text = append(l.text, n...)
	return nil
}

// bytes returns the name, which is valid until the list is reset.
func (l *nameList) bytes(n name) []byte { return l.text[n.off : n.off+uint32(n.size)] }

// sort orders the names by their bytes, which for UTF-8 is by code points.
func (l *nameList) sort() {
	if len(l.all) < 2 {
		return
	}
	// Names in one folder often begin alike, so the key starts at the first difference.
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
	var k [8]byte
	copy(k[:], b)
	return binary.BigEndian.Uint64(k[:])
}

// unsafeString returns bytes as a string, which is valid as long as they do not change.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
