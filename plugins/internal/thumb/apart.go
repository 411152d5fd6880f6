package thumb

import (
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
)

// Picture is a decoded picture, and the filters to resize it on a device.
type Picture struct {
	// W and H are the result's size.
	W, H int
	// Planes are one (grey) or three: red, green and blue, or with YCbCr (from JPEG to JPEG) luminance and two colour planes,
	// whose results have half the size in both directions, rounded up.
	Planes []Unsized
	YCbCr  bool
	// Swap: the result's columns are the planes' rows.
	Swap bool
	// Profile is the ICC profile's segments, from JPEG to JPEG.
	Profile [][]byte
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
	p, err := r.take()
	if err != nil {
		return err
	}
	p.apart, p.alloc = &Picture{}, alloc
	if err = readFile(&p.input, in); err == nil {
		to := formatRGB
		if asJPEG {
			to = formatJPEG
		}
		err = p.decode(p.input.Bytes(), to)
	}
	if err == nil {
		p.apart.W, p.apart.H, p.apart.YCbCr = p.out.w, p.out.h, p.out.model == modelYCbCr
		if asJPEG {
			p.apart.Profile = p.out.profile
		}
		err = use(p.apart)
	}
	p.apart, p.alloc = nil, nil
	r.put(p)
	return err
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
		size += a.across.Samples() * a.down.Samples()
	}
	p.apart.Planes, p.apart.Swap, p.apart.Pix = p.apart.Planes[:0], g.swap, p.alloc(size)
	rest := p.apart.Pix
	for _, a := range filters {
		w, h := a.across.Samples(), a.down.Samples()
		plane := resample.Plane{Pix: rest[: w*h : w*h], Stride: w, W: w, H: h}
		p.apart.Planes = append(p.apart.Planes, Unsized{Plane: plane, Across: &a.across, Down: &a.down})
		rest = rest[w*h:]
	}
	return p.apart.Planes
}

// Resized is a picture that a device resized. Its planes are those of the Picture, without gaps.
type Resized struct {
	W, H    int
	Planes  [][]byte
	YCbCr   bool
	Profile [][]byte
}

// WriteJPEG writes a resized picture.
func (r *Resizer) WriteJPEG(out string, m Resized) error {
	p, err := r.take()
	if err != nil {
		return err
	}
	file, err := p.encodeApart(m)
	if err == nil {
		err = WriteFile(out, file)
	}
	r.put(p)
	return err
}

// PlaneSizes returns the sizes of a result's planes.
func PlaneSizes(w, h, planes int, ycbcr bool) [][2]int {
	full, half := [2]int{w, h}, [2]int{(w + 1) / 2, (h + 1) / 2}
	if ycbcr {
		return [][2]int{full, half, half}
	}
	return [][2]int{full, full, full}[:planes]
}

func (p *processor) encodeApart(m Resized) ([]byte, error) {
	p.out.w, p.out.h, p.out.profile = m.W, m.H, m.Profile
	switch {
	case len(m.Planes) == 1:
		p.out.model = modelGray
	case len(m.Planes) == 3 && m.YCbCr:
		p.out.model = modelYCbCr
	case len(m.Planes) == 3:
		p.out.model = modelRGB
	default:
		return nil, fmt.Errorf("a picture of %d planes", len(m.Planes))
	}
	for i, size := range PlaneSizes(m.W, m.H, len(m.Planes), m.YCbCr) {
		if len(m.Planes[i]) != size[0]*size[1] {
			return nil, fmt.Errorf("plane %d of the picture has %d bytes, want %d x %d", i, len(m.Planes[i]), size[0], size[1])
		}
		// A copy: the processor reuses the buffers of p.out.
		p.out.planes[i].Resize(size[0], size[1])
		copy(p.out.planes[i].Pix, m.Planes[i])
	}
	return p.encode(formatJPEG)
}
