package meta

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// tiffWith makes a TIFF structure with the tags before, the orientation o, and nothing else.
func tiffWith(order binary.AppendByteOrder, o uint16, before ...uint16) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, uint16(len(before)+1))
	for _, tag := range append(before, tagOrientation) {
		b = order.AppendUint16(b, tag)
		b = order.AppendUint16(b, typeShort)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, o)
		b = append(b, 0, 0)
	}
	return order.AppendUint32(b, 0)
}

func segment(marker byte, body string) string {
	return string([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}) + body
}

// frame is a start-of-frame segment for 3 components of 640 x 480.
var frame = segment(0xc2, "\x08\x01\xe0\x02\x80\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01")

const scan = "\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"

func chunk(kind, body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + kind + body + "\x00\x00\x00\x00"
}

func riff(kind, body string) string {
	b := kind + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if len(body)%2 == 1 {
		b += "\x00"
	}
	return b
}

func TestOrientation(t *testing.T) {
	for o := range uint16(10) {
		want := Orientation(o)
		if o < 1 || o > 8 {
			want = Upright
		}
		little, big := tiffWith(binary.LittleEndian, o), tiffWith(binary.BigEndian, o, 0x010f, 0x0110)
		for name, got := range map[string]Orientation{
			"little": FromTIFF(little),
			"big":    FromTIFF(big),
			"png":    FromPNG([]byte("\x89PNG\r\n\x1a\n" + chunk("IHDR", strings.Repeat("x", 13)) + chunk("eXIf", string(big)))),
			"webp":   FromWebP([]byte("RIFF????WEBP" + riff("VP8X", "odd") + riff("EXIF", string(little)))),
			"webp2":  FromWebP([]byte("RIFF????WEBP" + riff("EXIF", exifHeader+string(little)))),
		} {
			if got != want {
				t.Errorf("%s: orientation %d is read as %d", name, o, got)
			}
		}
	}
	long := tiffWith(binary.LittleEndian, 6)
	binary.LittleEndian.PutUint16(long[12:], 4) // a LONG, which the standard does not allow
	for name, b := range map[string][]byte{"empty": nil, "short": []byte("II*\x00\x08"), "other": []byte("XX*\x00\x08\x00\x00\x00"), "type": long} {
		if got := FromTIFF(b); got != Upright {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestReadJPEG(t *testing.T) {
	exif := segment(0xe1, exifHeader+string(tiffWith(binary.BigEndian, 8)))
	icc := segment(0xe2, iccHeader+"\x01\x02first") + segment(0xe2, iccHeader+"\x02\x02second")
	// Stray and filling bytes between segments, and a marker without length.
	data := []byte("\xff\xd8" + segment(0xe0, "JFIF\x00") + exif + "\x00\x11\xff" + icc + "\xff\x01" + segment(0xee, "Adobe\x00\x64") + frame + scan)
	j, err := ReadJPEG(data)
	if err != nil {
		t.Fatal(err)
	}
	if j.Width != 640 || j.Height != 480 || j.Components != 3 || !j.Adobe || j.Orientation != 8 {
		t.Errorf("read %+v", j)
	}
	if got := string(bytes.Join(j.Profile, nil)); got != icc {
		t.Errorf("profile %q", got)
	}
}

func TestReadJPEGBroken(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "no JPEG marker"},
		{"other", "GIF89a", "no JPEG marker"},
		{"only the start", "\xff\xd8", "ends in its header"},
		{"cut in a segment", "\xff\xd8" + frame[:9], "ends in its header"},
		{"cut in a length", "\xff\xd8\xff\xe0\x00", "ends in its header"},
		{"zero length", "\xff\xd8\xff\xe0\x00\x00" + frame, "impossible length 0"},
		{"no size", "\xff\xd8" + scan, "before its size"},
		{"end at once", "\xff\xd8\xff\xd9", "before the picture's data"},
		{"no pixels", "\xff\xd8" + segment(0xc0, "\x08\x00\x00\x02\x80\x03") + scan, "640 x 0"},
		{"two sizes", "\xff\xd8" + frame + frame + scan, "twice"},
		{"short frame", "\xff\xd8" + segment(0xc0, "\x08") + scan, "ends in its header"},
	} {
		if _, err := ReadJPEG([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func FuzzMeta(f *testing.F) {
	f.Add([]byte("\xff\xd8" + segment(0xe1, exifHeader+string(tiffWith(binary.BigEndian, 3))) + frame + scan))
	f.Add(tiffWith(binary.LittleEndian, 5, 1, 2, 3))
	f.Add([]byte("\x89PNG\r\n\x1a\n" + chunk("eXIf", string(tiffWith(binary.BigEndian, 2)))))
	f.Add([]byte("RIFF????WEBP" + riff("EXIF", string(tiffWith(binary.BigEndian, 2)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, o := range []Orientation{FromTIFF(data), FromPNG(data), FromWebP(data)} {
			if o < 1 || o > 8 {
				t.Fatalf("orientation %d", o)
			}
		}
		if j, err := ReadJPEG(data); err == nil && (j.Width < 1 || j.Height < 1 || j.Components < 1 || j.Orientation < 1 || j.Orientation > 8) {
			t.Fatalf("read %+v", j)
		}
	})
}
