package resample

import "slices"

// Plane is one channel of a picture: H rows of W samples, Stride bytes apart.
type Plane struct {
	Pix    []byte
	Stride int
	W, H   int
}

// Row returns the samples of row y.
func (p Plane) Row(y int) []byte { return p.Pix[y*p.Stride:][:p.W] }

// Resize makes p a plane of w by h samples, not initialised, and reuses its memory.
func (p *Plane) Resize(w, h int) {
	p.Pix = slices.Grow(p.Pix[:0], w*h)[:w*h]
	p.Stride, p.W, p.H = w, w, h
}

// Extend makes p a copy of src, extended to w columns and h rows by repeating its last ones.
func (p *Plane) Extend(src Plane, w, h int) {
	p.Resize(w, h)
	for y := range h {
		row := p.Row(y)
		n := copy(row, src.Row(min(y, src.H-1)))
		for x := n; x < w; x++ {
			row[x] = row[n-1]
		}
	}
}
