package thumb

import (
	"bytes"
	"fmt"
	"image"

	"golang.org/x/image/tiff"

	"github.com/kagurazaka/kagurazaka/plugins/internal/tiffhead"
)

// decodeTIFF decodes the first picture of a TIFF file with Go's decoder, or with libtiff if Go's does not support it.
func (p *processor) decodeTIFF(data []byte) (image.Image, error) {
	h, err := tiffhead.Read(data)
	if err != nil {
		return nil, err
	}
	if pixels := int64(h.BlockW) * int64(h.BlockH); pixels > p.options.MaxPixels {
		return nil, fmt.Errorf("the header promises tiles of %d x %d = %d pixels, more than %w", h.BlockW, h.BlockH, pixels, p.limit())
	}
	beyond := beyondGo(&h)
	if beyond == "" {
		return tiff.Decode(bytes.NewReader(data))
	}
	library, err := p.tiff()
	if err != nil {
		return nil, fmt.Errorf("%s: that takes libtiff (plugins/resize/fetch-libraries.sh gets it): %w", beyond, err)
	}
	if h.Photometric == tiffhead.Palette && h.Bits > 8 || h.Photometric == tiffhead.Lab && h.Bits != 8 && h.Bits != 16 {
		return nil, fmt.Errorf("samples of %d bits are not known for its kind of colours", h.Bits)
	}
	file, err := library.Open(data)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	subsampled := h.Photometric == tiffhead.YCbCr || h.Photometric == tiffhead.LogL || h.Photometric == tiffhead.LogLuv
	switch {
	case subsampled || h.Compression == tiffhead.OldJPEG:
		m := image.NewRGBA(image.Rect(0, 0, h.Width, h.Height))
		return m, file.RGBA(m.Pix, h.Width, h.Height, h.Orientation)
	case h.Format == tiffhead.Unsigned && h.Bits <= 16 || h.Photometric == tiffhead.Lab && (h.Bits == 8 || h.Bits == 16):
		return p.readTIFFColours(file, &h)
	default:
		return p.readTIFFNumbers(file, &h)
	}
}

// beyondGo describes the first thing in a header that Go's decoder does not support or ignores, "" for none. A test compares
// the two decoders.
func beyondGo(h *tiffhead.Header) string {
	fax := h.Compression == tiffhead.Fax3 || h.Compression == tiffhead.Fax4
	difference := h.Compression == tiffhead.LZW || h.Compression == tiffhead.Deflate || h.Compression == tiffhead.OldDeflate
	known := fax || difference || h.Compression == tiffhead.Uncompressed || h.Compression == tiffhead.PackBits
	switch {
	case h.Big:
		return "it is of the kind for more than 4 GiB (BigTIFF)"
	case !h.Sorted:
		return "its tags are not in order"
	case !known:
		return fmt.Sprintf("its compression is number %d", h.Compression)
	case fax && (h.FaxOptions != 0 || h.Bits != 1 || h.Samples != 1 || h.Photometric != tiffhead.WhiteIsZero):
		return "it is a fax of another kind"
	case h.Assumed:
		return "it does not say what its channels are"
	case h.Planes:
		return "its channels are stored apart (PlanarConfiguration 2)"
	case h.Reversed && !fax:
		return "the bits of its bytes are in reverse order (FillOrder 2)"
	case h.Predictor > 2 || h.Predictor == 2 && (!difference || h.Bits == 1):
		return fmt.Sprintf("its predictor is number %d", h.Predictor)
	case h.Format != tiffhead.Unsigned:
		return "its samples are not unsigned integers"
	case h.Bits != 1 && h.Bits != 8 && h.Bits != 16:
		return fmt.Sprintf("its samples have %d bits", h.Bits)
	}
	switch h.Photometric {
	case tiffhead.WhiteIsZero, tiffhead.BlackIsZero:
		if h.Samples > 1 {
			return "it has channels beside grey"
		}
	case tiffhead.RGB:
		if h.Bits == 1 || h.Samples > 4 || h.Samples == 4 && h.Alpha() == 0 {
			return "it has channels beside colours and opacity"
		}
	case tiffhead.Palette:
		if h.Samples > 1 || h.Bits > 8 || h.DarkPalette {
			return "its palette is of an unusual kind"
		}
	default:
		return fmt.Sprintf("its colours are of kind %d", h.Photometric)
	}
	return ""
}

// blocks reads the tiles or strips of a file.
type blocks interface {
	Block(dst []byte, index int, tile bool) error
}

