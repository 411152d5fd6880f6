package resample

import (
	"bytes"
	"fmt"
	"math"
	"testing"
)

// whole is the span of a whole axis of n samples that becomes out.
func whole(n, out int, mirror bool) Span {
	return Span{Samples: n, Extent: float64(n), Out: out, Scale: float64(n) / float64(out), Mirror: mirror}
}

func axisOf(s Span) *Axis {
	a := new(Axis)
	a.Set(s)
	return a
}

func planeOf(pix []byte, w, h int) Plane { return Plane{Pix: pix, Stride: w, W: w, H: h} }

// exact resizes with the filter's formula in floating point, with nothing rounded in between.
func exact(src Plane, outW, outH int) [][]float64 {
	weights := func(n, out, i int) map[int]float64 {
		scale := float64(n) / float64(out)
		stretch, centre := max(scale, 1), (float64(i)+0.5)*scale-0.5
		w, sum := map[int]float64{}, 0.0
		for k := range n {
			if v := lanczosExact((float64(k) - centre) / stretch); v != 0 {
				w[k] = v
				sum += v
			}
		}
		for k := range w {
			w[k] /= sum
		}
		return w
	}
	rows := make([][]float64, outH)
	for i := range rows {
		rows[i] = make([]float64, src.W)
		for k, w := range weights(src.H, outH, i) {
			for x, v := range src.Row(k) {
				rows[i][x] += w * float64(v)
			}
		}
	}
	out := make([][]float64, outH)
	for i := range out {
		out[i] = make([]float64, outW)
	}
	for j := range outW {
		for k, w := range weights(src.W, outW, j) {
			for i := range out {
				out[i][j] += w * rows[i][k]
			}
		}
	}
	return out
}

// detailed is a picture with edges, waves of every length and some noise.
func detailed(w, h int) Plane {
	noise := random(uint64(w*h), w*h)
	pix := make([]byte, w*h)
	for y := range h {
		for x := range w {
			v := 128 + 60*math.Sin(float64(x*x)/900) + 40*math.Cos(float64(y*y)/1300+float64(x)/9)
			if (x/23+y/17)%2 == 0 {
				v += 30
			}
			pix[y*w+x] = byte(max(0, min(255, v+float64(noise[y*w+x])/16)))
		}
	}
	return planeOf(pix, w, h)
}

func TestScaleAgainstFormula(t *testing.T) {
	for _, c := range []struct{ w, h, outW, outH int }{
		{640, 480, 256, 192}, {333, 517, 100, 155}, {512, 384, 256, 192}, {800, 600, 79, 59}, {40, 30, 100, 75}, {64, 64, 64, 31}, {50, 40, 1, 1},
	} {
		t.Run(fmt.Sprintf("%dx%d to %dx%d", c.w, c.h, c.outW, c.outH), func(t *testing.T) {
			src := detailed(c.w, c.h)
			var s Scaler
			var got Plane
			s.Scale(&got, src, axisOf(whole(c.w, c.outW, false)), axisOf(whole(c.h, c.outH, false)), false)
			var sum, worst float64
			for y, row := range exact(src, c.outW, c.outH) {
				for x, want := range row {
					d := math.Abs(float64(got.Row(y)[x]) - max(0, min(255, want)))
					sum, worst = sum+d*d, max(worst, d)
				}
			}
			psnr := 10 * math.Log10(255*255*float64(c.outW*c.outH)/max(sum, 1e-9))
			// Two roundings to bytes alone leave 54 dB.
			if psnr < 52 || worst > 4 {
				t.Errorf("%.1f dB from the formula, %.1f at worst", psnr, worst)
			}
		})
	}
}

