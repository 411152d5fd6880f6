package bmp

import (
	"errors"
	"image"
)

var (
	errPixels = errors.New("the file ends before its last pixel")
	errIndex  = errors.New("a pixel has a colour that the palette lacks")
)

// Decode decodes a picture.
func Decode(data []byte) (image.Image, error) {
	h, err := ReadHeader(data)
	if err != nil {
		return nil, err
	}
	size := image.Rect(0, 0, h.Width, h.Height)
	row := (int64(h.Width)*int64(h.bits) + 31) / 32 * 4
	if h.compression == plain || h.compression == bitFields || h.compression == alphaBitFields {
		// The last row may lack its padding.
		if row*int64(h.Height-1)+(int64(h.Width)*int64(h.bits)+7)/8 > int64(len(h.pixels)) {
			return nil, errPixels
		}
	}
	switch {
	case h.compression == rle24:
		m := image.NewRGBA(size)
		return m, h.unpack(3, func(x, y int, c []byte) error {
			copy(m.Pix[m.PixOffset(x, y):], []byte{c[2], c[1], c[0]})
			return nil
		}, m.Pix)
	case h.compression == rle4, h.compression == rle8:
		m := image.NewPaletted(size, h.palette)
		return m, h.unpack(1, func(x, y int, c []byte) error {
			if int(c[0]) >= len(h.palette) {
				return errIndex
			}
			m.Pix[m.PixOffset(x, y)] = c[0]
			return nil
		}, nil)
	case h.bits <= 8:
		m := image.NewPaletted(size, h.palette)
		return m, h.readPaletted(m, row)
	}
	m := image.NewNRGBA(size)
	h.readColours(m, row)
	return m, nil
}

// y returns the line of the picture for line i of the file.
func (h *Header) y(i int) int {
	if h.topDown {
		return i
	}
	return h.Height - 1 - i
}

func (h *Header) readPaletted(m *image.Paletted, row int64) error {
	mask := byte(1<<h.bits - 1)
	for i := range h.Height {
		in, out := h.pixels[int64(i)*row:], m.Pix[h.y(i)*m.Stride:]
		for x := range h.Width {
			at := x * h.bits
			v := in[at/8] >> (8 - h.bits - at%8) & mask
			if int(v) >= len(h.palette) {
				return errIndex
			}
			out[x] = v
		}
	}
	return nil
}

func (h *Header) readColours(m *image.NRGBA, row int64) {
	hidden := true
	for i := range h.Height {
		in, out := h.pixels[int64(i)*row:], m.Pix[h.y(i)*m.Stride:]
		for x := range h.Width {
			p := out[4*x : 4*x+4 : 4*x+4]
			if h.bits == 24 {
				p[0], p[1], p[2], p[3] = in[3*x+2], in[3*x+1], in[3*x], 255
				continue
			}
			v := uint32(le.Uint16(in[x*h.bits/8:]))
			if h.bits == 32 {
				v = le.Uint32(in[4*x:])
			}
			p[0], p[1], p[2], p[3] = h.fields[0].of(v), h.fields[1].of(v), h.fields[2].of(v), h.fields[3].of(v)
			hidden = hidden && p[3] == 0
		}
	}
	if h.bits == 24 || !hidden {
		return
	}
	// The picture has no opacity, or the program left it empty.
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
}

// unpack reads runs of pixels of n bytes, or of four bits. Skipped pixels keep colour 0, which is opaque in pix.
func (h *Header) unpack(n int, put func(x, y int, c []byte) error, pix []byte) error {
	for i := 3; i < len(pix); i += 4 {
		pix[i] = 255
	}
	in, x, line := h.pixels, 0, 0
	set := func(c []byte) error {
		if x >= h.Width {
			return nil // padding
		}
		x++
		return put(x-1, h.y(line), c)
	}
	nibbles := h.compression == rle4
	// sample returns pixel i of b.
	var one [1]byte
	sample := func(b []byte, i int) []byte {
		if !nibbles {
			return b[i*n : i*n+n]
		}
		one[0] = b[i/2] >> (4 - 4*(i%2)) & 15
		return one[:]
	}
	const endLine, endPicture, move = 0, 1, 2
	for line < h.Height {
		if len(in) < 2 {
			if line == h.Height-1 && x == h.Width {
				return nil // complete, without the mark at the end
			}
			return errPixels
		}
		count, code := int(in[0]), int(in[1])
		in = in[1:]
		if count > 0 { // a run of one pixel, or of two pixels of four bits
			if len(in) < n {
				return errPixels
			}
			for i := range count {
				if !nibbles {
					i = 0
				}
				if err := set(sample(in, i%2)); err != nil {
					return err
				}
			}
			in = in[n:]
			continue
		}
		in = in[1:]
		switch code {
		case endLine:
			line, x = line+1, 0
		case endPicture:
			return nil
		case move:
			if len(in) < 2 {
				return errPixels
			}
			x, line, in = x+int(in[0]), line+int(in[1]), in[2:]
		default: // the number of pixels that follow
			size := code * n
			if nibbles {
				size = (code + 1) / 2
			}
			if len(in) < size {
				return errPixels
			}
			for i := range code {
				if err := set(sample(in, i)); err != nil {
					return err
				}
			}
			in = in[min(len(in), size+size%2):] // padded to an even number
		}
	}
	return nil
}
