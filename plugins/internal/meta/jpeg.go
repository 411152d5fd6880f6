package meta

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// JPEG is the header of a JPEG: the segments before its first scan.
type JPEG struct {
	Width, Height int
	// Components is the number of channels: 1 grey, 3 colour, 4 inks.
	Components int
	// Adobe: the file has Adobe's marker, and its inks are inverted.
	Adobe       bool
	Orientation Orientation
	// Profile is the ICC profile's segments with their markers and lengths. They share the memory of the data.
	Profile [][]byte
}

const (
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerAPP1  = 0xe1
	markerAPP2  = 0xe2
	markerAPP14 = 0xee
)

const (
	iccHeader = "ICC_PROFILE\x00"
	xmpHeader = "http://ns.adobe.com/xap/1.0/\x00"
)

// ReadJPEG reads a JPEG's segments up to its first scan.
func ReadJPEG(data []byte) (JPEG, error) {
	j := JPEG{Orientation: Upright}
	if len(data) < 2 || data[0] != 0xff || data[1] != markerSOI {
		return j, errors.New("no JPEG marker at the beginning")
	}
	var n notes
	var xmp []byte // read only if there is no EXIF
	for at := 2; ; {
		marker, from, err := nextMarker(data, at)
		if err != nil {
			return j, err
		}
		if marker == markerEOI {
			return j, errors.New("the file ends before the picture's data begin")
		}
		if marker >= 0xd0 && marker <= 0xd7 || marker == 0x01 {
			at = from // these have no length
			continue
		}
		if from+2 > len(data) {
			return j, errTruncated
		}
		length := int(binary.BigEndian.Uint16(data[from:]))
		if length < 2 {
			return j, fmt.Errorf("segment %#x has the impossible length %d", marker, length)
		}
		if from+length > len(data) {
			return j, errTruncated
		}
		body := data[from+2 : from+length]
		switch {
		case marker == markerSOS:
			if j.Components == 0 {
				return j, errors.New("the picture's data begin before its size is given")
			}
			if n.exif == 0 && xmp != nil {
				n.addXMP(xmp)
			}
			j.Orientation = n.orientation()
			return j, nil
		case isFrame(marker):
			if err := j.readFrame(body); err != nil {
				return j, err
			}
		case marker == markerAPP1 && hasPrefix(body, exifHeader):
			n.addEXIF(body)
		case marker == markerAPP1 && hasPrefix(body, xmpHeader):
			xmp = body[len(xmpHeader):]
		case marker == markerAPP2 && hasPrefix(body, iccHeader):
			j.Profile = append(j.Profile, data[from-2:from+length])
		case marker == markerAPP14 && hasPrefix(body, "Adobe"):
			j.Adobe = true
		}
		at = from + length
	}
}

var errTruncated = errors.New("the file ends in its header")

// nextMarker finds the marker at or after data[at], and the beginning of its segment. It skips stray bytes, as decoders do.
func nextMarker(data []byte, at int) (marker byte, from int, err error) {
	for ; at+1 < len(data); at++ {
		if next := data[at+1]; data[at] == 0xff && next != 0xff && next != 0 {
			return next, at + 2, nil
		}
	}
	return 0, 0, errTruncated
}

func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != markerDHT && marker != markerJPG && marker != markerDAC
}

func (j *JPEG) readFrame(body []byte) error {
	if j.Components != 0 {
		return errors.New("the picture's size is given twice")
	}
	if len(body) < 6 {
		return errTruncated
	}
	j.Height, j.Width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	j.Components = int(body[5])
	if j.Width == 0 || j.Height == 0 || j.Components == 0 {
		return fmt.Errorf("the header promises %d x %d pixels of %d channels", j.Width, j.Height, j.Components)
	}
	return nil
}

func hasPrefix(b []byte, prefix string) bool { return bytes.HasPrefix(b, []byte(prefix)) }
