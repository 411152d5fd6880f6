package thumb

import (
	"image"
	"image/color"
	"testing"

	"github.com/kagurazaka/kagurazaka/plugins/internal/turbo"
)

// inputs are pictures of the ramp, 48 x 32, in every format that is read.
func inputs(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	for _, name := range []string{
		"baseline-444.jpg", "baseline-422.jpg", "progressive.jpg", "rgb.jpg", "lossy.webp", "lossless.webp", "lzw.tif", "palette.png",
	} {
		all[name] = fixture(t, name)
	}
	m := rampImage(48, 32)
	deep := image.NewNRGBA64(m.Rect)
	for y := range 32 {
		for x := range 48 {
			deep.Set(x, y, m.At(x, y))
		}
	}
	all["baseline-420.jpg"] = encodeJPEG(t, m, 95)
	all["8 bit.png"], all["16 bit.png"] = encodePNG(t, m), encodePNG(t, deep)
	all["plain.bmp"], all["deflate.tif"] = encodeBMP(t, m), encodeTIFF(t, m)
	return all
}

func TestEveryFormatIn(t *testing.T) {
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for name, data := range inputs(t) {
			for _, to := range []format{formatJPEG, formatPNG} {
				t.Run(name+" to "+string(to), func(t *testing.T) {
					tolerance := 5.0
					if name == "palette.png" {
						tolerance = 14 // 64 colours
					}
					checkRamp(t, mustShow(t, r, data, to), 24, 16, 1, tolerance, shrunk(2))
				})
			}
		}
	})
}

func TestEveryFormatOut(t *testing.T) {
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for to, tolerance := range map[format]float64{formatJPEG: 5, formatPNG: 5, formatTIFF: 5, formatBMP: 5, formatGIF: 60} {
			t.Run(string(to), func(t *testing.T) {
				checkRamp(t, mustShow(t, r, fixture(t, "baseline-444.jpg"), to), 24, 16, 1, tolerance, shrunk(2))
			})
		}
	})
}

func TestInks(t *testing.T) {
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for _, name := range []string{"cmyk.jpg", "ycck.jpg"} {
			for _, to := range []format{formatJPEG, formatPNG} {
				t.Run(name+" to "+string(to), func(t *testing.T) {
					checkRamp(t, mustShow(t, r, fixture(t, name), to), 24, 16, 0.8, 6, shrunk(2))
				})
			}
		}
	})
}

func TestGrayStaysGray(t *testing.T) {
	deep := image.NewGray16(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			deep.SetGray16(x, y, color.Gray16{uint16(x*1000 + y*500)})
		}
	}
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		for _, to := range []format{formatJPEG, formatPNG} {
			if _, ok := mustShow(t, r, fixture(t, "gray.jpg"), to).(*image.Gray); !ok {
				t.Errorf("gray.jpg to %s is not grey", to)
			}
			got, ok := mustShow(t, r, encodePNG(t, deep), to).(*image.Gray)
			if !ok {
				t.Fatalf("a grey PNG of 16 bits to %s is not grey", to)
			}
			if v, want := int(got.GrayAt(12, 8).Y), (24500+8250)/257; v < want-2 || v > want+2 {
				t.Errorf("a grey PNG of 16 bits to %s: %d in the middle, want %d", to, v, want)
			}
		}
	})
}

func TestColourLayouts(t *testing.T) {
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		if r.library == nil {
			return // only the library writes these
		}
		std, err := newStd(defaults)
		if err != nil {
			t.Fatal(err)
		}
		for name, sub := range map[string]turbo.Subsampling{
			"4:4:4": turbo.Sub444, "4:2:2": turbo.Sub422, "4:2:0": turbo.Sub420, "4:4:0": turbo.Sub440, "4:1:1": turbo.Sub411,
		} {
			data := turboJPEG(t, r, sub, 48, 32)
			for path, r := range map[string]*Resizer{"turbo": r, "std": std} {
				for _, to := range []format{formatJPEG, formatPNG} {
					t.Run(name+" "+path+" to "+string(to), func(t *testing.T) {
						checkRamp(t, mustShow(t, r, data, to), 24, 16, 1, 7, shrunk(2))
					})
				}
			}
		}
	})
}

