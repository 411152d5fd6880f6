package thumb

import (
	"bytes"
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/kagurazaka/kagurazaka/plugins/internal/turbo"
)

// encode makes a file from p.out. The next call reuses its memory.
func (p *processor) encode(to format) ([]byte, error) {
	if to == formatJPEG {
		return p.encodeJPEG()
	}
	b := &p.encoded
	b.Reset()
	img := p.out.asImage()
	var err error
	switch to {
	case formatPNG:
		err = png.Encode(b, img)
	case formatGIF:
		paletted := image.NewPaletted(img.Bounds(), palette.Plan9)
		draw.FloydSteinberg.Draw(paletted, paletted.Rect, img, image.Point{})
		err = gif.Encode(b, paletted, nil)
	case formatTIFF:
		err = tiff.Encode(b, img, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
	case formatBMP:
		err = bmp.Encode(b, img)
	default:
		err = fmt.Errorf("no encoder for %s", to)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", to, err)
	}
	return b.Bytes(), nil
}

func (p *processor) encodeJPEG() ([]byte, error) {
	if p.out.model == modelRGB {
		p.out.toYCbCr(&p.converted)
	}
	if p.encoder == nil {
		p.encoded.Reset()
		if err := jpeg.Encode(&p.encoded, p.out.asImage(), &jpeg.Options{Quality: p.options.Quality}); err != nil {
			return nil, fmt.Errorf("encoding JPEG: %w", err)
		}
		return p.withProfile(p.encoded.Bytes()), nil
	}
	n, sub := 3, turbo.Sub420
	if p.out.model == modelGray {
		n, sub = 1, turbo.SubGray
	}
	for i := range n {
		plane := &p.out.planes[i]
		// The library needs planes padded to whole colour samples: an odd side lacks a row or column of luminance.
		pw, ph := sub.PlaneSize(i, p.out.w, p.out.h)
		if plane.W != pw || plane.H != ph {
			p.padded.Extend(*plane, pw, ph)
			plane = &p.padded
		}
		p.io[i] = turbo.Plane{Pix: plane.Pix, Stride: plane.Stride}
	}
	var err error
	p.jpeg, err = p.encoder.Encode(p.jpeg, p.io[:n], sub, p.out.w, p.out.h, p.options.Quality)
	if err != nil {
		return nil, fmt.Errorf("encoding JPEG: %w", err)
	}
	return p.withProfile(p.jpeg), nil
}

// withProfile inserts the source's ICC profile, if there is one, after the first segments of a JPEG.
func (p *processor) withProfile(file []byte) []byte {
	if len(p.out.profile) == 0 {
		return file
	}
	at := 2
	// JFIF's segment, if there is one, has to come first.
	if len(file) > 6 && file[2] == 0xff && file[3] == 0xe0 {
		at = 4 + int(file[4])<<8 + int(file[5])
	}
	return slices.Insert(file, at, bytes.Join(p.out.profile, nil)...)
}
