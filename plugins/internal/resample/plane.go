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

// Resize makes p a plane of w by h samples that are not initialised, in the memory it has where that is large enough.
func (p *Plane) Resize(w, h int) {
	p.Pix = grow(p.Pix, w*h)
	p.Stride, p.W, p.H = w, w, h
}

func grow(b []byte, n int) []byte {
	return slices.Grow(b[:0], n)[:n]
}

// Extend makes p a copy of src with w columns and h rows, at least as many as src has, by repeating its last ones.
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
