package thumb

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
)

// withLibtiff is a Resizer that has libtiff.
func withLibtiff(t *testing.T, o Options) *Resizer {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if _, err := r.tiff(); err != nil {
		t.Skipf("no libtiff on this machine; fetch-libraries.sh gets it: %v", err)
	}
	return r
}

// rampAt is the ramp with numbers up to full.
func rampAt(full float64) func(x, y, c int) float64 {
	return func(x, y, c int) float64 { return ramp(float64(x), float64(y))[c] * full / 255 }
}

// inks are what the ramp takes, with a black of a fifth, in numbers up to full.
func inks(full float64) func(x, y, c int) float64 {
	return func(x, y, c int) float64 {
		if c == 3 {
			return full / 5
		}
		return full - ramp(float64(x), float64(y))[c]*full/255
	}
}

// labOf is the ramp in Lab, as the format has it: signed channels as two's complement.
func labOf(deep bool) func(x, y, c int) float64 {
	return func(x, y, c int) float64 {
		var linear [3]float64
		for i, v := range ramp(float64(x), float64(y)) {
			if v /= 255; v <= 0.04045 {
				linear[i] = v / 12.92
			} else {
				linear[i] = math.Pow((v+0.055)/1.055, 2.4)
			}
		}
		r, g, b := linear[0], linear[1], linear[2]
		f := func(v float64) float64 {
			if v > 216.0/24389 {
				return math.Cbrt(v)
			}
			return (v*24389/27 + 16) / 116
		}
		fx := f((0.4360747*r + 0.3850649*g + 0.1430804*b) / 0.9642)
		fy := f(0.2225045*r + 0.7168786*g + 0.0606169*b)
		fz := f((0.0139322*r + 0.0971045*g + 0.7141733*b) / 0.8251)
		v := []float64{(116*fy - 16) * 2.55, 500 * (fx - fy), 200 * (fy - fz)}[c]
		if deep {
			return math.Round(v * 256)
		}
		return math.Round(v)
	}
}

// ycc is the ramp as luminance and colours.
func ycc(x, y, c int) float64 {
	v := ramp(float64(x), float64(y))
	luma, cb, cr := color.RGBToYCbCr(byte(v[0]), byte(v[1]), byte(v[2]))
	return float64([]byte{luma, cb, cr}[c])
}

// halved are blocks of the ramp with one colour sample for two by two pixels, as TIFF has them.
func halved(rows []byte) []byte {
	const w = 48
	var out []byte
	for y := 0; y+1 < len(rows)/(3*w); y += 2 {
		for x := 0; x < w; x += 2 {
			at := func(dx, dy, c int) byte { return rows[3*((y+dy)*w+x+dx)+c] }
			out = append(out, at(0, 0, 0), at(1, 0, 0), at(0, 1, 0), at(1, 1, 0), at(0, 0, 1), at(0, 0, 2))
		}
	}
	return out
}

