package thumb

import (
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
)

// Shape is the shape of a resized picture.
type Shape struct {
	W, H int
	// Channels is 1 (grey) or 3: red, green and blue, or with YCbCr (from JPEG to JPEG) luminance and two colour planes, which
	// have half the size in both directions, rounded up.
	Channels int
	YCbCr    bool `json:",omitempty"`
	// Profile is the ICC profile's segments, from JPEG to JPEG.
	Profile [][]byte `json:",omitempty"`
}

// Sizes returns the sizes of the planes.
func (s Shape) Sizes() [][2]int {
	full, half := [2]int{s.W, s.H}, [2]int{(s.W + 1) / 2, (s.H + 1) / 2}
	if s.YCbCr {
		return [][2]int{full, half, half}
	}
	return [][2]int{full, full, full}[:s.Channels]
}

// Picture is a decoded picture, and the filters to resize it on a device.
type Picture struct {
	Shape  // of the result
	Planes []Unsized
	// Swap: the result's columns are the planes' rows.
	Swap bool
	// Pix is the memory of all planes, one after another.
	Pix []byte
}

// Unsized is one plane of a picture, without gaps between its rows, and the filters along its sides.
type Unsized struct {
	Plane        resample.Plane
	Across, Down *resample.Axis
}

// Read decodes a picture for a device: for a JPEG if asJPEG is set, otherwise as red, green and blue. alloc returns the
// memory for its planes. The filters of the picture are valid until use returns.
func (r *Resizer) Read(ctx context.Context, in string, asJPEG bool, alloc func(n int) []byte, use func(*Picture) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.with(func(p *processor) error {
		p.apart, p.alloc = &Picture{}, alloc
		defer func() { p.apart, p.alloc = nil, nil }()
		if err := readFile(&p.input, in); err != nil {
			return err
		}
		to := formatRGB
		if asJPEG {
			to = formatJPEG
		}
		if err := p.decode(p.input.Bytes(), to); err != nil {
			return err
		}
		p.apart.Shape = Shape{W: p.out.w, H: p.out.h, Channels: len(p.apart.Planes), YCbCr: p.out.model == modelYCbCr}
		if asJPEG {
			p.apart.Profile = p.out.profile
		}
		return use(p.apart)
	})
}

// keepPlanes copies the first n planes of p.source.
func (p *processor) keepPlanes(g geometry, n int) {
	filters := [3]*axes{&p.luma, &p.chroma, &p.chroma}
	for i, plane := range p.newPlanes(g, filters[:n]) {
		for y := range plane.Plane.H {
			copy(plane.Plane.Row(y), p.source[i].Pix[y*p.source[i].Stride:])
		}
	}
}

// keepRows copies a picture that is read row by row.
func (p *processor) keepRows(g geometry, n int, read rowReader) {
	filters := [4]*axes{&p.luma, &p.luma, &p.luma, &p.luma}
	planes := p.newPlanes(g, filters[:n])
	for y := range planes[0].Plane.H {
		var row [4][]byte
		for i := range planes {
			row[i] = planes[i].Plane.Row(y)
		}
		read(y, row[0], row[1], row[2], row[3])
	}
}

// newPlanes makes the planes of p.apart in one piece of memory. It is called again if the first decoder fails.
func (p *processor) newPlanes(g geometry, filters []*axes) []Unsized {
	size := 0
	for _, a := range filters {
		size += a.across.Samples * a.down.Samples
	}
	p.apart.Planes, p.apart.Swap, p.apart.Pix = p.apart.Planes[:0], g.swap, p.alloc(size)
	rest := p.apart.Pix
	for _, a := range filters {
		w, h := a.across.Samples, a.down.Samples
		plane := resample.Plane{Pix: rest[: w*h : w*h], Stride: w, W: w, H: h}
		p.apart.Planes = append(p.apart.Planes, Unsized{Plane: plane, Across: &a.across, Down: &a.down})
		rest = rest[w*h:]
	}
	return p.apart.Planes
}

// WriteJPEG writes a picture that a device resized, given the samples of its planes one after another.
func (r *Resizer) WriteJPEG(out string, shape Shape, samples []byte) error {
	return r.with(func(p *processor) error {
		file, err := p.encodeApart(shape, samples)
		if err != nil {
			return err
		}
		return WriteFile(out, file)
	})
}

func (p *processor) encodeApart(shape Shape, samples []byte) ([]byte, error) {
	p.out.w, p.out.h, p.out.profile = shape.W, shape.H, shape.Profile
	switch {
	case shape.Channels == 1:
		p.out.model = modelGray
	case shape.Channels == 3 && shape.YCbCr:
		p.out.model = modelYCbCr
	case shape.Channels == 3:
		p.out.model = modelRGB
	default:
		return nil, fmt.Errorf("a picture of %d planes", shape.Channels)
	}
	for i, size := range shape.Sizes() {
		n := size[0] * size[1]
		if len(samples) < n {
			return nil, fmt.Errorf("plane %d of the picture has %d bytes, want %d x %d", i, len(samples), size[0], size[1])
		}
		// A copy: the processor reuses the buffers of p.out.
		p.out.planes[i].Resize(size[0], size[1])
		copy(p.out.planes[i].Pix, samples)
		samples = samples[n:]
	}
	return p.encode(formatJPEG)
}
