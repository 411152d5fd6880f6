package thumb

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"

	"github.com/kagurazaka/kagurazaka/plugins/internal/bmp"
	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
)

// codec is how a format is read, JPEG by what is part of the program.
type codec struct {
	// size reads how large the picture is, before anything is decoded.
	size        func([]byte) (w, h int, err error)
	decode      func(*processor, []byte) (image.Image, error)
	orientation func([]byte) meta.Orientation
}

var codecs = map[format]codec{
	formatJPEG: {size: sizeOf(jpeg.DecodeConfig), decode: decodeBy(jpeg.Decode)},
	formatPNG:  {size: sizeOf(png.DecodeConfig), decode: decodeBy(png.Decode), orientation: meta.FromPNG},
	formatGIF:  {size: sizeOfGIF, decode: decodeGIF},
	formatWebP: {size: sizeOf(webp.DecodeConfig), decode: decodeWebP, orientation: meta.FromWebP},
	formatTIFF: {size: sizeOfTIFF, decode: (*processor).decodeTIFF, orientation: meta.FromTIFF},
	formatBMP:  {size: sizeOfBMP, decode: func(_ *processor, b []byte) (image.Image, error) { return bmp.Decode(b) }},
}

func sizeOf(config func(io.Reader) (image.Config, error)) func([]byte) (w, h int, err error) {
	return func(b []byte) (w, h int, err error) {
		c, err := config(bytes.NewReader(b))
		return c.Width, c.Height, err
	}
}

func decodeBy(decode func(io.Reader) (image.Image, error)) func(*processor, []byte) (image.Image, error) {
	return func(_ *processor, b []byte) (image.Image, error) { return decode(bytes.NewReader(b)) }
}

func sizeOfBMP(b []byte) (w, h int, err error) {
	head, err := bmp.ReadHeader(b)
	if err != nil {
		return 0, 0, err
	}
	return head.Width, head.Height, nil
}

// decodeStd decodes and resizes a picture with the decoders that are part of the program.
func (p *processor) decodeStd(data []byte, from format, to format) error {
	kind := codecs[from]
	w, h, err := kind.size(data)
	if err != nil {
		return broken(from, err)
	}
	if err := p.checkPixels(w, h); err != nil {
		return err
	}
	orientation := p.orientation
	if kind.orientation != nil {
		orientation = kind.orientation(data)
	}
	img, err := kind.decode(p, data)
	if err != nil {
		return broken(from, err)
	}
	g, err := p.geometry(img.Bounds().Dx(), img.Bounds().Dy(), orientation)
	if err != nil {
		return err
	}
	switch m := img.(type) {
	case *image.Gray:
		p.scaleGray(g, m)
		return nil
	case *image.YCbCr:
		if from == formatJPEG && to == formatJPEG {
			if fx, fy, ok := factors(m.SubsampleRatio); ok {
				p.scaleYCbCr(g, m, fx, fy)
				return nil
			}
		}
	}
	read := readerOf(img)
	if from == formatWebP {
		if video := videoReader(img); video != nil {
			read = video
		}
	}
	into := modelRGB
	if !opaque(img) {
		if to.keepsAlpha() {
			into = modelRGBA
		} else {
			read = onBackground(read, g.w, p.options.Background)
		}
	}
	if _, gray := img.(*image.Gray16); gray {
		into = modelGray
		read = readGray16(img.(*image.Gray16))
	}
	p.scaleRows(g, into, read)
	return nil
}

// broken is the error for a picture that its decoder gave up on.
func broken(f format, err error) error {
	return fmt.Errorf("the %s picture is broken or of an unknown kind: %w", f, err)
}

func factors(ratio image.YCbCrSubsampleRatio) (fx, fy int, ok bool) {
	switch ratio {
	case image.YCbCrSubsampleRatio444:
		return 1, 1, true
	case image.YCbCrSubsampleRatio422:
		return 2, 1, true
	case image.YCbCrSubsampleRatio420:
		return 2, 2, true
	case image.YCbCrSubsampleRatio440:
		return 1, 2, true
	case image.YCbCrSubsampleRatio411:
		return 4, 1, true
	case image.YCbCrSubsampleRatio410:
		return 4, 2, true
	}
	return 0, 0, false
}

func readGray16(m *image.Gray16) rowReader {
	return func(y int, out, _, _, _ []byte) {
		pix := m.Pix[y*m.Stride:]
		for x := range out {
			out[x] = narrow(wide(pix, x))
		}
	}
}
