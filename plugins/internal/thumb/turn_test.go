package thumb

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/image/tiff"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
)

// stored turns a place in the upright picture into one of a stored picture of w by h, as the EXIF standard describes the
// values: where the stored picture's first row and first column are shown.
func stored(o int, x, y, w, h float64) (float64, float64) {
	switch o {
	case 2: // top, right
		return w - x, y
	case 3: // bottom, right
		return w - x, h - y
	case 4: // bottom, left
		return x, h - y
	case 5: // left, top
		return y, x
	case 6: // right, top
		return y, h - x
	case 7: // right, bottom
		return w - y, h - x
	case 8: // left, bottom
		return w - y, x
	}
	return x, y
}

// xmpOf is a packet of XMP with an orientation.
func xmpOf(o int) string {
	return fmt.Sprintf(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" `+
		`xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>`, o)
}

// xmpSegment is a JPEG segment with it.
func xmpSegment(o int) []byte {
	body := "http://ns.adobe.com/xap/1.0/\x00" + xmpOf(o)
	n := len(body) + 2
	return append([]byte{0xff, 0xe1, byte(n >> 8), byte(n)}, body...)
}

func TestOrientation(t *testing.T) {
	// Odd sides: the colour planes of both pictures end in half a sample.
	for _, size := range [][2]int{{48, 32}, {47, 31}} {
		m := rampImage(size[0], size[1])
		for o := 1; o <= 8; o++ {
			files := map[string][]byte{
				"jpeg":          insert(encodeJPEG(t, m, 98), 2, exifSegment(o)),
				"png":           insert(encodePNG(t, m), 33, pngChunk("eXIf", exifTIFF(o))),
				"xmp":           insert(encodePNG(t, m), 33, pngChunk("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmpOf(o)))),
				"jpeg with xmp": insert(encodeJPEG(t, m, 98), 2, xmpSegment(o)),
			}
			paths(t, defaults, func(t *testing.T, r *Resizer) {
				w, h := size[0], size[1]
				outW, outH := fit(w, h, 24, false)
				if meta.Orientation(o).Swap() {
					outW, outH = fit(h, w, 24, false)
				}
				for name, data := range files {
					for _, to := range []format{formatJPEG, formatPNG} {
						t.Run(fmt.Sprintf("%s %d of %dx%d to %s", name, o, w, h, to), func(t *testing.T) {
							checkRamp(t, mustShow(t, r, data, to), outW, outH, 1, 5, func(x, y float64) (float64, float64) {
								shownW, shownH := float64(w), float64(h)
								if meta.Orientation(o).Swap() {
									shownW, shownH = shownH, shownW
								}
								sx, sy := stored(o, x*shownW/float64(outW), y*shownH/float64(outH), float64(w), float64(h))
								return sx - 0.5, sy - 0.5
							})
						})
					}
				}
			})
		}
	}
}

func TestOrientationOfOtherFormats(t *testing.T) {
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orientation-6.webp", "orientation-6.tif"} {
		checkRamp(t, mustShow(t, r, fixture(t, name), formatPNG), 16, 24, 1, 3, func(x, y float64) (float64, float64) {
			sx, sy := stored(6, 2*x, 2*y, 48, 32)
			return sx - 0.5, sy - 0.5
		})
	}
	// A TIFF that is written has the picture upright and says nothing else.
	out, err := r.thumbnail(t, fixture(t, "orientation-6.tif"), formatTIFF)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tiff.Decode(bytes.NewReader(out)); err != nil || meta.FromTIFF(out) != meta.Upright {
		t.Errorf("orientation %d, error %v", meta.FromTIFF(out), err)
	}
}

func TestProfileIsKept(t *testing.T) {
	icc := slices.Concat([]byte{0xff, 0xe2, 0, 2 + 14 + 5}, []byte("ICC_PROFILE\x00\x01\x01inks?"))
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for name, want := range map[string]bool{"progressive.jpg": true, "gray.jpg": true, "cmyk.jpg": false} {
			out, err := r.thumbnail(t, insert(fixture(t, name), 2, icc), formatJPEG)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(out, icc); got != want {
				t.Errorf("%s: profile in the thumbnail: %v", name, got)
			}
			if _, err := codecs[formatJPEG].decode(&processor{options: defaults}, out); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// The next picture has none.
			next, err := r.thumbnail(t, fixture(t, name), formatJPEG)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(next, []byte("ICC_PROFILE")) {
				t.Errorf("%s: the profile stayed for the next picture", name)
			}
		}
	})
}