// TestReducedDecoding covers every size that JPEGs are decoded at, with sides that are not whole blocks.
func TestReducedDecoding(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 403, 301))
	at := func(x, y float64) (float64, float64) { return x / 9, y / 9 }
	for y := range 301 {
		for x := range 403 {
			c := ramp(at(float64(x), float64(y)))
			m.SetNRGBA(x, y, color.NRGBA{byte(c[0] + 0.5), byte(c[1] + 0.5), byte(c[2] + 0.5), 255})
		}
	}
	data := encodeJPEG(t, m, 98)
	for _, size := range []int{20, 24, 40, 50, 64, 100, 101, 150, 201, 300, 402, 403} {
		o := defaults
		o.Size = size
		paths(t, o, func(t *testing.T, r *Resizer) {
			w, h := fit(403, 301, size, false)
			for _, to := range []format{formatJPEG, formatPNG} {
				checkRamp(t, mustShow(t, r, data, to), w, h, 1, 5, func(x, y float64) (float64, float64) {
					return at(x*403/float64(w)-0.5, y*301/float64(h)-0.5)
				})
			}
		})
	}
}

func TestGIFShowsItsFirstPictureOnTheCanvas(t *testing.T) {
	data := twoColours(t, 48, 32, image.Rect(24, 0, 48, 32), image.Rect(0, 0, 48, 32))
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	got := mustShow(t, r, data, formatPNG)
	checkColor(t, got, 4, 8, color.NRGBA{0, 0, 0, 0}, 0)
	checkColor(t, got, 20, 8, color.NRGBA{0, 0, 255, 255}, 0)
	checkColor(t, mustShow(t, r, data, formatJPEG), 4, 8, color.NRGBA{255, 0, 0, 255}, 5)
}

func checkColor(t *testing.T, m image.Image, x, y int, want color.NRGBA, tolerance int) {
	t.Helper()
	got := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
	for i, pair := range [][2]uint8{{got.R, want.R}, {got.G, want.G}, {got.B, want.B}, {got.A, want.A}} {
		if d := int(pair[0]) - int(pair[1]); d > tolerance || d < -tolerance {
			t.Errorf("(%d, %d) is %v, want %v (channel %d)", x, y, got, want, i)
			return
		}
	}
}

func TestAlpha(t *testing.T) {
	m := rampImage(48, 32)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = byte(255 - i/4%48*5)
	}
	colours := color.Palette{color.NRGBA{0, 0, 0, 0}, color.NRGBA{0, 0, 200, 255}}
	holes := image.NewPaletted(image.Rect(0, 0, 48, 32), colours)
	for i := range holes.Pix {
		holes.Pix[i] = byte(i / 24 % 2)
	}
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	// Column 12 of the thumbnail lies between columns 24 and 25.
	opacity := 255 - 24.5*5
	for _, to := range []format{formatPNG, formatTIFF} {
		got := mustShow(t, r, encodePNG(t, m), to)
		want := ramp(24.5, 16.5)
		checkColor(t, got, 12, 8, color.NRGBA{byte(want[0]), byte(want[1]), byte(want[2]), byte(opacity)}, 3)
	}
	want := ramp(24.5, 16.5)
	over := func(v, under float64) byte { return byte((v*opacity + under*(255-opacity)) / 255) }
	for _, to := range []format{formatJPEG, formatBMP} {
		got := mustShow(t, r, encodePNG(t, m), to)
		checkColor(t, got, 12, 8, color.NRGBA{over(want[0], 255), over(want[1], 0), over(want[2], 0), 255}, 6)
		got = mustShow(t, r, encodePNG(t, holes), to)
		checkColor(t, got, 4, 8, color.NRGBA{255, 0, 0, 255}, 6)
		checkColor(t, got, 20, 8, color.NRGBA{0, 0, 200, 255}, 6)
	}
	got := mustShow(t, r, fixture(t, "alpha.webp"), formatPNG)
	checkColor(t, got, 12, 8, color.NRGBA{byte(want[0]), byte(want[1]), byte(want[2]), 255 - 98}, 5)
}
