package thumb

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
)

// codec is how a format is read by the decoders that are part of the program.
type codec struct {
	config      func([]byte) (image.Config, error)
	decode      func([]byte) (image.Image, error)
	orientation func([]byte) meta.Orientation
}

var codecs = map[format]codec{
	formatJPEG: {
		config: func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
		decode: func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
	},
	formatPNG: {
		config:      func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
		decode:      func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) },
		orientation: meta.FromPNG,
	},
	formatGIF: {
		config: func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
		decode: decodeGIF,
	},
	formatWebP: {
		config:      func(b []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(b)) },
		decode:      func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) },
		orientation: meta.FromWebP,
	},
	formatTIFF: {
		config:      func(b []byte) (image.Config, error) { return tiff.DecodeConfig(bytes.NewReader(b)) },
		decode:      func(b []byte) (image.Image, error) { return tiff.Decode(bytes.NewReader(b)) },
		orientation: meta.FromTIFF,
	},
	formatBMP: {
		config: func(b []byte) (image.Config, error) { return bmp.DecodeConfig(bytes.NewReader(b)) },
		decode: func(b []byte) (image.Image, error) { return bmp.Decode(bytes.NewReader(b)) },
	},
}

// decodeGIF decodes the first picture of a GIF, at its place on the canvas.
func decodeGIF(data []byte) (image.Image, error) {
	canvas, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	first, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	whole := image.Rect(0, 0, canvas.Width, canvas.Height)
	if first.Bounds() == whole {
		return first, nil
	}
	out := image.NewRGBA(whole)
	frame := first.Bounds().Intersect(whole)
	for y := frame.Min.Y; y < frame.Max.Y; y++ {
		for x := frame.Min.X; x < frame.Max.X; x++ {
			out.Set(x, y, first.At(x, y))
		}
	}
	return out, nil
}

// decodeStd decodes and resizes a picture with the decoders that are part of the program.
func (p *processor) decodeStd(data []byte, from format, to format) error {
	kind := codecs[from]
	config, err := kind.config(data)
	if err != nil {
		return broken(from, err)
	}
	if err := p.checkPixels(config.Width, config.Height); err != nil {
		return err
	}
	orientation := p.orientation
	if kind.orientation != nil {
		orientation = kind.orientation(data)
	}
	img, err := kind.decode(data)
	if err != nil {
		return broken(from, err)
	}
	g := p.geometry(img.Bounds().Dx(), img.Bounds().Dy(), orientation)
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
