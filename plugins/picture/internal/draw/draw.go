// Package draw makes detailed pictures from numbers: a different one for each number.
package draw

import (
	"image"
	"math/rand/v2"
)

// Picture draws the picture of a seed and a number, w by h pixels, both at least 1. The kind of picture depends on the
// number. The rest is random, from both.
func Picture(seed, number uint64, w, h int) *image.YCbCr {
	r := rand.New(rand.NewPCG(seed, number))
	kind := kinds[number%uint64(len(kinds))]
	// Shapes have half the resolution and are interpolated. The grain over them has the full resolution.
	shape := newField(w/2+2, h/2+2)
	kind(r, shape)
	shape.stretch()
	return develop(r, shape, w, h)
}

// field is a grid of heights between 0 and 1, or anything before stretch.
type field struct {
	w, h int
	v    []float32
}

func newField(w, h int) *field { return &field{w, h, make([]float32, w*h)} }

func (f *field) row(y int) []float32 { return f.v[y*f.w:][:f.w] }

// stretch makes the heights use the whole range.
func (f *field) stretch() {
	lo, hi := f.v[0], f.v[0]
	for _, v := range f.v {
		lo, hi = min(lo, v), max(hi, v)
	}
	if hi == lo {
		hi = lo + 1
	}
	scale := 1 / (hi - lo)
	for i, v := range f.v {
		f.v[i] = (v - lo) * scale
	}
}

// equalise makes all heights equally frequent. Otherwise the edge of a fractal, which has the details, would have one shade.
func (f *field) equalise() {
	f.stretch()
	const bins = 8192
	var count [bins + 1]int
	for _, v := range f.v {
		count[int(v*(bins-1))+1]++
	}
	var rank [bins + 1]float32
	below := 0
	for i, n := range &count {
		below += n
		rank[i] = float32(below) / float32(len(f.v))
	}
	for i, v := range f.v {
		bin := int(v * (bins - 1))
		within := v*(bins-1) - float32(bin)
		f.v[i] = rank[bin] + (rank[bin+1]-rank[bin])*within
	}
}

// steps is the number of shades of a palette. Heights are in sixteenths of a step, for interpolation.
const steps = 1024

// develop turns heights into colours by a palette, and grain into light.
func develop(r *rand.Rand, shape *field, w, h int) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	shades := newPalette(r)
	grain := newGrain(r)
	height := make([]int32, shape.w*shape.h)
	for i, v := range shape.v {
		height[i] = int32(v * (steps - 1) * 16)
	}
	for y := range h {
		above := height[y/2*shape.w:][:shape.w]
		below := height[(y/2+y%2)*shape.w:][:shape.w]
		grainRow := grain.row(r, w)
		luma := m.Y[y*m.YStride:][:w]
		for x := range luma {
			at := x / 2
			v := above[at] + below[at+x%2]
			luma[x] = bounded(int32(shades[v>>5].y) + int32(grainRow[x]))
		}
		if y%2 == 0 {
			cb, cr := m.Cb[y/2*m.CStride:][:(w+1)/2], m.Cr[y/2*m.CStride:][:(w+1)/2]
			for x := range cb {
				shade := shades[above[x]>>4]
				cb[x], cr[x] = shade.cb, shade.cr
			}
		}
	}
	return m
}

func bounded(v int32) uint8 { return uint8(max(0, min(255, v))) }

// grain is a table of noise. Each row of a picture uses a part of it.
type grain []int8

func newGrain(r *rand.Rand) grain {
	g := make(grain, 1<<15)
	strength := 1 + r.IntN(4)
	soft := 0
	for i := range g {
		soft += r.IntN(2*strength+1) - strength
		soft -= soft / 4
		g[i] = int8(max(-60, min(60, soft)))
	}
	return g
}

func (g grain) row(r *rand.Rand, w int) grain {
	if w >= len(g) {
		longer := make(grain, 0, w+len(g))
		for len(longer) < w {
			longer = append(longer, g...)
		}
		return longer[:w]
	}
	return g[r.IntN(len(g)-w):][:w]
}
