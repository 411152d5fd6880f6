package queue

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unsafe"
)

// errMalformed is the error of an invalid message.
var errMalformed = errors.New("malformed message")

// writer appends to a message. Numbers are varints.
type writer struct{ b []byte }

func (w *writer) number(n uint64)          { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) count(n int)              { w.number(uint64(max(n, 0))) } //nolint:gosec // not negative
func (w *writer) duration(d time.Duration) { w.count(int(d)) }
func (w *writer) fixed(n uint64)           { w.b = binary.LittleEndian.AppendUint64(w.b, n) }

func (w *writer) flag(f bool) {
	if f {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *writer) bytes(b []byte) {
	w.count(len(b))
	w.b = append(w.b, b...)
}

func (w *writer) text(s string) {
	w.count(len(s))
	w.b = append(w.b, s...)
}

// reader reads an untrusted message. After the first error it reads zeros, and end returns the error. Results share the message's memory, and no list is
// longer than the rest of the message.
type reader struct {
	b      []byte
	failed bool
	// spent is the memory of the lists: an element can be much larger than in the message.
	spent int
}

// maxSpent bounds the memory of one message's lists.
const maxSpent = 256 << 20

func (r *reader) fail() { r.failed, r.b = true, nil }

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count is a number that fits into an int.
func (r *reader) count() int {
	n := r.number()
	if n > math.MaxInt64 {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) duration() time.Duration { return time.Duration(r.count()) }

func (r *reader) fixed() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	n := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return n
}

func (r *reader) flag() bool {
	if len(r.b) == 0 || r.b[0] > 1 {
		r.fail()
		return false
	}
	f := r.b[0] == 1
	r.b = r.b[1:]
	return f
}

func (r *reader) bytes() []byte {
	n := r.count()
	if n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes()) }

// length is the length of a list whose elements take at least size bytes each.
func (r *reader) length(size int) int {
	n := r.count()
	if n > len(r.b)/size {
		r.fail()
		return 0
	}
	return n
}

// end reports whether all was read and nothing is left.
func (r *reader) end() error {
	if r.failed || len(r.b) > 0 {
		return errMalformed
	}
	return nil
}

// list reads a list whose elements take at least size bytes each; nil if it is empty.
func list[T any](r *reader, size int, read func(*reader) T) []T {
	n := r.length(size)
	if n == 0 {
		return nil
	}
	var t T
	if r.spent += n * int(unsafe.Sizeof(t)); r.spent > maxSpent { //nolint:gosec // a type's size
		r.fail()
		return nil
	}
	all := make([]T, 0, n)
	for range n {
		if r.failed {
			return nil
		}
		all = append(all, read(r))
	}
	return all
}

func writeList[T any](w *writer, all []T, write func(*writer, T)) {
	w.count(len(all))
	for _, t := range all {
		write(w, t)
	}
}
