package bmp

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"
)

// picture is what a test file is made of.
type picture struct {
	header      int // its size
	bits        int
	compression uint32
	topDown     bool
	masks       []uint32
	palette     []color.RGBA
	used        uint32
	shortColour bool // three bytes a colour
	offset      int  // added to where the pixels are
	pixels      []byte
}

func (p picture) file(w, h int) []byte {
	info := make([]byte, p.header)
	le.PutUint32(info, uint32(p.header))
	if p.header == sizeCore {
		le.PutUint16(info[4:], uint16(w))
		le.PutUint16(info[6:], uint16(h))
		le.PutUint16(info[8:], 1)
		le.PutUint16(info[10:], uint16(p.bits))
	} else {
		if p.topDown {
			h = -h
		}
		le.PutUint32(info[4:], uint32(w))
		le.PutUint32(info[8:], uint32(h))
		le.PutUint16(info[12:], 1)
		le.PutUint16(info[14:], uint16(p.bits))
		if p.header >= 20 {
			le.PutUint32(info[16:], p.compression)
		}
		if p.header >= 36 {
			le.PutUint32(info[32:], p.used)
		}
	}
	for i, m := range p.masks {
		if p.header >= sizeRGB && 40+4*i < p.header {
			le.PutUint32(info[40+4*i:], m)
		} else {
			info = le.AppendUint32(info, m)
		}
	}
	var palette []byte
	for _, c := range p.palette {
		palette = append(palette, c.B, c.G, c.R)
		if p.header != sizeCore && !p.shortColour {
			palette = append(palette, 0)
		}
	}
	b := append([]byte("BM"), make([]byte, 12)...)
	le.PutUint32(b[10:], uint32(14+len(info)+len(palette)+p.offset))
	return slices.Concat(b, info, palette, p.pixels)
}

const w, h = 21, 13

// index is a pixel of a picture of n colours: some of its lines have runs and some have none.
func index(x, y, n int) byte {
	if y%2 == 0 {
		return byte((x/5 + y) % n)
	}
	return byte((x*x + y) % n)
}

// colours are n colours that can be told apart, also with 4 bits a channel.
func colours(n int) []color.RGBA {
	var c []color.RGBA
	for i := range n {
		c = append(c, color.RGBA{byte(i * 17 % 256), byte(i * 51 % 256), byte(255 - i*34%256), 255})
	}
	return c
}

// indices are the pixels of a picture of n colours, packed.
func indices(bits, n int) []byte {
	var b []byte
	for y := h - 1; y >= 0; y-- {
		row := make([]byte, (w*bits+31)/32*4)
		for x := range w {
			row[x*bits/8] |= index(x, y, n) << (8 - bits - x*bits%8)
		}
		b = append(b, row...)
	}
	return b
}

