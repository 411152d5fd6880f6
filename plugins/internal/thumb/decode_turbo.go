package thumb

import (
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
	"github.com/kagurazaka/kagurazaka/plugins/internal/turbo"
)

// decodeJPEG decodes and resizes a JPEG with libjpeg-turbo, or with Go's decoder if the library is missing or does not
// support the picture's layout.
func (p *processor) decodeJPEG(data []byte, to format) error {
	head, err := meta.ReadJPEG(data)
	if err != nil {
		return broken(formatJPEG, err)
	}
	if err := p.checkPixels(head.Width, head.Height); err != nil {
		return err
	}
	p.orientation = head.Orientation
	if head.Components != 4 {
		p.out.profile = head.Profile // the profile of inks does not describe the result
	}
	if p.decoder == nil {
		return p.decodeStd(data, formatJPEG, to)
	}
	err = p.decodeTurbo(data, head, to)
	var fault *turbo.Error
	switch {
	case err == nil, errors.Is(err, errLimit):
		return err
	case errors.Is(err, errLayout):
		return p.decodeStd(data, formatJPEG, to)
	case errors.As(err, &fault) && fault.Harmless():
		// The library warns of data that other programs leave in their files, and stops. Go's decoder has no warnings.
		return p.decodeStd(data, formatJPEG, to)
	}
	return broken(formatJPEG, err)
}

// errLayout is the error for a JPEG whose header the library does not support.
var errLayout = errors.New("libjpeg-turbo does not support the layout")

func (p *processor) decodeTurbo(data []byte, head meta.JPEG, to format) error {
	h, err := p.decoder.Header(data)
	if err != nil {
		return fmt.Errorf("%w: %w", errLayout, err)
	}
	if err := p.checkPixels(h.Width, h.Height); err != nil {
		return err
	}
	g, err := p.geometry(h.Width, h.Height, head.Orientation)
	if err != nil {
		return err
	}
	eighths := reduction(max(g.w, g.h), max(g.outW, g.outH))
	fx, _ := h.Subsampling.Factors()
	inPlanes := fx != 0 && (h.ColorSpace == turbo.Gray || h.ColorSpace == turbo.YCbCr && to == formatJPEG)
	if inPlanes {
		return p.decodePlanes(data, h, g, eighths)
	}
	return p.decodePixels(data, h, g, eighths, head.Adobe)
}

// decodePlanes is the fast path from JPEG to JPEG: the picture stays luminance and colour planes.
func (p *processor) decodePlanes(data []byte, h turbo.Header, g geometry, eighths int) error {
	n := 3
	if h.ColorSpace == turbo.Gray {
		n = 1
	}
	w, height := turbo.Scaled(h.Width, eighths), turbo.Scaled(h.Height, eighths)
	for i := range n {
		p.source[i].Resize(h.Subsampling.PlaneSize(i, w, height))
		p.io[i] = turbo.Plane{Pix: p.source[i].Pix, Stride: p.source[i].Stride}
	}
	if err := p.decoder.Planes(p.io[:n], data, h, eighths); err != nil {
		return err
	}
	fx, fy := h.Subsampling.Factors()
	p.scalePlanes(g, n, eighths, fx, fy)
	return nil
}

// decodePixels is for inks, for layouts without planes, and for other results than JPEG.
func (p *processor) decodePixels(data []byte, h turbo.Header, g geometry, eighths int, inverted bool) error {
	w, height := turbo.Scaled(h.Width, eighths), turbo.Scaled(h.Height, eighths)
	p.pixels.Resize(4*w, height)
	pixels := p.pixels
	if err := p.decoder.Pixels(pixels.Pix, data, h, eighths); err != nil {
		return err
	}
	read := func(y int, r, g, b, _ []byte) { readRGBA(pixels.Row(y), r, g, b, nil) }
	if h.ColorSpace == turbo.CMYK || h.ColorSpace == turbo.YCCK {
		read = func(y int, r, g, b, _ []byte) { readInks(pixels.Row(y), r, g, b, inverted) }
	}
	p.scaleRows(g, eighths, modelRGB, read)
	return nil
}
