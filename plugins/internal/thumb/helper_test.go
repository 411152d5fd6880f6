package thumb

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/kagurazaka/kagurazaka/plugins/internal/turbo"
)

var defaults = Options{Size: 24, Quality: 95, Background: color.RGBA{255, 0, 0, 255}, MaxPixels: 1 << 24}

// paths calls a test for each way of decoding JPEG that this machine has.
func paths(t *testing.T, o Options, test func(t *testing.T, r *Resizer)) {
	t.Run("std", func(t *testing.T) {
		r, err := newStd(o)
		if err != nil {
			t.Fatal(err)
		}
		test(t, r)
	})
	t.Run("turbo", func(t *testing.T) {
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.library == nil {
			t.Skipf("no libjpeg-turbo on this machine; fetch-libraries.sh gets it: %v", r.missing)
		}
		test(t, r)
	})
}

// thumbnail makes a thumbnail in memory; its file is a copy.
func (r *Resizer) thumbnail(t testing.TB, data []byte, to format) ([]byte, error) {
	t.Helper()
	p, err := r.take()
	if err != nil {
		t.Fatal(err)
	}
	defer r.put(p)
	out, err := p.bytes(data, to)
	return slices.Clone(out), err
}

// mustShow makes a thumbnail and decodes it.
func mustShow(t *testing.T, r *Resizer, data []byte, to format) image.Image {
	t.Helper()
	out, err := r.thumbnail(t, data, to)
	if err != nil {
		t.Fatal(err)
	}
	img, err := codecs[to].decode(&processor{options: defaults}, out)
	if err != nil {
		t.Fatalf("the thumbnail cannot be decoded: %v", err)
	}
	return img
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// ramp is the picture of testdata, at a place between pixels too.
func ramp(x, y float64) [3]float64 { return [3]float64{40 + 4*x, 200 - 5*y, 60 + x + 2*y} }

// rampImage draws it, w by h pixels.
func rampImage(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := ramp(float64(x), float64(y))
			m.SetNRGBA(x, y, color.NRGBA{byte(c[0]), byte(c[1]), byte(c[2]), 255})
		}
	}
	return m
}

// checkRamp compares a thumbnail with the ramp of w by h pixels, looked at through from, which turns a place in the
// thumbnail into one in the stored picture. A border is left out: the filter has nothing to lean on there. A JPEG is compared by
// means of two by two pixels, which share one colour sample.
func checkRamp(t *testing.T, got image.Image, w, h int, light, tolerance float64, from func(x, y float64) (float64, float64)) {
	t.Helper()
	if got.Bounds().Dx() != w || got.Bounds().Dy() != h {
		t.Fatalf("the thumbnail has %v, want %d x %d", got.Bounds(), w, h)
	}
	const border = 4
	block := 1
	if _, ok := got.(*image.YCbCr); ok {
		block = 2
	}
	worst := 0.0
	for y := border; y+block <= h-border; y += block {
		for x := border; x+block <= w-border; x += block {
			var sum [3]float64
			for i := range block * block {
				c := color.NRGBAModel.Convert(got.At(x+i%block, y+i/block)).(color.NRGBA)
				sum[0], sum[1], sum[2] = sum[0]+float64(c.R), sum[1]+float64(c.G), sum[2]+float64(c.B)
			}
			want := ramp(from(float64(x)+float64(block)/2, float64(y)+float64(block)/2))
			for i, s := range sum {
				v := s / float64(block*block)
				if d := math.Abs(v - light*want[i]); d > worst {
					worst = d
					if d > tolerance {
						t.Errorf("(%d, %d) channel %d is %.1f, want %.1f", x, y, i, v, light*want[i])
					}
				}
			}
		}
	}
	t.Logf("off by %.1f at most", worst)
}

// shrunk is from for a thumbnail at 1/factor of the size.
func shrunk(factor float64) func(x, y float64) (float64, float64) {
	return func(x, y float64) (float64, float64) { return x*factor - 0.5, y*factor - 0.5 }
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeBMP(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeTIFF(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, m, &tiff.Options{Compression: tiff.Deflate}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// turboJPEG makes a grey ramp with level colours in a layout that neither Go nor Pillow writes.
func turboJPEG(t *testing.T, r *Resizer, sub turbo.Subsampling, w, h int) []byte {
	t.Helper()
	e, err := r.library.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var planes []turbo.Plane
	for i := range 3 {
		pw, ph := sub.PlaneSize(i, w, h)
		pix := make([]byte, pw*ph)
		for at := range pix {
			x, y := (float64(at%pw)+0.5)*float64(w)/float64(pw)-0.5, (float64(at/pw)+0.5)*float64(h)/float64(ph)-0.5
			c := ramp(x, y)
			y0, cb, cr := color.RGBToYCbCr(byte(c[0]), byte(c[1]), byte(c[2]))
			pix[at] = []byte{y0, cb, cr}[i]
		}
		planes = append(planes, turbo.Plane{Pix: pix, Stride: pw})
	}
	data, err := e.Encode(nil, planes, sub, w, h, 95)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(data)
}

// exifSegment is a JPEG segment with an orientation.
func exifSegment(o int) []byte {
	tiff := exifTIFF(o)
	b := []byte{0xff, 0xe1, 0, byte(2 + 6 + len(tiff))}
	return append(append(b, "Exif\x00\x00"...), tiff...)
}

func exifTIFF(o int) []byte {
	return []byte{'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, byte(o), 0, 0, 0, 0, 0, 0, 0}
}

// insert puts more behind the first at bytes of data.
func insert(data []byte, at int, more []byte) []byte {
	return slices.Concat(data[:at], more, data[at:])
}

func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}
