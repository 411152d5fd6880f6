// Package tiffhead reads and checks the header of a TIFF file's first picture. A decoder that ignores unknown values would
// make a wrong picture. EXIF data has the same structure.
package tiffhead

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Types of values.
const (
	typeByte     = 1
	typeShort    = 3
	typeLong     = 4
	typeRational = 5
	typeFloat    = 11
	typeDouble   = 12
	typeLong8    = 16
)

// sizes are the sizes of the types in bytes, 0 for unknown types.
var sizes = [...]uint64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8}

// Entry is one tag of a directory.
type Entry struct {
	Tag, Type uint16
	Count     uint64

	order binary.ByteOrder
	// field has the values, or their offset in data.
	field, data []byte
}

// Directory has the tags of one picture, in the file's order.
type Directory struct {
	Order   binary.ByteOrder
	Big     bool // BigTIFF, for files of more than 4 GiB
	Entries []Entry
}

var errTruncated = errors.New("the file ends in its header")

// First reads the first directory. With an error, it returns the tags before the damage.
func First(data []byte) (Directory, error) {
	var d Directory
	if len(data) < 8 {
		return d, errTruncated
	}
	switch string(data[:4]) {
	case "II*\x00", "II+\x00":
		d.Order = binary.LittleEndian
	case "MM\x00*", "MM\x00+":
		d.Order = binary.BigEndian
	default:
		return d, errors.New("the file has no TIFF header")
	}
	d.Big = data[2] == '+' || data[3] == '+'
	at, countSize, entrySize := uint64(d.Order.Uint32(data[4:])), uint64(2), uint64(12)
	if d.Big {
		if len(data) < 16 || d.Order.Uint16(data[4:]) != 8 || d.Order.Uint16(data[6:]) != 0 {
			return d, errors.New("the header of the large TIFF is damaged")
		}
		at, countSize, entrySize = d.Order.Uint64(data[8:]), 8, 20
	}
	size := uint64(len(data))
	if at > size || size-at < countSize {
		return d, errTruncated
	}
	entries := uint64(d.Order.Uint16(data[at:]))
	if d.Big {
		entries = d.Order.Uint64(data[at:])
	}
	at += countSize
	d.Entries = make([]Entry, 0, min(entries, (size-at)/entrySize))
	for range entries {
		if size-at < entrySize {
			return d, errTruncated
		}
		entry := data[at : at+entrySize]
		e := Entry{Tag: d.Order.Uint16(entry), Type: d.Order.Uint16(entry[2:]), order: d.Order, data: data}
		if d.Big {
			e.Count, e.field = d.Order.Uint64(entry[4:]), entry[12:]
		} else {
			e.Count, e.field = uint64(d.Order.Uint32(entry[4:])), entry[8:]
		}
		d.Entries = append(d.Entries, e)
		at += entrySize
	}
	return d, nil
}

// Find returns the first entry of a tag.
func (d *Directory) Find(tag uint16) (Entry, bool) {
	for _, e := range d.Entries {
		if e.Tag == tag {
			return e, true
		}
	}
	return Entry{}, false
}

// Bytes returns the bytes of the entry's values.
func (e Entry) Bytes() ([]byte, error) {
	if int(e.Type) >= len(sizes) || sizes[e.Type] == 0 {
		return nil, fmt.Errorf("the values of %s have the type %d, which does not exist", name(e.Tag), e.Type)
	}
	if e.Count > math.MaxInt32 {
		return nil, fmt.Errorf("%s has %s", name(e.Tag), count.Of(e.Count, "value"))
	}
	n := sizes[e.Type] * e.Count
	if n <= uint64(len(e.field)) {
		return e.field[:n], nil
	}
	at := uint64(e.order.Uint32(e.field))
	if len(e.field) == 8 {
		at = e.order.Uint64(e.field)
	}
	if size := uint64(len(e.data)); at > size || size-at < n {
		return nil, fmt.Errorf("the file ends before the values of %s", name(e.Tag))
	}
	return e.data[at : at+n], nil
}

// Uints returns the entry's values, at most most. They must be unsigned integers.
func (e Entry) Uints(most int) ([]uint64, error) {
	if e.Count > uint64(most) {
		return nil, fmt.Errorf("%s has %s, and %d are the most", name(e.Tag), count.Of(e.Count, "value"), most)
	}
	b, err := e.Bytes()
	if err != nil {
		return nil, err
	}
	values := make([]uint64, e.Count)
	for i := range values {
		switch e.Type {
		case typeByte:
			values[i] = uint64(b[i])
		case typeShort:
			values[i] = uint64(e.order.Uint16(b[2*i:]))
		case typeLong:
			values[i] = uint64(e.order.Uint32(b[4*i:]))
		case typeLong8:
			values[i] = e.order.Uint64(b[8*i:])
		default:
			return nil, fmt.Errorf("the values of %s have the type %d, and must be integers", name(e.Tag), e.Type)
		}
	}
	return values, nil
}

// numbers returns the entry's values, unsigned integers or floating-point numbers.
func (e Entry) numbers(most int) ([]float64, error) {
	convert := func(v uint64) float64 { return float64(v) }
	switch e.Type {
	case typeFloat:
		e.Type = typeLong
		convert = func(v uint64) float64 { return float64(math.Float32frombits(uint32(v))) }
	case typeDouble:
		e.Type = typeLong8
		convert = math.Float64frombits
	}
	integers, err := e.Uints(most)
	values := make([]float64, len(integers))
	for i, v := range integers {
		values[i] = convert(v)
	}
	return values, err
}
