// Package meta reads what must be known of a picture before it is decoded: how a JPEG is made, and which side is up.
package meta

import "encoding/binary"

// Orientation is the value of the EXIF tag of that name, 1 to 8: how the stored picture must be turned to be upright.
type Orientation int

// Upright is the orientation of a picture that is stored as it is shown.
const Upright Orientation = 1

// Swap reports whether the stored picture's rows are the shown picture's columns.
func (o Orientation) Swap() bool { return o >= 5 && o <= 8 }

// MirrorX reports whether the stored picture's rows are to be read from right to left.
func (o Orientation) MirrorX() bool { return o == 2 || o == 3 || o == 7 || o == 8 }

// MirrorY reports whether the stored picture's columns are to be read from bottom to top.
func (o Orientation) MirrorY() bool { return o == 3 || o == 4 || o == 6 || o == 7 }

const (
	tagOrientation = 0x0112
	typeShort      = 3
)

// FromTIFF finds the orientation in a TIFF structure: the payload of EXIF data, or a whole TIFF file. It is Upright where there is
// none, or none that makes sense: a picture with damaged notes is still a picture.
func FromTIFF(tiff []byte) Orientation {
	if len(tiff) < 8 {
		return Upright
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return Upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return Upright
	}
	entries := uint64(order.Uint16(tiff[at:]))
	for i := range entries {
		from := at + 2 + i*12
		if from+12 > uint64(len(tiff)) {
			return Upright
		}
		entry := tiff[from:][:12]
		if order.Uint16(entry) != tagOrientation {
			continue
		}
		if order.Uint16(entry[2:]) != typeShort || order.Uint32(entry[4:]) != 1 {
			return Upright
		}
		if o := Orientation(order.Uint16(entry[8:])); o >= 1 && o <= 8 {
			return o
		}
		return Upright
	}
	return Upright
}

// FromPNG finds the orientation in a PNG file's eXIf chunk.
func FromPNG(data []byte) Orientation {
	const signature = 8
	for at := signature; at+8 <= len(data); {
		length := int64(binary.BigEndian.Uint32(data[at:]))
		body, end := int64(at)+8, int64(at)+8+length
		if end > int64(len(data)) {
			return Upright
		}
		switch string(data[at+4 : at+8]) {
		case "eXIf":
			return FromTIFF(data[body:end])
		case "IEND":
			return Upright
		}
		at = int(end) + 4 // the checksum
	}
	return Upright
}

// FromWebP finds the orientation in a WebP file's EXIF chunk.
func FromWebP(data []byte) Orientation {
	const header = 12 // RIFF, length, WEBP
	for at := header; at+8 <= len(data); {
		length := int64(binary.LittleEndian.Uint32(data[at+4:]))
		body, end := int64(at)+8, int64(at)+8+length
		if end > int64(len(data)) {
			return Upright
		}
		if string(data[at:at+4]) == "EXIF" {
			return FromTIFF(trimExifHeader(data[body:end]))
		}
		at = int(end + length&1) // chunks begin at even offsets
	}
	return Upright
}

const exifHeader = "Exif\x00\x00"

func trimExifHeader(b []byte) []byte {
	if len(b) >= len(exifHeader) && string(b[:len(exifHeader)]) == exifHeader {
		return b[len(exifHeader):]
	}
	return b
}