// asJPEG packs rows of a picture as a JPEG each.
func asJPEG(rows []byte) []byte {
	const w = 48
	h := len(rows) / (3 * w)
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(m.Pix[4*i:], append(rows[3*i:3*i+3:3*i+3], 255))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// colourTIFFs are pictures of the ramp that Go's decoder refuses or garbles.
func colourTIFFs() map[string]tiffPicture {
	rgb := tiffPicture{photometric: 2, samples: 3, bits: 8, at: rampAt(255)}
	deep := tiffPicture{photometric: 2, samples: 3, bits: 16, at: rampAt(65535)}
	of := func(p tiffPicture, change func(*tiffPicture)) tiffPicture { change(&p); return p }
	return map[string]tiffPicture{
		"planes":                 of(rgb, func(p *tiffPicture) { p.planes = true }),
		"planes, deflate":        of(rgb, func(p *tiffPicture) { p.planes, p.deflate = true, true }),
		"planes, 16 bits":        of(deep, func(p *tiffPicture) { p.planes = true }),
		"planes, 16 bits, tiles": of(deep, func(p *tiffPicture) { p.planes, p.tile, p.deflate = true, 16, true }),
		"planes, 16 bits, big":   of(deep, func(p *tiffPicture) { p.planes, p.tile, p.order = true, 32, binary.BigEndian }),
		"order of bits":          of(rgb, func(p *tiffPicture) { p.reversed = true }),
		"order of bits, deflate": of(rgb, func(p *tiffPicture) { p.reversed, p.deflate = true, true }),
		"unsorted":               of(rgb, func(p *tiffPicture) { p.unsorted = true }),
		"BigTIFF":                of(rgb, func(p *tiffPicture) { p.big, p.tile = true, 16 }),
		"BigTIFF, big":           of(deep, func(p *tiffPicture) { p.big, p.order = true, binary.BigEndian }),
		"4 bits":                 of(rgb, func(p *tiffPicture) { p.bits, p.at = 4, rampAt(15.99) }),
		"12 bits":                of(rgb, func(p *tiffPicture) { p.bits, p.at = 12, rampAt(4095) }),
		"32 bits":                of(rgb, func(p *tiffPicture) { p.bits, p.at = 32, rampAt(255) }),
		"float":                  of(rgb, func(p *tiffPicture) { p.float, p.bits, p.at = true, 32, rampAt(1) }),
		"float, planes, big": of(rgb, func(p *tiffPicture) {
			p.float, p.planes, p.bits, p.order, p.at = true, true, 64, binary.BigEndian, rampAt(1)
		}),
		"one size":                  of(rgb, func(p *tiffPicture) { p.more = []tiffTag{shorts(258, 8)} }),
		"signed bytes":              of(rgb, func(p *tiffPicture) { p.more = []tiffTag{p.whole(339, 2)} }),
		"a channel without meaning": of(rgb, func(p *tiffPicture) { p.samples, p.at, p.more = 4, fourth(7), []tiffTag{shorts(338, 0)} }),
		"two more channels":         of(rgb, func(p *tiffPicture) { p.samples, p.at, p.more = 5, fourth(255), []tiffTag{shorts(338, 2, 0)} }),
		"fourth channel, not named": of(rgb, func(p *tiffPicture) { p.samples, p.at = 4, fourth(255) }),
		"JPEG": of(rgb, func(p *tiffPicture) {
			p.photometric, p.compression, p.strip, p.block, p.more = 6, 7, 16, asJPEG, []tiffTag{shorts(530, 2, 2)}
		}),
		"YCbCr": of(rgb, func(p *tiffPicture) { p.photometric, p.at, p.more = 6, ycc, []tiffTag{shorts(530, 1, 1)} }),
		"YCbCr, halved": of(rgb, func(p *tiffPicture) {
			p.photometric, p.at, p.block, p.more = 6, ycc, halved, []tiffTag{shorts(530, 2, 2)}
		}),
		"Lab":          of(rgb, func(p *tiffPicture) { p.photometric, p.at = 8, labOf(false) }),
		"Lab, 16 bits": of(rgb, func(p *tiffPicture) { p.photometric, p.bits, p.at = 8, 16, labOf(true) }),
	}
}

// fourth is the ramp with more channels, of one value.
func fourth(v float64) func(x, y, c int) float64 {
	return func(x, y, c int) float64 {
		if c > 2 {
			return v
		}
		return rampAt(255)(x, y, c)
	}
}

func TestTIFFThroughLibtiff(t *testing.T) {
	r := withLibtiff(t, defaults)
	for name, p := range colourTIFFs() {
		t.Run(name, func(t *testing.T) {
			tolerance := 6.0
			if p.bits == 4 {
				tolerance = 12
			}
			for _, to := range []format{formatPNG, formatJPEG} {
				checkRamp(t, mustShow(t, r, p.file(t), to), 24, 16, 1, tolerance, shrunk(2))
			}
		})
	}
	for name, p := range map[string]tiffPicture{
		"inks":            {photometric: 5, samples: 4, bits: 8, at: inks(255)},
		"inks, 16 bits":   {photometric: 5, samples: 4, bits: 16, at: inks(65535)},
		"inks in planes":  {photometric: 5, samples: 4, bits: 8, planes: true, tile: 16, at: inks(255)},
		"inks and a spot": {photometric: 5, samples: 5, bits: 8, more: []tiffTag{shorts(338, 0)}, at: func(x, y, c int) float64 { return inks(255)(x, y, c%4) }},
	} {
		t.Run(name, func(t *testing.T) {
			checkRamp(t, mustShow(t, r, p.file(t), formatPNG), 24, 16, 0.8, 6, shrunk(2))
		})
	}
}

// grayTIFFs are pictures whose value at (x, y) is 60 + 2x + y of 255.
func grayTIFFs() map[string]tiffPicture {
	at := func(low, full float64) func(x, y, c int) float64 {
		return func(x, y, c int) float64 {
			if c > 0 {
				return full // opacity
			}
			return low + (60+2*float64(x)+float64(y))*full/255
		}
	}
	gray := tiffPicture{photometric: 1, samples: 1, bits: 8, at: at(0, 255)}
	of := func(change func(*tiffPicture)) tiffPicture { p := gray; change(&p); return p }
	// Every value from 0 on must appear where the picture's own range counts: a corner at each end.
	corners := func(low, high float64) func(x, y, c int) float64 {
		return func(x, y, c int) float64 {
			switch {
			case x == 0 && y == 0:
				return low
			case x == 47 && y == 31:
				return high
			}
			return at(low, high-low)(x, y, c)
		}
	}
	return map[string]tiffPicture{
		"2 bits": of(func(p *tiffPicture) { p.bits, p.at = 2, at(0.5, 3) }),
		"4 bits": of(func(p *tiffPicture) { p.bits, p.at = 4, at(0.5, 15) }),
		"4 bits, white is 0": of(func(p *tiffPicture) {
			p.bits, p.photometric = 4, 0
			p.at = func(x, y, c int) float64 { return 15 - math.Floor(at(0.5, 15)(x, y, c)) }
		}),
		"10 bits, deflate": of(func(p *tiffPicture) { p.bits, p.deflate, p.at = 10, true, at(0, 1023) }),
		"16 bits":          of(func(p *tiffPicture) { p.bits, p.at = 16, at(0, 65535) }),
		"16 bits, opacity": of(func(p *tiffPicture) { p.bits, p.samples, p.at, p.more = 16, 2, at(0, 65535), []tiffTag{shorts(338, 2)} }),
		"a channel more":   of(func(p *tiffPicture) { p.samples, p.more = 2, []tiffTag{shorts(338, 0)} }),
		"signed":           of(func(p *tiffPicture) { p.bits, p.at, p.more = 16, at(0, 32767), []tiffTag{shorts(339, 2)} }),
		"below 0":          of(func(p *tiffPicture) { p.bits, p.at, p.more = 16, corners(-3000, 9000), []tiffTag{shorts(339, 2)} }),
		"32 bits":          of(func(p *tiffPicture) { p.bits, p.at = 32, at(0, 65535) }),
		"float":            of(func(p *tiffPicture) { p.float, p.bits, p.at = true, 32, at(0, 1) }),
		"float to 255":     of(func(p *tiffPicture) { p.float, p.bits, p.order, p.at = true, 32, binary.BigEndian, at(0, 255) }),
		"double":           of(func(p *tiffPicture) { p.float, p.bits, p.deflate, p.at = true, 64, true, corners(-0.5, 1e6) }),
		"range named": of(func(p *tiffPicture) {
			p.float, p.bits, p.at, p.more = true, 32, at(100, 900), []tiffTag{{340, asFloat, []float64{100}}, {341, asFloat, []float64{1000}}}
		}),
		"white is 0": of(func(p *tiffPicture) {
			p.float, p.bits, p.photometric = true, 32, 0
			p.at = func(x, y, c int) float64 { return 1 - at(0, 1)(x, y, c) }
		}),
	}
}

func TestGrayTIFF(t *testing.T) {
	r := withLibtiff(t, defaults)
	for name, p := range grayTIFFs() {
		t.Run(name, func(t *testing.T) {
			tolerance := 3.0
			if p.bits < 8 {
				tolerance = 160 / float64(int(1)<<p.bits-1)
			}
			got := mustShow(t, r, p.file(t), formatPNG)
			for y := 4; y < 12; y++ {
				for x := 4; x < 20; x++ {
					c := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
					want := 60 + 2*(2*float64(x)+0.5) + 2*float64(y) + 0.5
					if math.Abs(float64(c.R)-want) > tolerance || c.R != c.G || c.G != c.B || c.A != 255 {
						t.Fatalf("(%d, %d) is %v, want %.1f", x, y, c, want)
					}
				}
			}
		})
	}
}

func TestPaletteTIFF(t *testing.T) {
	r := withLibtiff(t, defaults)
	colours := [4][3]float64{{250, 10, 20}, {30, 240, 50}, {60, 70, 230}, {200, 210, 220}}
	at := func(x, y, c int) float64 {
		if c == 1 {
			return 255 // opacity
		}
		return float64(x/24 + 2*(y/16))
	}
	mapOf := func(bits int, factor float64) tiffTag {
		values := make([]float64, 3<<bits)
		for i, c := range colours {
			for k := range c {
				values[k<<bits+i] = c[k] * factor
			}
		}
		return shorts(320, values...)
	}
	for name, p := range map[string]tiffPicture{
		"2 bits":        {photometric: 3, bits: 2, at: at, more: []tiffTag{mapOf(2, 257)}},
		"4 bits":        {photometric: 3, bits: 4, at: at, more: []tiffTag{mapOf(4, 257)}},
		"8 bits":        {photometric: 3, bits: 8, at: at, more: []tiffTag{mapOf(8, 257)}},
		"dark":          {photometric: 3, bits: 8, at: at, more: []tiffTag{mapOf(8, 1)}},
		"with opacity":  {photometric: 3, bits: 8, samples: 2, at: at, more: []tiffTag{mapOf(8, 257), shorts(338, 2)}},
		"order of bits": {photometric: 3, bits: 8, reversed: true, at: at, more: []tiffTag{mapOf(8, 257)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustShow(t, r, p.file(t), formatPNG)
			for i, c := range colours {
				checkColor(t, got, 6+12*(i%2), 4+8*(i/2), color.NRGBA{byte(c[0]), byte(c[1]), byte(c[2]), 255}, 1)
			}
		})
	}
}

func TestTIFFOpacity(t *testing.T) {
	r := withLibtiff(t, defaults)
	for kind, want := range map[float64]color.NRGBA{1: {200, 100, 50, 128}, 2: {100, 50, 25, 128}} {
		p := tiffPicture{photometric: 2, samples: 4, bits: 8, planes: true, more: []tiffTag{shorts(338, kind)}, at: func(_, _, c int) float64 {
			return []float64{100, 50, 25, 128}[c]
		}}
		checkColor(t, mustShow(t, r, p.file(t), formatPNG), 12, 8, want, 2)
	}
}

// TestFaxOfEitherKind has Go's decoder and libtiff beside each other: the first takes white for black in one of the kinds.
func TestFaxOfEitherKind(t *testing.T) {
	r := withLibtiff(t, defaults)
	for _, name := range []string{"fax-black-is-0.tif", "fax-white-is-0.tif"} {
		got := mustShow(t, r, fixture(t, name), formatPNG)
		checkColor(t, got, 4, 8, color.NRGBA{0, 0, 0, 255}, 0)
		checkColor(t, got, 20, 8, color.NRGBA{255, 255, 255, 255}, 0)
	}
}

func TestTIFFOrientationThroughLibtiff(t *testing.T) {
	r := withLibtiff(t, defaults)
	rgb := tiffPicture{photometric: 2, samples: 3, bits: 8, planes: true, at: rampAt(255)}
	other := tiffPicture{photometric: 6, samples: 3, bits: 8, at: ycc, more: []tiffTag{shorts(530, 1, 1)}}
	for o := 1; o <= 8; o++ {
		for name, p := range map[string]tiffPicture{"planes": rgb, "YCbCr": other} {
			p.more = append(p.more[:len(p.more):len(p.more)], tiffTag{274, asLong, []float64{float64(o)}})
			shownW, shownH := 48.0, 32.0
			if meta.Orientation(o).Swap() {
				shownW, shownH = shownH, shownW
			}
			t.Run(name, func(t *testing.T) {
				checkRamp(t, mustShow(t, r, p.file(t), formatPNG), int(shownW/2), int(shownH/2), 1, 5, func(x, y float64) (float64, float64) {
					sx, sy := stored(o, x*2, y*2, 48, 32)
					return sx - 0.5, sy - 0.5
				})
			})
		}
	}
}

// TestTIFFWithoutLibtiff refuses what it would take for another picture, and says what it lacks.
func TestTIFFWithoutLibtiff(t *testing.T) {
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"fax": fixture(t, "fax-black-is-0.tif")}
	for name, p := range colourTIFFs() {
		files[name] = p.file(t)
	}
	for name, p := range grayTIFFs() {
		if name != "16 bits" {
			files["grey, "+name] = p.file(t)
		}
	}
	for name, data := range files {
		if _, err := r.thumbnail(t, data, formatJPEG); err == nil || !strings.Contains(err.Error(), "that takes libtiff") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// What Go's decoder knows needs no library.
	for name, p := range map[string]tiffPicture{
		"strips":  {photometric: 2, samples: 3, bits: 8, at: rampAt(255)},
		"16 bits": {photometric: 2, samples: 3, bits: 16, order: binary.BigEndian, deflate: true, at: rampAt(65535)},
		"tiles":   {photometric: 2, samples: 3, bits: 8, tile: 16, deflate: true, at: rampAt(255)},
		"opacity": {photometric: 2, samples: 4, bits: 8, at: fourth(255), more: []tiffTag{shorts(338, 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			checkRamp(t, mustShow(t, r, p.file(t), formatPNG), 24, 16, 1, 5, shrunk(2))
		})
	}
	checkColor(t, mustShow(t, r, fixture(t, "fax-white-is-0.tif"), formatPNG), 4, 8, color.NRGBA{0, 0, 0, 255}, 0)
}

func TestTIFFRefused(t *testing.T) {
	r := withLibtiff(t, defaults)
	rgb := tiffPicture{photometric: 2, samples: 3, bits: 8, planes: true, at: rampAt(255)}
	of := func(change func(*tiffPicture)) []byte { p := rgb; change(&p); return p.file(t) }
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"unknown planes", of(func(p *tiffPicture) { p.more = []tiffTag{shorts(284, 3)} }), "PlanarConfiguration (tag 284) is 3, which is not known"},
		{"unknown compression", of(func(p *tiffPicture) { p.compression = 1234 }), "1234"},
		{"unknown colours", of(func(p *tiffPicture) { p.photometric = 32803 }), "PhotometricInterpretation (tag 262) is 32803"},
		{"complex numbers", of(func(p *tiffPicture) { p.more = []tiffTag{p.whole(339, 6)} }), "SampleFormat (tag 339) is 6"},
		{"24 bits", of(func(p *tiffPicture) { p.bits = 24 }), "numbers of an unknown kind"},
		{"huge tile", of(func(p *tiffPicture) {
			p.more = []tiffTag{{322, asLong, []float64{1 << 30}}, {323, asLong, []float64{1 << 30}}}
		}), "--max-pixels"},
		{"huge strip", of(func(p *tiffPicture) {
			p.planes, p.samples = false, 64
			p.at = fourth(0)
			p.more = []tiffTag{{256, asLong, []float64{1 << 14}}, {257, asLong, []float64{1 << 10}}, {278, asLong, []float64{1 << 10}}}
		}), "--max-pixels"},
		{"JPEG that ends", of(func(p *tiffPicture) {
			p.photometric, p.compression, p.strip, p.planes, p.more = 6, 7, 16, false, []tiffTag{shorts(530, 2, 2)}
			p.block = func(rows []byte) []byte { b := asJPEG(rows); return b[:len(b)-12] }
		}), "Premature end of JPEG file"},
		{"deflate that ends", of(func(p *tiffPicture) {
			p.compression, p.block = 8, func([]byte) []byte { return []byte{0x78, 0x9c, 1, 2, 3} }
		}), "TIFF picture is broken"},
	} {
		if _, err := r.thumbnail(t, c.data, formatPNG); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	for name, p := range colourTIFFs() {
		data := p.file(t)
		for _, cut := range []int{9, len(data) / 4, len(data) / 2, len(data) - 30} {
			if _, err := r.thumbnail(t, data[:cut], formatPNG); err == nil {
				t.Errorf("%s: %d of %d bytes made a picture", name, cut, len(data))
			}
		}
	}
}

// TestLibtiffThatIsNone checks that a machine whose libtiff is no good says so, and does without.
func TestLibtiffThatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libtiff.so")
	if err := os.WriteFile(path, []byte("no library"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KAGURAZAKA_LIBTIFF", path)
	r, err := New(defaults)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	how, why := r.Describe()
	if !strings.Contains(how, "TIFF in Go alone") || why == nil || !strings.Contains(why.Error(), path) {
		t.Errorf("%q, %v", how, why)
	}
	checkRamp(t, mustShow(t, r, fixture(t, "lzw.tif"), formatPNG), 24, 16, 1, 5, shrunk(2))
}
