package thumb

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color/palette"
	"image/gif"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func encodeGIFOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, &gif.Options{NumColors: len(palette.WebSafe)}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTruncated(t *testing.T) {
	files := inputs(t)
	for _, name := range []string{"cmyk.jpg", "ycck.jpg", "gray.jpg", "alpha.webp"} {
		files[name] = fixture(t, name)
	}
	files["picture.gif"] = encodeGIFOf(t, rampImage(48, 32))
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for name, data := range files {
			for _, to := range []format{formatJPEG, formatPNG} {
				// A lossless WebP ends in bits that fill up its last byte.
				for _, cut := range []int{1, 2, len(data) / 10, len(data) / 2, len(data) - 20} {
					if _, err := r.thumbnail(t, data[:cut], to); err == nil {
						t.Errorf("%s: %d of %d bytes made a %s", name, cut, len(data), to)
					}
				}
			}
		}
	})
}

// TestDamagedJPEG overwrites the middle of the data with a marker, as a bad copy does.
func TestDamagedJPEG(t *testing.T) {
	data := encodeJPEG(t, rampImage(480, 320), 90)
	middle := len(data) / 2
	data = slices.Concat(data[:middle], bytes.Repeat([]byte{0xff, 0xd9}, 4), data[middle:])
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		_, err := r.thumbnail(t, data, formatJPEG)
		if err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("error %v", err)
		}
	})
}

func TestStrayBytesAreHarmless(t *testing.T) {
	data := fixture(t, "baseline-444.jpg")
	// Behind JFIF's segment: the library calls these "extraneous bytes before marker".
	at := 4 + int(binary.BigEndian.Uint16(data[4:]))
	data = insert(data, at, []byte{1, 2, 3})
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		checkRamp(t, mustShow(t, r, data, formatJPEG), 24, 16, 1, 5, shrunk(2))
	})
}

// promising makes files whose headers promise far more pixels than there are.
func promising(t *testing.T) map[string][]byte {
	m := rampImage(48, 32)
	files := map[string][]byte{}
	patch := func(name string, data []byte, order binary.ByteOrder, size, at, atHeight int, value uint32) {
		data = slices.Clone(data)
		for _, at := range []int{at, atHeight} {
			if size == 2 {
				order.PutUint16(data[at:], uint16(value))
			} else {
				order.PutUint32(data[at:], value)
			}
		}
		files[name] = data
	}
	jpeg := fixture(t, "baseline-444.jpg")
	frame := bytes.Index(jpeg, []byte{0xff, 0xc0})
	patch("jpeg", jpeg, binary.BigEndian, 2, frame+5, frame+7, 65000)
	progressive := fixture(t, "progressive.jpg")
	frame = bytes.Index(progressive, []byte{0xff, 0xc2})
	patch("progressive jpeg", progressive, binary.BigEndian, 2, frame+5, frame+7, 65000)
	header := pngChunk("IHDR", []byte{0, 0, 0xff, 0, 0, 0, 0xff, 0, 8, 6, 0, 0, 0})
	files["png"] = slices.Concat([]byte("\x89PNG\r\n\x1a\n"), header, encodePNG(t, m)[8+len(header):])
	patch("gif", encodeGIFOf(t, m), binary.LittleEndian, 2, 6, 8, 65000)
	patch("bmp", encodeBMP(t, m), binary.LittleEndian, 4, 18, 22, 65000)
	lossy := fixture(t, "lossy.webp")
	key := bytes.Index(lossy, []byte{0x9d, 0x01, 0x2a})
	patch("webp", lossy, binary.LittleEndian, 2, key+3, key+5, 16383)
	tif := encodeTIFF(t, m)
	ifd := int(binary.LittleEndian.Uint32(tif[4:]))
	for i := range int(binary.LittleEndian.Uint16(tif[ifd:])) {
		entry := tif[ifd+2+12*i:]
		if tag := binary.LittleEndian.Uint16(entry); tag == 256 || tag == 257 {
			binary.LittleEndian.PutUint16(entry[2:], 4) // a number of 32 bits
			binary.LittleEndian.PutUint32(entry[8:], 65000)
		}
	}
	files["tiff"] = tif
	return files
}

