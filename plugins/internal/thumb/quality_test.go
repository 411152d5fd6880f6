package thumb

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"
)

// scene is a picture like a photograph: soft shades, texture of every size, hard edges, a little noise, colours that change.
func scene(w, h int) *image.NRGBA {
	r := rand.New(rand.NewPCG(3, 5))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			fx, fy := float64(x)/float64(w), float64(y)/float64(h)
			v := 120 + 60*math.Sin(5*fx+3*fy) + 25*math.Sin(60*fx*fx+20*fy) + 15*math.Cos(300*fy*fy*fx)
			if math.Hypot(fx-0.5, fy-0.45) < 0.2 {
				v = 230 - v/2
			}
			if (x/40+y/30)%5 == 0 {
				v -= 40
			}
			v += 6 * (r.Float64() - 0.5)
			channel := func(d float64) byte { return byte(max(0, min(255, v+d))) }
			m.SetNRGBA(x, y, color.NRGBA{channel(30 * math.Sin(9*fx)), channel(0), channel(30 * math.Cos(7*fy+4*fx)), 255})
		}
	}
	return m
}

// lanczosOf resizes a picture with the filter's formula, all of it in floating point.
func lanczosOf(m image.Image, outW, outH int) [][][3]float64 {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	kernel := func(n, out, i int) (weights []float64) {
		scale := float64(n) / float64(out)
		centre, sum := (float64(i)+0.5)*scale-0.5, 0.0
		weights = make([]float64, n)
		for k := range weights {
			d := math.Abs(float64(k)-centre) / scale
			switch {
			case d == 0:
				weights[k] = 1
			case d < 3:
				weights[k] = 3 * math.Sin(math.Pi*d) * math.Sin(math.Pi*d/3) / (math.Pi * math.Pi * d * d)
			}
			sum += weights[k]
		}
		for k := range weights {
			weights[k] /= sum
		}
		return weights
	}
	pixels := make([][3]float64, w*h)
	for i := range pixels {
		c := color.NRGBAModel.Convert(m.At(i%w, i/w)).(color.NRGBA)
		pixels[i] = [3]float64{float64(c.R), float64(c.G), float64(c.B)}
	}
	rows := make([][][3]float64, h)
	for y := range rows {
		rows[y] = make([][3]float64, outW)
	}
	for i := range outW {
		for k, weight := range kernel(w, outW, i) {
			if weight == 0 {
				continue
			}
			for y := range h {
				for c, v := range pixels[y*w+k] {
					rows[y][i][c] += weight * v
				}
			}
		}
	}
	out := make([][][3]float64, outH)
	for j := range out {
		out[j] = make([][3]float64, outW)
		for k, weight := range kernel(h, outH, j) {
			if weight == 0 {
				continue
			}
			for i := range outW {
				for c := range 3 {
					out[j][i][c] += weight * rows[k][i][c]
				}
			}
		}
	}
	return out
}

func psnr(got image.Image, want [][][3]float64) float64 {
	sum, n := 0.0, 0
	for y, row := range want {
		for x, w := range row {
			c := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
			for i, v := range []uint8{c.R, c.G, c.B} {
				d := float64(v) - max(0, min(255, w[i]))
				sum, n = sum+d*d, n+1
			}
		}
	}
	return 10 * math.Log10(255*255*float64(n)/sum)
}

// TestQuality holds the distance from a full-size Lanczos resize: with the loss of the JPEG that is written left out, and with it.
func TestQuality(t *testing.T) {
	m := scene(640, 480)
	data := encodeJPEG(t, m, 92)
	full, err := codecs[formatJPEG].decode(&processor{options: defaults}, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		size            int
		lossless, lossy float64 // decibels
	}{
		{320, 52, 42.5}, // decoded at full size
		{160, 51, 40},   // at half size
		{80, 49, 37.5},  // at a quarter
		{40, 46.5, 35},  // at an eighth
		{200, 53, 41}, {75, 50, 37.5},
	} {
		want := lanczosOf(full, c.size, c.size*3/4)
		o := defaults
		o.Size, o.Quality = c.size, 90
		paths(t, o, func(t *testing.T, r *Resizer) {
			lossless, lossy := psnr(mustShow(t, r, data, formatPNG), want), psnr(mustShow(t, r, data, formatJPEG), want)
			t.Logf("%d: PNG %.1f dB, JPEG %.1f dB", c.size, lossless, lossy)
			if lossless < c.lossless || lossy < c.lossy {
				t.Errorf("%d pixels: PNG %.1f dB, JPEG %.1f dB; want at least %.1f and %.1f", c.size, lossless, lossy, c.lossless, c.lossy)
			}
		})
	}
}

func BenchmarkThumbnail(b *testing.B) {
	data := encodeJPEG(b, scene(1280, 960), 90)
	o := defaults
	o.Size, o.Quality = 256, 85
	for name, open := range map[string]func(Options) (*Resizer, error){"turbo": New, "std": newStd} {
		b.Run(name, func(b *testing.B) {
			r, err := open(o)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			if name == "turbo" && r.library == nil {
				b.Skip(r.missing)
			}
			p, err := r.take()
			if err != nil {
				b.Fatal(err)
			}
			defer r.put(p)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.bytes(data, formatJPEG); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