// of packs pixels of bits, each made of a colour.
func of(bits int, topDown bool, make1 func(c color.RGBA) uint32) []byte {
	var b []byte
	for i := range h {
		y := h - 1 - i
		if topDown {
			y = i
		}
		from := len(b)
		for x := range w {
			v := make1(colours(16)[index(x, y, 16)])
			for k := range bits / 8 {
				b = append(b, byte(v>>(8*k)))
			}
		}
		for (len(b)-from)%4 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

func bgr(c color.RGBA) uint32 { return uint32(c.B) | uint32(c.G)<<8 | uint32(c.R)<<16 }

// packed is a picture in runs: of four or eight bits, or of colours.
func packed(bits int, ending bool) []byte {
	var b []byte
	at := func(x, y int) []byte {
		i := index(x, y, 16)
		if bits == 24 {
			c := colours(16)[i]
			return []byte{c.B, c.G, c.R}
		}
		return []byte{i}
	}
	put := func(values [][]byte) {
		if bits == 4 {
			for i := 0; i < len(values); i += 2 {
				v := values[i][0] << 4
				if i+1 < len(values) {
					v |= values[i+1][0]
				}
				b = append(b, v)
			}
			return
		}
		b = append(b, bytes.Join(values, nil)...)
	}
	for y := h - 1; y >= 0; y-- {
		if y%2 == 0 {
			for x := 0; x < w; x += 5 {
				n := min(5, w-x)
				b = append(b, byte(n))
				put([][]byte{at(x, y), at(x, y)}[:min(2, 1+bits%8/4)])
			}
		} else {
			b = append(b, 0, w)
			from := len(b)
			var values [][]byte
			for x := range w {
				values = append(values, at(x, y))
			}
			put(values)
			if (len(b)-from)%2 == 1 {
				b = append(b, 0)
			}
		}
		if y > 0 {
			b = append(b, 0, 0)
		}
	}
	if ending {
		b = append(b, 0, 1)
	}
	return b
}

func TestDecode(t *testing.T) {
	palette := colours(16)
	rgb565 := func(c color.RGBA) uint32 { return uint32(c.B>>3) | uint32(c.G>>2)<<5 | uint32(c.R>>3)<<11 }
	rgb555 := func(c color.RGBA) uint32 { return uint32(c.B>>3) | uint32(c.G>>3)<<5 | uint32(c.R>>3)<<10 }
	for _, c := range []struct {
		name      string
		picture   picture
		n         int // colours
		tolerance int
	}{
		{"OS/2, 1 bit", picture{header: 12, bits: 1, palette: palette[:2], pixels: indices(1, 2)}, 2, 0},
		{"OS/2, 4 bits", picture{header: 12, bits: 4, palette: palette, pixels: indices(4, 16)}, 16, 0},
		{"OS/2, few colours", picture{header: 12, bits: 8, palette: palette[:7], pixels: indices(8, 7)}, 7, 0},
		{"OS/2, 24 bits", picture{header: 12, bits: 24, pixels: of(24, false, bgr)}, 16, 0},
		{"OS/2 2, 16 bytes", picture{header: 16, bits: 4, palette: palette, pixels: indices(4, 16)}, 16, 0},
		{"OS/2 2, 64 bytes", picture{header: 64, bits: 8, used: 16, palette: palette, pixels: indices(8, 16)}, 16, 0},
		{"OS/2 2, colours of 3 bytes", picture{header: 64, bits: 8, used: 16, shortColour: true, palette: palette, pixels: indices(8, 16)}, 16, 0},
		{"OS/2 2, RLE24", picture{header: 64, bits: 24, compression: rle24, pixels: packed(24, true)}, 16, 0},
		{"Windows, 1 bit", picture{header: 40, bits: 1, palette: palette[:2], pixels: indices(1, 2)}, 2, 0},
		{"Windows, 2 bits", picture{header: 40, bits: 2, palette: palette[:4], pixels: indices(2, 4)}, 4, 0},
		{"Windows, 8 bits", picture{header: 40, bits: 8, used: 16, palette: palette, pixels: indices(8, 16)}, 16, 0},
		{"pixels further on", picture{header: 40, bits: 8, used: 16, palette: palette, offset: 5, pixels: append([]byte("extra"), indices(8, 16)...)}, 16, 0},
		{"place of the pixels wrong", picture{header: 40, bits: 8, used: 16, palette: palette, offset: -64, pixels: indices(8, 16)}, 16, 0},
		{"RLE4", picture{header: 40, bits: 4, compression: rle4, palette: palette, pixels: packed(4, true)}, 16, 0},
		{"RLE8", picture{header: 40, bits: 8, compression: rle8, used: 16, palette: palette, pixels: packed(8, true)}, 16, 0},
		{"RLE8 without end", picture{header: 40, bits: 8, compression: rle8, used: 16, palette: palette, pixels: packed(8, false)}, 16, 0},
		{"555", picture{header: 40, bits: 16, pixels: of(16, false, rgb555)}, 16, 8},
		{"565", picture{header: 40, bits: 16, compression: bitFields, masks: []uint32{0xf800, 0x7e0, 0x1f}, pixels: of(16, false, rgb565)}, 16, 8},
		{"565, top down", picture{header: 40, bits: 16, compression: bitFields, topDown: true, masks: []uint32{0xf800, 0x7e0, 0x1f}, pixels: of(16, true, rgb565)}, 16, 8},
		{"555 in masks", picture{header: 52, bits: 16, compression: bitFields, masks: []uint32{0x7c00, 0x3e0, 0x1f}, pixels: of(16, false, rgb555)}, 16, 8},
		{"24 bits, top down", picture{header: 40, bits: 24, topDown: true, pixels: of(24, true, bgr)}, 16, 0},
		{"32 bits", picture{header: 40, bits: 32, pixels: of(32, false, bgr)}, 16, 0},
		{"32 bits, other order", picture{header: 40, bits: 32, compression: bitFields, masks: []uint32{0xff, 0xff00, 0xff0000}, pixels: of(32, false, func(c color.RGBA) uint32 {
			return uint32(c.R) | uint32(c.G)<<8 | uint32(c.B)<<16
		})}, 16, 0},
		{"10 bits", picture{header: 108, bits: 32, compression: bitFields, masks: []uint32{0x3ff00000, 0xffc00, 0x3ff}, pixels: of(32, false, func(c color.RGBA) uint32 {
			return uint32(c.B)<<2 | uint32(c.G)<<12 | uint32(c.R)<<22
		})}, 16, 1},
		{"opacity nowhere", picture{header: 124, bits: 32, compression: bitFields, masks: []uint32{0xff0000, 0xff00, 0xff, 0xff000000}, pixels: of(32, false, bgr)}, 16, 0},
		{"opacity full", picture{header: 56, bits: 32, compression: bitFields, masks: []uint32{0xff0000, 0xff00, 0xff, 0xff000000}, pixels: of(32, false, func(c color.RGBA) uint32 {
			return bgr(c) | 0xff000000
		})}, 16, 0},
		{"opacity in masks of its own", picture{header: 40, bits: 32, compression: alphaBitFields, masks: []uint32{0xff0000, 0xff00, 0xff, 0xff000000}, pixels: of(32, false, func(c color.RGBA) uint32 {
			return bgr(c) | 0xff000000
		})}, 16, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := Decode(c.picture.file(w, h))
			if err != nil {
				t.Fatal(err)
			}
			if img.Bounds() != image.Rect(0, 0, w, h) {
				t.Fatalf("the picture has %v", img.Bounds())
			}
			for y := range h {
				for x := range w {
					want, got := palette[index(x, y, c.n)], color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
					for k, pair := range [][2]uint8{{want.R, got.R}, {want.G, got.G}, {want.B, got.B}, {255, got.A}} {
						if d := int(pair[0]) - int(pair[1]); max(d, -d) > c.tolerance {
							t.Fatalf("(%d, %d) is %v, want %v (channel %d)", x, y, got, want, k)
						}
					}
				}
			}
		})
	}
}

func TestOpacity(t *testing.T) {
	half := picture{header: 124, bits: 32, compression: bitFields, masks: []uint32{0xff0000, 0xff00, 0xff, 0xff000000}, pixels: of(32, false, func(c color.RGBA) uint32 {
		return bgr(c) | 0x80000000
	})}
	img, err := Decode(half.file(w, h))
	if err != nil {
		t.Fatal(err)
	}
	if c := img.At(3, 3).(color.NRGBA); c.A != 0x80 {
		t.Errorf("a pixel is %v", c)
	}
}

func TestRunsThatMove(t *testing.T) {
	p := picture{header: 40, bits: 8, compression: rle8, used: 2, palette: []color.RGBA{{9, 9, 9, 255}, {1, 2, 3, 255}}}
	// One pixel at (2, 1) from the bottom, one line that is too long, and an early end.
	p.pixels = []byte{0, 2, 2, 1, 1, 1, 0, 0, 200, 1, 0, 1}
	img, err := Decode(p.file(4, 5))
	if err != nil {
		t.Fatal(err)
	}
	m := img.(*image.Paletted)
	want := []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0}
	if !bytes.Equal(m.Pix, want) {
		t.Errorf("%v, want %v", m.Pix, want)
	}
}