func TestScaleTurns(t *testing.T) {
	const w, h, outW, outH = 97, 61, 37, 23
	src := detailed(w, h)
	var s Scaler
	var upright Plane
	s.Scale(&upright, src, axisOf(whole(w, outW, false)), axisOf(whole(h, outH, false)), false)
	for _, mirrorX := range []bool{false, true} {
		for _, mirrorY := range []bool{false, true} {
			for _, swap := range []bool{false, true} {
				across, down := axisOf(whole(w, outW, mirrorX)), axisOf(whole(h, outH, mirrorY))
				var got Plane
				s.Scale(&got, src, across, down, swap)
				rows := make([]Plane, 1)
				reads := 0
				s.ScaleRows(rows, across, down, swap, func(y int, row [][]byte) {
					if y != reads {
						t.Fatalf("row %d was asked for as number %d", y, reads)
					}
					reads++
					copy(row[0], src.Row(y))
				})
				if !bytes.Equal(got.Pix, rows[0].Pix) {
					t.Errorf("mirror %v %v, swap %v: reading by rows gives another picture", mirrorX, mirrorY, swap)
				}
				for y := range outH {
					for x := range outW {
						fromX, fromY := x, y
						if mirrorX {
							fromX = outW - 1 - x
						}
						if mirrorY {
							fromY = outH - 1 - y
						}
						at := y*got.Stride + x
						if swap {
							at = x*got.Stride + y
						}
						// Mirrored windows are the same but for the last bit of a coefficient.
						if d := int(got.Pix[at]) - int(upright.Row(fromY)[fromX]); d < -1 || d > 1 {
							t.Fatalf("mirror %v %v, swap %v: (%d, %d) differs by %d", mirrorX, mirrorY, swap, x, y, d)
						}
					}
				}
			}
		}
	}
}

func TestScaleIdentity(t *testing.T) {
	src := detailed(50, 33)
	var s Scaler
	var got, swapped Plane
	across, down := axisOf(whole(50, 50, false)), axisOf(whole(33, 33, false))
	s.Scale(&got, src, across, down, false)
	if !bytes.Equal(got.Pix, src.Pix) {
		t.Error("a picture of the right size was changed")
	}
	s.Scale(&swapped, src, across, down, true)
	if swapped.W != 33 || swapped.H != 50 || swapped.Row(49)[32] != src.Row(32)[49] {
		t.Error("a picture of the right size was not turned")
	}
}

func TestScaleReadsNoPadding(t *testing.T) {
	// 31 columns and 21 rows count; beyond them the decoder's plane has white, which must not shine in.
	const w, h, stride, rows = 31, 21, 40, 24
	pix := bytes.Repeat([]byte{255}, stride*rows)
	for y := range h {
		clear(pix[y*stride:][:w])
	}
	var s Scaler
	var got Plane
	s.Scale(&got, Plane{Pix: pix, Stride: stride, W: w, H: h}, axisOf(whole(w, 10, true)), axisOf(whole(h, 7, false)), false)
	if i := bytes.IndexFunc(got.Pix, func(r rune) bool { return r != 0 }); i >= 0 {
		t.Errorf("sample %d is %d", i, got.Pix[i])
	}
}

func FuzzAxis(f *testing.F) {
	f.Add(uint16(800), uint16(256), false, false)
	f.Add(uint16(1), uint16(65535), true, false)
	f.Add(uint16(65535), uint16(1), false, true)
	f.Add(uint16(7), uint16(5), true, true)
	f.Fuzz(func(t *testing.T, n, out uint16, half, mirror bool) {
		if n == 0 || out == 0 {
			return
		}
		n, out = n%5000+1, out%5000+1
		s := whole(int(n), int(out), mirror)
		if half {
			// The colour plane of a picture with an odd number of pixels, for a result with an odd number.
			s.Extent = float64(n) - 0.5
			s.Scale = s.Extent / (float64(out) - 0.5)
		}
		a := axisOf(s)
		for i := range a.Out() {
			first, coefs := a.window(i)
			if first < 0 || len(coefs) == 0 || first+len(coefs) > int(n) {
				t.Fatalf("window %d is %d samples from %d on, of %d", i, len(coefs), first, n)
			}
			sum := 0
			for _, c := range coefs {
				sum += int(c)
			}
			if sum != coefOne {
				t.Fatalf("window %d: the coefficients sum up to %d, not %d", i, sum, coefOne)
			}
		}
	})
}
