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
	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
	"github.com/kagurazaka/kagurazaka/plugins/internal/tiffhead"
)

// codec reads a format in Go.
type codec struct {
	// size reads the picture's size from its header.
	size        func([]byte) (w, h int, err error)
	decode      func(*processor, []byte) (image.Image, error)
	orientation func([]byte) meta.Orientation
}

var codecs = map[format]codec{
	formatJPEG: {size: sizeOf(jpeg.DecodeConfig), decode: decodeBy(jpeg.Decode)},
	formatPNG:  {size: sizeOf(png.DecodeConfig), decode: decodeBy(png.Decode), orientation: meta.FromPNG},
	formatGIF:  {size: sizeOfGIF, decode: decodeGIF},
	formatWebP: {size: sizeOf(webp.DecodeConfig), decode: decodeWebP, orientation: meta.FromWebP},
	formatTIFF: {size: func(b []byte) (w, h int, err error) {
		head, err := tiffhead.Read(b)
		return head.Width, head.Height, err
	}, decode: (*processor).decodeTIFF, orientation: meta.FromTIFF},
	formatBMP: {size: func(b []byte) (w, h int, err error) {
		head, err := bmp.ReadHeader(b)
		return head.Width, head.Height, err
	}, decode: func(_ *processor, b []byte) (image.Image, error) { return bmp.Decode(b) }},
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

// decodeStd decodes and resizes a picture with the decoders in Go.
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
		p.scaleImage(g, 1, 1, resample.Plane{Pix: m.Pix, Stride: m.Stride})
		return nil
	case *image.Gray16:
		p.scaleRows(g, 8, modelGray, readGray16(m))
		return nil
	case *image.YCbCr:
		if f, ok := factors[m.SubsampleRatio]; ok && from == formatJPEG && to == formatJPEG {
			p.scaleImage(g, f.X, f.Y, resample.Plane{Pix: m.Y, Stride: m.YStride}, resample.Plane{Pix: m.Cb, Stride: m.CStride},
				resample.Plane{Pix: m.Cr, Stride: m.CStride})
			return nil
		}
	}
	read := readerOf(img)
	if from == formatWebP {
		read = webpReader(img)
	}
	into := modelRGB
	if !opaque(img) {
		if to.keepsAlpha() {
			into = modelRGBA
		} else {
			read = onBackground(read, g.w, p.options.Background)
		}
	}
	p.scaleRows(g, 8, into, read)
	return nil
}

// broken is the error for a picture that cannot be decoded.
func broken(f format, err error) error {
	return fmt.Errorf("the %s picture is broken or of an unknown kind: %w", f, err)
}

// factors has the number of pixels that a colour sample covers across and down.
var factors = map[image.YCbCrSubsampleRatio]image.Point{
	image.YCbCrSubsampleRatio444: {X: 1, Y: 1}, image.YCbCrSubsampleRatio422: {X: 2, Y: 1}, image.YCbCrSubsampleRatio420: {X: 2, Y: 2},
	image.YCbCrSubsampleRatio440: {X: 1, Y: 2}, image.YCbCrSubsampleRatio411: {X: 4, Y: 1}, image.YCbCrSubsampleRatio410: {X: 4, Y: 2},
}

func readGray16(m *image.Gray16) rowReader {
	return func(y int, out, _, _, _ []byte) {
		pix := m.Pix[y*m.Stride:]
		for x := range out {
			out[x] = narrow(wide(pix, x))
		}
	}
}
