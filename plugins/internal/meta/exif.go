// Package meta reads the header of a JPEG, and the orientation of all pictures.
package meta

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/kagurazaka/kagurazaka/plugins/internal/tiffhead"
)

// Orientation is the value of the EXIF tag with that name, 1 to 8: how to turn the stored picture.
type Orientation int

// Upright is the orientation of a picture that needs no turning.
const Upright Orientation = 1

// Swap reports whether the stored picture's rows are the shown picture's columns.
func (o Orientation) Swap() bool { return o >= 5 && o <= 8 }

// MirrorX reports whether the stored picture's rows run from right to left.
func (o Orientation) MirrorX() bool { return o == 2 || o == 3 || o == 7 || o == 8 }

// MirrorY reports whether the stored picture's columns run from bottom to top.
func (o Orientation) MirrorY() bool { return o == 3 || o == 4 || o == 6 || o == 7 }

// notes are the orientations in a file, 0 for none. Damaged ones are ignored.
type notes struct{ exif, xmp Orientation }

// orientation prefers EXIF to XMP: cameras write EXIF, and programs that turn a picture change EXIF, or both.
func (n notes) orientation() Orientation { return cmp.Or(n.exif, n.xmp, Upright) }

// addEXIF reads a block of EXIF data, which is a TIFF structure.
func (n *notes) addEXIF(data []byte) {
	if n.exif == 0 {
		dir, _ := tiffhead.First(bytes.TrimPrefix(data, []byte(exifHeader)))
		n.exif = fromDirectory(dir)
	}
}

func (n *notes) addXMP(packet []byte) {
	if n.xmp == 0 {
		n.xmp = fromXMP(packet)
	}
}

// fromDirectory returns the orientation in a picture's tags, or 0. The standard requires a SHORT, but programs write other
// integers.
func fromDirectory(dir tiffhead.Directory) Orientation {
	e, ok := dir.Find(tiffhead.TagOrientation)
	if !ok {
		return 0
	}
	values, err := e.Uints(1)
	if err != nil || len(values) != 1 {
		return 0
	}
	return valid(values[0])
}

// valid returns an orientation from 1 to 8, or 0.
func valid(n uint64) Orientation {
	if n > 8 {
		return 0
	}
	return Orientation(n)
}

// FromTIFF finds the orientation in a TIFF file.
func FromTIFF(data []byte) Orientation {
	dir, _ := tiffhead.First(data)
	n := notes{exif: fromDirectory(dir)}
	if e, ok := dir.Find(tiffhead.TagXMP); ok && n.exif == 0 {
		if packet, err := e.Bytes(); err == nil {
			n.addXMP(packet)
		}
	}
	return n.orientation()
}

// FromWebP finds the orientation in a WebP file.
func FromWebP(data []byte) Orientation {
	var n notes
	chunks, _ := Chunks(data[min(len(data), WebPHeader):])
	for _, c := range chunks {
		switch c.Kind {
		case "EXIF":
			n.addEXIF(c.Body)
		case "XMP ":
			n.addXMP(c.Body)
		}
	}
	return n.orientation()
}

// WebPHeader is the length of a WebP file before its chunks: RIFF, length, WEBP.
const WebPHeader = 12

// Chunk is a part of a WebP file.
type Chunk struct {
	Kind string
	Body []byte
}

// Chunks splits a WebP file behind its header, or one of its chunks. With an error, it returns the chunks before the damage.
func Chunks(b []byte) (all []Chunk, err error) {
	for len(b) >= 8 {
		n := uint64(binary.LittleEndian.Uint32(b[4:]))
		if n > uint64(len(b)-8) {
			return all, ErrChunks
		}
		all = append(all, Chunk{string(b[:4]), b[8 : 8+n]})
		b = b[min(uint64(len(b)), 8+n+n%2):] // chunks begin at even offsets
	}
	return all, nil
}

// ErrChunks is the error for a WebP that ends too early.
var ErrChunks = errors.New("the file ends inside one of its parts")

const exifHeader = "Exif\x00\x00"