func TestRefused(t *testing.T) {
	info := func(bits int, compression uint32) picture {
		return picture{header: 40, bits: bits, compression: compression}
	}
	rgb := make([]byte, 4*w*h)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "ends in its header"},
		{"other", []byte("BA, and not a picture at all"), "begin with BM"},
		{"unknown header", picture{header: 66}.file(w, h), "a header of 66 bytes is not known"},
		{"no width", picture{header: 40, bits: 24, pixels: rgb}.file(0, h), "promises 0 x 13"},
		{"negative width", picture{header: 40, bits: 24, pixels: rgb}.file(-4, h), "promises -4 x 13"},
		{"3 bits", info(3, plain).file(w, h), "3 bits a pixel are not known"},
		{"RLE8 of 4 bits", info(4, rle8).file(w, h), "4 bits a pixel are not known with compression 1"},
		{"a JPEG inside", info(0, 4).file(w, h), "compression 4 is not known"},
		{"a PNG inside", info(0, 5).file(w, h), "compression 5 is not known"},
		{"Huffman", picture{header: 64, bits: 1, compression: bitFields}.file(w, h), "compression 3 is not known"},
		{"no mask", picture{header: 40, bits: 16, compression: bitFields, masks: []uint32{0xf800, 0, 0x1f}, pixels: rgb}.file(w, h), "no bits"},
		{"torn mask", picture{header: 40, bits: 16, compression: bitFields, masks: []uint32{0xf100, 0x7e0, 0x1f}, pixels: rgb}.file(w, h), "mask 0xf100"},
		{"wide mask", picture{header: 40, bits: 16, compression: bitFields, masks: []uint32{0x1f0000, 0x7e0, 0x1f}, pixels: rgb}.file(w, h), "mask 0x1f0000"},
		{"index", picture{header: 40, bits: 8, used: 3, palette: colours(3), pixels: indices(8, 4)}.file(w, h), "a colour that the palette lacks"},
		{"index in a run", picture{header: 40, bits: 8, compression: rle8, used: 3, palette: colours(3), pixels: []byte{4, 7}}.file(w, h), "a colour that the palette lacks"},
		{"run cut", picture{header: 40, bits: 8, compression: rle8, used: 3, palette: colours(3), pixels: []byte{4, 1, 3}}.file(w, h), "ends before its last pixel"},
		{"pixels cut", picture{header: 40, bits: 8, compression: rle8, used: 3, palette: colours(3), pixels: []byte{0, 7, 1, 1}}.file(w, h), "ends before its last pixel"},
	} {
		if _, err := Decode(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	for name, p := range map[string]picture{
		"24 bits": {header: 40, bits: 24, pixels: of(24, false, bgr)}, "4 bits": {header: 12, bits: 4, palette: colours(16), pixels: indices(4, 16)},
		"565":  {header: 40, bits: 16, compression: bitFields, masks: []uint32{0xf800, 0x7e0, 0x1f}, pixels: of(16, false, bgr)},
		"RLE4": {header: 40, bits: 4, compression: rle4, palette: colours(16), pixels: packed(4, true)},
	} {
		data := p.file(w, h)
		for _, n := range []int{1, 20, 53, 60, len(data) / 2, len(data) - 4} {
			if _, err := Decode(data[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes were decoded", name, n, len(data))
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(picture{header: 40, bits: 4, compression: rle4, palette: colours(16), pixels: packed(4, true)}.file(w, h))
	f.Add(picture{header: 64, bits: 24, compression: rle24, pixels: packed(24, true)}.file(w, h))
	f.Add(picture{header: 12, bits: 8, palette: colours(7), pixels: indices(8, 7)}.file(w, h))
	f.Add(picture{header: 56, bits: 16, compression: bitFields, masks: []uint32{0xf00, 0xf0, 0xf, 0xf000}, pixels: of(16, false, bgr)}.file(w, h))
	f.Fuzz(func(t *testing.T, data []byte) {
		head, err := ReadHeader(data)
		if err != nil || int64(head.Width)*int64(head.Height) > 1<<20 {
			return
		}
		img, err := Decode(data)
		if err != nil {
			return
		}
		if size := img.Bounds().Size(); size != image.Pt(head.Width, head.Height) {
			t.Fatalf("a picture of %v, and the header says %s", size, fmt.Sprint(head.Width, head.Height))
		}
		for y := range head.Height {
			_ = img.At(head.Width-1, y)
		}
	})
}
