package thumb

import (
	"image"
	"image/color"
)

// rowReader reads row y of a picture into samples: red, green and blue, multiplied by the opacity, and the opacity. a is
// nil for a picture without transparent parts.
type rowReader func(y int, r, g, b, a []byte)

// opaque reports whether a picture has no transparent parts.
func opaque(img image.Image) bool {
	o, ok := img.(interface{ Opaque() bool })
	return ok && o.Opaque()
}

// readerOf returns the reader for a picture. The decoders' types have their own loops, because At is slower than the
// resizing.
func readerOf(img image.Image) rowReader {
	at := img.Bounds().Min
	switch m := img.(type) {
	case *image.RGBA:
		return func(y int, r, g, b, a []byte) { readRGBA(m.Pix[m.PixOffset(at.X, at.Y+y):], r, g, b, a) }
	case *image.NRGBA:
		return func(y int, r, g, b, a []byte) { readNRGBA(m.Pix[m.PixOffset(at.X, at.Y+y):], r, g, b, a) }
	case *image.RGBA64:
		return func(y int, r, g, b, a []byte) { readRGBA64(m.Pix[m.PixOffset(at.X, at.Y+y):], r, g, b, a) }
	case *image.NRGBA64:
		return func(y int, r, g, b, a []byte) { readNRGBA64(m.Pix[m.PixOffset(at.X, at.Y+y):], r, g, b, a) }
	case *image.Paletted:
		return palettedReader(m)
	case *image.CMYK:
		return func(y int, r, g, b, _ []byte) { readInks(m.Pix[m.PixOffset(at.X, at.Y+y):], r, g, b, false) }
	case *image.YCbCr:
		return func(y int, r, g, b, _ []byte) { readYCbCr(m, y, r, g, b) }
	}
	return func(y int, r, g, b, a []byte) {
		for x := range r {
			red, green, blue, alpha := img.At(at.X+x, at.Y+y).RGBA()
			r[x], g[x], b[x] = narrow(red), narrow(green), narrow(blue)
			if a != nil {
				a[x] = narrow(alpha)
			}
		}
	}
}

// narrow rounds a sample of 16 bits to 8.
func narrow(v uint32) uint8 { return uint8((v*255 + 32895) >> 16) }

// scale8 returns v*a/255, rounded.
func scale8(v, a uint8) uint8 {
	p := uint32(v)*uint32(a) + 128
	return uint8((p + p>>8) >> 8)
}

func readRGBA(pix []byte, r, g, b, a []byte) {
	for x := range r {
		p := pix[4*x : 4*x+4 : 4*x+4]
		r[x], g[x], b[x] = p[0], p[1], p[2]
		if a != nil {
			a[x] = p[3]
		}
	}
}

func readNRGBA(pix []byte, r, g, b, a []byte) {
	if a == nil {
		readRGBA(pix, r, g, b, nil)
		return
	}
	for x := range r {
		p := pix[4*x : 4*x+4 : 4*x+4]
		a[x] = p[3]
		r[x], g[x], b[x] = scale8(p[0], p[3]), scale8(p[1], p[3]), scale8(p[2], p[3])
	}
}

// wide reads sample i of 16 bits.
func wide(p []byte, i int) uint32 { return uint32(p[2*i])<<8 | uint32(p[2*i+1]) }

func readRGBA64(pix []byte, r, g, b, a []byte) {
	for x := range r {
		p := pix[8*x : 8*x+8 : 8*x+8]
		r[x], g[x], b[x] = narrow(wide(p, 0)), narrow(wide(p, 1)), narrow(wide(p, 2))
		if a != nil {
			a[x] = narrow(wide(p, 3))
		}
	}
}

func readNRGBA64(pix []byte, r, g, b, a []byte) {
	if a == nil {
		readRGBA64(pix, r, g, b, nil)
		return
	}
	for x := range r {
		p := pix[8*x : 8*x+8 : 8*x+8]
		alpha := wide(p, 3)
		a[x] = narrow(alpha)
		r[x], g[x], b[x] = narrow(wide(p, 0)*alpha/65535), narrow(wide(p, 1)*alpha/65535), narrow(wide(p, 2)*alpha/65535)
	}
}

func palettedReader(m *image.Paletted) rowReader {
	var table [256]color.RGBA // an index beyond the palette is transparent black
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		table[i] = color.RGBAModel.Convert(c).(color.RGBA)
	}
	return func(y int, r, g, b, a []byte) {
		pix := m.Pix[y*m.Stride:]
		for x := range r {
			c := table[pix[x]]
			r[x], g[x], b[x] = c.R, c.G, c.B
			if a != nil {
				a[x] = c.A
			}
		}
	}
}

// readInks reads pixels of four inks. Adobe's programs store them inverted: 255 is no ink.
func readInks(pix []byte, r, g, b []byte, inverted bool) {
	flip := uint8(255)
	if inverted {
		flip = 0
	}
	for x := range r {
		p := pix[4*x : 4*x+4 : 4*x+4]
		light := p[3] ^ flip
		r[x], g[x], b[x] = scale8(p[0]^flip, light), scale8(p[1]^flip, light), scale8(p[2]^flip, light)
	}
}

func readYCbCr(m *image.YCbCr, y int, r, g, b []byte) {
	at := m.Rect.Min
	for x := range r {
		c := m.COffset(at.X+x, at.Y+y)
		r[x], g[x], b[x] = color.YCbCrToRGB(m.Y[m.YOffset(at.X+x, at.Y+y)], m.Cb[c], m.Cr[c])
	}
}

// onBackground wraps a reader and puts a colour under the transparent parts.
func onBackground(read rowReader, w int, under color.RGBA) rowReader {
	alpha := make([]byte, w)
	return func(y int, r, g, b, _ []byte) {
		read(y, r, g, b, alpha)
		for x, a := range alpha {
			if a != 255 {
				r[x] += scale8(under.R, 255-a)
				g[x] += scale8(under.G, 255-a)
				b[x] += scale8(under.B, 255-a)
			}
		}
	}
}