func TestMaxPixels(t *testing.T) {
	files := promising(t)
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for name, data := range files {
			_, err := r.thumbnail(t, data, formatJPEG)
			if err == nil || !strings.Contains(err.Error(), "--max-pixels") {
				t.Errorf("%s: error %v", name, err)
			}
		}
	})
	o := defaults
	o.MaxPixels = 48*32 - 1
	paths(t, o, func(t *testing.T, r *Resizer) {
		for name, data := range inputs(t) {
			_, err := r.thumbnail(t, data, formatJPEG)
			if err == nil || !strings.Contains(err.Error(), "48 x 32 = 1536 pixels, more than the limit of 1535") {
				t.Errorf("%s: error %v", name, err)
			}
		}
	})
	o.MaxPixels++
	paths(t, o, func(t *testing.T, r *Resizer) {
		for name, data := range inputs(t) {
			if _, err := r.thumbnail(t, data, formatJPEG); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestMaxPixelsOfTheResult enlarges small pictures to more pixels than allowed.
func TestMaxPixelsOfTheResult(t *testing.T) {
	o := defaults
	o.Size, o.Enlarge, o.MaxPixels = 300, true, 300*200-1
	paths(t, o, func(t *testing.T, r *Resizer) {
		for name, data := range inputs(t) {
			_, err := r.thumbnail(t, data, formatJPEG)
			if want := "the thumbnail would have 300 x 200 = 60000 pixels, more than the limit of 59999 (--max-pixels)"; err == nil || err.Error() != want {
				t.Errorf("%s: error %v, want %s", name, err, want)
			}
		}
	})
	o.MaxPixels++
	paths(t, o, func(t *testing.T, r *Resizer) {
		for name, data := range inputs(t) {
			if _, err := r.thumbnail(t, data, formatJPEG); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	// Read, for cudaresize, has the same limit.
	o.Size = 65535
	paths(t, o, func(t *testing.T, r *Resizer) {
		path := filepath.Join(t.TempDir(), "a.jpg")
		if err := os.WriteFile(path, fixture(t, "progressive.jpg"), 0o666); err != nil {
			t.Fatal(err)
		}
		err := r.Read(t.Context(), path, true, func(n int) []byte { return make([]byte, n) }, func(*Picture) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "would have 65535 x 43690") {
			t.Errorf("error %v", err)
		}
	})
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, text, empty := write("a.jpg", fixture(t, "progressive.jpg")), write("b.jpg", []byte("just some text")), write("c.jpg", nil)
	cut := write("d.jpg", fixture(t, "progressive.jpg")[:400])
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		out := filepath.Join(t.TempDir(), "out.jpg")
		for _, c := range []struct{ name, in, out, want string }{
			{"missing", filepath.Join(dir, "none.jpg"), out, "no such file"},
			{"folder", dir, out, "is a folder"},
			{"text", text, out, `begins with "just some text"`},
			{"empty", empty, out, "empty"},
			{"cut", cut, out, "the JPEG picture is broken"},
			{"webp out", good, filepath.Join(dir, "x.webp"), `extension is ".webp"`},
			{"no extension", good, filepath.Join(dir, "x"), `extension is ""`},
			{"no folder", good, filepath.Join(dir, "none", "x.jpg"), "writing the thumbnail"},
		} {
			err := r.File(t.Context(), c.in, c.out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
			}
			if _, err := os.Stat(c.out); err == nil {
				t.Errorf("%s: left an output", c.name)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.File(gone, good, out); err == nil {
			t.Error("a cancelled run went on")
		}
		// After all these the same buffers still make a good thumbnail, and a file in its place is replaced.
		if err := os.WriteFile(out, bytes.Repeat([]byte("old"), 10000), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := r.File(t.Context(), good, out); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		img, err := codecs[formatJPEG].decode(&processor{options: defaults}, data)
		if err != nil {
			t.Fatal(err)
		}
		checkRamp(t, img, 24, 16, 1, 5, shrunk(2))
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Size = 0 }, "the size is 0"},
		{func(o *Options) { o.Size = 65536 }, "the size is 65536"},
		{func(o *Options) { o.Quality = 101 }, "the quality is 101"},
		{func(o *Options) { o.MaxPixels = 0 }, "the limit of pixels is 0"},
	} {
		o := defaults
		c.change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func FuzzThumbnail(f *testing.F) {
	for _, data := range inputs(f) {
		f.Add(data)
	}
	for _, name := range []string{"cmyk.jpg", "ycck.jpg", "gray.jpg", "alpha.webp", "orientation-6.tif", "animated-lossy.webp", "fax-black-is-0.tif"} {
		f.Add(fixture(f, name))
	}
	for _, p := range colourTIFFs() {
		f.Add(p.file(f))
	}
	for _, p := range grayTIFFs() {
		f.Add(p.file(f))
	}
	o := defaults
	o.MaxPixels = 1 << 16
	std, err := newStd(o)
	if err != nil {
		f.Fatal(err)
	}
	both, err := New(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(both.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range []*Resizer{std, both} {
			for _, to := range []format{formatJPEG, formatPNG} {
				out, err := r.thumbnail(t, data, to)
				if err != nil {
					continue
				}
				img, err := codecs[to].decode(&processor{options: defaults}, out)
				if err != nil {
					t.Fatalf("a thumbnail that cannot be decoded: %v", err)
				}
				if side := max(img.Bounds().Dx(), img.Bounds().Dy()); side > o.Size {
					t.Fatalf("a thumbnail of %v", img.Bounds())
				}
			}
		}
	})
}