// readTIFFRows reads a picture in pieces of rows: n pixels from (x, y), with per samples each, the first of that channel.
func (p *processor) readTIFFRows(file blocks, h *tiffhead.Header, use func(x, y, n, channel, per int, row []byte)) error {
	per, planes := h.Samples, 1
	if h.Planes {
		per, planes = 1, h.Samples
	}
	rowBytes := (int64(h.BlockW)*int64(per)*int64(h.Bits) + 7) / 8
	// Large pictures with many channels have tiles or short strips.
	if size := rowBytes * int64(h.BlockH); size > 8*p.options.MaxPixels {
		return fmt.Errorf("a tile or strip has %d bytes, more than 8 times %w", size, p.limit())
	}
	buffer := make([]byte, rowBytes*int64(h.BlockH))
	across, down := (h.Width+h.BlockW-1)/h.BlockW, (h.Height+h.BlockH-1)/h.BlockH
	for channel := range planes {
		if channel >= h.Colours() && (channel > h.Colours() || h.Alpha() == 0) {
			break
		}
		for i := range across * down {
			x, y := i%across*h.BlockW, i/across*h.BlockH
			rows := min(h.BlockH, h.Height-y)
			block := buffer
			if !h.Tiled {
				block = buffer[:rowBytes*int64(rows)]
			}
			if err := file.Block(block, channel*across*down+i, h.Tiled); err != nil {
				return err
			}
			for r := range rows {
				use(x, y+r, min(h.BlockW, h.Width-x), channel, per, block[int64(r)*rowBytes:][:rowBytes])
			}
		}
	}
	return nil
}

// readTIFFColours reads grey, colours or inks of up to 16 bits.
func (p *processor) readTIFFColours(file blocks, h *tiffhead.Header) (image.Image, error) {
	size := image.Rect(0, 0, h.Width, h.Height)
	colours, alpha := h.Colours(), h.Alpha()
	if colours == 4 {
		alpha = 0 // inks have no opacity
	}
	sample, full := sampleReader(h.Bits)
	narrow8 := func(row []byte, i int) uint8 { return uint8((sample(row, i)*255 + full/2) / full) }
	switch {
	case h.Photometric == tiffhead.Lab && h.Bits == 16:
		narrow8 = func(row []byte, i int) uint8 { return uint8(sample(row, i) >> 8) } // two of the channels are signed
	case h.Photometric == tiffhead.Palette:
		narrow8 = func(row []byte, i int) uint8 { return uint8(sample(row, i)) }
	case h.Photometric == tiffhead.WhiteIsZero:
		narrow8 = func(row []byte, i int) uint8 { return uint8(((full-sample(row, i))*255 + full/2) / full) }
	case h.Bits == 8:
		narrow8 = func(row []byte, i int) uint8 { return row[i] }
	}
	if colours == 1 && alpha == 0 && h.Photometric != tiffhead.Palette {
		m := image.NewGray(size)
		return m, p.readTIFFRows(file, h, func(x, y, n, _, per int, row []byte) {
			out := m.Pix[m.PixOffset(x, y):]
			for i := range n {
				out[i] = narrow8(row, i*per)
			}
		})
	}
	pix := make([]byte, 4*h.Width*h.Height)
	if colours < 4 && alpha == 0 {
		for i := 3; i < len(pix); i += 4 {
			pix[i] = 255
		}
	}
	err := p.readTIFFRows(file, h, func(x, y, n, first, per int, row []byte) {
		for c := first; c < min(first+per, colours); c++ {
			out := pix[4*(y*h.Width+x)+c:]
			for i := range n {
				out[4*i] = narrow8(row, i*per+c-first)
			}
		}
		if alpha != 0 && first <= colours && colours < first+per {
			out := pix[4*(y*h.Width+x)+3:]
			for i := range n {
				out[4*i] = uint8((sample(row, i*per+colours-first)*255 + full/2) / full)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	switch {
	case h.Photometric == tiffhead.Palette:
		for i := 0; i < len(pix); i += 4 {
			for c, v := range h.Palette[pix[i]] {
				if h.DarkPalette {
					v *= 257
				}
				pix[i+c] = narrow(uint32(v))
			}
		}
	case h.Photometric == tiffhead.Lab:
		fromLab(pix)
	case colours == 4:
		return &image.CMYK{Pix: pix, Stride: 4 * h.Width, Rect: size}, nil
	case colours == 1:
		for i := 0; i < len(pix); i += 4 {
			pix[i+1], pix[i+2] = pix[i], pix[i]
		}
	}
	if alpha == tiffhead.Associated && colours == 3 && h.Photometric == tiffhead.RGB {
		return &image.RGBA{Pix: pix, Stride: 4 * h.Width, Rect: size}, nil
	}
	return &image.NRGBA{Pix: pix, Stride: 4 * h.Width, Rect: size}, nil
}

// sampleReader returns a function that reads sample i of a row, and the largest sample.
func sampleReader(bits int) (sample func(row []byte, i int) uint32, full uint32) {
	full = 1<<bits - 1
	if bits == 16 {
		return func(row []byte, i int) uint32 { return uint32(native.Uint16(row[2*i:])) }, full
	}
	if bits == 8 {
		return func(row []byte, i int) uint32 { return uint32(row[i]) }, full
	}
	return func(row []byte, i int) uint32 {
		var v uint32
		for at := i * bits; at < (i+1)*bits; at++ {
			v = v<<1 | uint32(row[at/8]>>(7-at%8)&1)
		}
		return v
	}, full
}
