package meta

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const (
	tagOrientation = 0x0112
	typeShort      = 3
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
	for name, b := range map[string][]byte{"empty": nil, "short": []byte("II*\x00\x08"), "other": []byte("XX*\x00\x08\x00\x00\x00")} {
		if got := FromTIFF(b); got != Upright {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// tagged makes a TIFF structure of one tag with a value of four bytes, or with more behind it.
func tagged(order binary.AppendByteOrder, tag, kind uint16, count int, value []byte) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint16(order.AppendUint32(b, 8), 1)
	b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, tag), kind), uint32(count))
	if len(value) <= 4 {
		return order.AppendUint32(append(b, append(value, 0, 0, 0, 0)[:4]...), 0)
	}
	b = order.AppendUint32(order.AppendUint32(b, 26), 0)
	return append(b, value...)
}

func TestOrientationOfAnyInteger(t *testing.T) {
	const (
		asByte, asASCII, asLong = 1, 2, 4
	)
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		for _, c := range []struct {
			kind  uint16
			count int
			value []byte
			want  Orientation
		}{
			{asByte, 1, []byte{6}, 6}, {asLong, 1, order.AppendUint32(nil, 7), 7}, {typeShort, 1, order.AppendUint16(nil, 8), 8},
			{asLong, 1, order.AppendUint32(nil, 9), Upright}, {asLong, 1, order.AppendUint32(nil, 6<<16), Upright},
			{asASCII, 1, []byte{6}, Upright}, {typeShort, 0, order.AppendUint16(nil, 8), Upright}, {typeShort, 2, order.AppendUint16(nil, 8), Upright},
			{99, 1, []byte{6}, Upright},
		} {
			data := tagged(order, tagOrientation, c.kind, c.count, c.value)
			if got := FromTIFF(data); got != c.want {
				t.Errorf("%s, type %d, %d times %v: %d, want %d", name, c.kind, c.count, c.value, got, c.want)
			}
			jpeg, err := ReadJPEG([]byte("\xff\xd8" + segment(0xe1, exifHeader+string(data)) + frame + scan))
			if err != nil || jpeg.Orientation != c.want {
				t.Errorf("%s, type %d, %d times %v: a JPEG has %d, %v, want %d", name, c.kind, c.count, c.value, jpeg.Orientation, err, c.want)
			}
		}
	}
}

const (
	packet = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
	attribute = `<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>`
	element   = `<rdf:Description rdf:about="" xmlns:t="http://ns.adobe.com/tiff/1.0/"><t:Make>x</t:Make><t:Orientation> %d </t:Orientation></rdf:Description>`
)

func xmp(form string, o int) string { return fmt.Sprintf(packet, fmt.Sprintf(form, o)) }

func packed(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if err != nil || w.Close() != nil {
		panic("packing into memory failed")
	}
	return b.String()
}

// raw is ImageMagick's text for a profile.
func raw(kind, profile string) string {
	digits := hex.EncodeToString([]byte(profile))
	var lines strings.Builder
	for len(digits) > 72 {
		lines.WriteString(digits[:72] + "\n")
		digits = digits[72:]
	}
	return fmt.Sprintf("\n%s\n%8d\n%s%s\n", kind, len(profile), lines.String(), digits)
}

func pngOf(chunks ...string) []byte {
	return []byte("\x89PNG\r\n\x1a\n" + chunk("IHDR", strings.Repeat("x", 13)) + strings.Join(chunks, "") + chunk("IEND", ""))
}

func TestOrientationInXMP(t *testing.T) {
	for _, form := range []string{attribute, element} {
		text := xmp(form, 6)
		jpeg, err := ReadJPEG([]byte("\xff\xd8" + segment(0xe1, xmpHeader+text) + frame + scan))
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]Orientation{
			"JPEG":       jpeg.Orientation,
			"WebP":       FromWebP([]byte("RIFF????WEBP" + riff("VP8X", "odd") + riff("XMP ", text))),
			"TIFF":       FromTIFF(tagged(binary.BigEndian, 700, 1, len(text), []byte(text))),
			"PNG":        FromPNG(pngOf(chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00en\x00\x00"+text))),
			"PNG packed": FromPNG(pngOf(chunk("IDAT", ""), chunk("iTXt", "XML:com.adobe.xmp\x00\x01\x00\x00\x00"+packed(text)))),
			"PNG raw":    FromPNG(pngOf(chunk("zTXt", "Raw profile type xmp\x00\x00"+packed(raw("xmp", text))))),
			"PNG APP1":   FromPNG(pngOf(chunk("tEXt", "Raw profile type APP1\x00"+raw("generic profile", xmpHeader+text)))),
		} {
			if got != 6 {
				t.Errorf("%s: %d in %s", name, got, text)
			}
		}
	}
	for name, text := range map[string]string{
		"no packet":   "tiff:Orientation=6",
		"other space": `<a xmlns:tiff="urn:other" tiff:Orientation="6"/>`,
		"no space":    `<a Orientation="6"/>`,
		"a word":      strings.Replace(xmp(attribute, 6), `"6"`, `"right"`, 1),
		"nine":        xmp(element, 9),
		"cut":         xmp(attribute, 6)[:200],
	} {
		if got := FromPNG(pngOf(chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+text))); got != Upright {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestOrientationInRawProfiles(t *testing.T) {
	exif := string(tiffWith(binary.BigEndian, 5))
	for name, chunks := range map[string]string{
		"exif":         chunk("zTXt", "Raw profile type exif\x00\x00"+packed(raw("exif", exifHeader+exif))),
		"no header":    chunk("zTXt", "Raw profile type exif\x00\x00"+packed(raw("exif", exif))),
		"not packed":   chunk("tEXt", "Raw profile type exif\x00"+raw("exif", exifHeader+exif)),
		"iTXt":         chunk("iTXt", "Raw profile type exif\x00\x00\x00\x00\x00"+raw("exif", exifHeader+exif)),
		"APP1":         chunk("zTXt", "Raw profile type APP1\x00\x00"+packed(raw("generic profile", exifHeader+exif))),
		"behind eXIf":  chunk("zTXt", "Raw profile type exif\x00\x00"+packed(raw("exif", string(tiffWith(binary.BigEndian, 2))))) + chunk("eXIf", exif),
		"before XMP":   chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmp(attribute, 3)) + chunk("eXIf", exif),
		"XMP, no EXIF": chunk("eXIf", "damaged") + chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmp(attribute, 5)),
	} {
		if got := FromPNG(pngOf(chunks)); got != 5 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, chunks := range map[string]string{
		"not packed": chunk("zTXt", "Raw profile type exif\x00\x00"+raw("exif", exif)),
		"no lines":   chunk("tEXt", "Raw profile type exif\x00exif"),
		"no digits":  chunk("tEXt", "Raw profile type exif\x00\nexif\n   26\nnone\n"),
		"no text":    chunk("iTXt", "Raw profile type exif\x00\x00"),
		"empty":      chunk("zTXt", "Raw profile type exif"),
	} {
		if got := FromPNG(pngOf(chunks)); got != Upright {
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
	f.Add(pngOf(chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmp(element, 3))))
	f.Add(pngOf(chunk("zTXt", "Raw profile type exif\x00\x00"+packed(raw("exif", string(tiffWith(binary.BigEndian, 5)))))))
	f.Add([]byte("\xff\xd8" + segment(0xe1, xmpHeader+xmp(attribute, 3)) + frame + scan))
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
