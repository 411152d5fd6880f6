package meta

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"io"
)

// FromPNG finds the orientation in a PNG file: in the chunk for EXIF, in a text with XMP, or in ImageMagick's texts with
// either.
func FromPNG(data []byte) Orientation {
	var n, raw notes
	const signature = 8
	for at := int64(signature); at+8 <= int64(len(data)); {
		length := int64(binary.BigEndian.Uint32(data[at:]))
		body, end := at+8, at+8+length
		if end > int64(len(data)) {
			break
		}
		kind := string(data[at+4 : at+8])
		if kind == "IEND" {
			break
		}
		switch kind {
		case "eXIf":
			n.addEXIF(data[body:end])
		case "tEXt", "zTXt", "iTXt":
			key, value, _ := bytes.Cut(data[body:end], []byte{0})
			switch string(key) {
			case "XML:com.adobe.xmp":
				n.addXMP(pngText(kind, value))
			case "Raw profile type exif", "Raw profile type APP1", "Raw profile type xmp":
				raw.addRaw(rawProfile(pngText(kind, value)))
			}
		}
		at = end + 4 // the checksum
	}
	return cmp.Or(n.exif, raw.exif, n.xmp, raw.xmp, Upright)
}

// addRaw reads a profile of ImageMagick's. Its first bytes tell whether it is XMP or EXIF.
func (n *notes) addRaw(profile []byte) {
	xmp, hasHeader := bytes.CutPrefix(profile, []byte(xmpHeader))
	if hasHeader || hasPrefix(profile, "<") || hasPrefix(profile, "\xef\xbb\xbf<") {
		n.addXMP(xmp)
	} else {
		n.addEXIF(profile)
	}
}

// textLimit limits the size of an unpacked text: a few bytes may unpack to any amount.
const textLimit = 16 << 20

// pngText returns the text of a chunk, given the bytes after its keyword. It returns nil for a damaged one.
func pngText(kind string, b []byte) []byte {
	packed := false
	switch kind {
	case "zTXt":
		if len(b) < 1 || b[0] != 0 {
			return nil
		}
		b, packed = b[1:], true
	case "iTXt":
		if len(b) < 2 || b[1] != 0 {
			return nil
		}
		packed = b[0] == 1
		b = b[2:]
		for range 2 { // language and translated keyword
			_, rest, ok := bytes.Cut(b, []byte{0})
			if !ok {
				return nil
			}
			b = rest
		}
	}
	if !packed {
		return b
	}
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, textLimit))
	if err != nil {
		return nil
	}
	return text
}

// rawProfile decodes a profile of ImageMagick: a line with its kind, a line with its length, and hexadecimal digits.
func rawProfile(text []byte) []byte {
	lines := bytes.SplitN(bytes.TrimLeft(text, "\n"), []byte{'\n'}, 3)
	if len(lines) < 3 {
		return nil
	}
	digits := bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == ' ' {
			return -1
		}
		return r
	}, lines[2])
	profile := make([]byte, hex.DecodedLen(len(digits)))
	n, _ := hex.Decode(profile, digits) // up to the first bad digit
	return profile[:n]
}
