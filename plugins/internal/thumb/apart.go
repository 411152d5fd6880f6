package thumb

import (
	"bytes"
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
)

// Picture is a picture that was read and is to be resized elsewhere, by the filters that a Resizer would use.
type Picture struct {
	// W and H are the result's size.
	W, H int
	// Planes are one (grey), or three: red, green and blue, or, for a JPEG that becomes one, luminance and two colour planes, whose results have half
	// the size in both directions, rounded up.
	Planes []Unsized
	YCbCr  bool
	// Swap says that the result's columns are what goes down in the planes.
	Swap bool
	// Profile holds the ICC profile's segments of a JPEG that becomes one.
	Profile [][]byte
	// Pix is the memory of all planes, one behind the other.
	Pix []byte
}

// Unsized is one plane of a picture, without gaps between its rows, and the filters along its sides.
type Unsized struct {
	Plane        resample.Plane
	Across, Down *resample.Axis
}

// Read reads a picture to be resized elsewhere: to a JPEG if asJPEG is set, and to red, green and blue otherwise. alloc gives the memory for its
// planes. use gets the picture, whose filters are the Resizer's and may be kept no longer.
func (r *Resizer) Read(ctx context.Context, in string, asJPEG bool, alloc func(n int) []byte, use func(*Picture) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := r.take()
	if err != nil {
		return err
	}
	p.apart, p.alloc = &Picture{}, alloc
	err = p.readApart(in, asJPEG)
	if err == nil {
		err = use(p.apart)
	}
	p.apart, p.alloc = nil, nil
	r.put(p)
	return err
}

func (p *processor) readApart(in string, asJPEG bool) error {
	var err error
	if p.input, err = readFile(p.input, in); err != nil {
		return err
	}
	from, err := sniff(p.input)
	if err != nil {
		return err
	}
	to := formatRGB
	if asJPEG {
		to = formatJPEG
	}
	p.orientation, p.out.profile = meta.Upright, nil
	if from == formatJPEG {
		err = p.decodeJPEG(p.input, to)
	} else {
		err = p.decodeStd(p.input, from, to)
	}
	p.apart.W, p.apart.H = p.out.w, p.out.h
	p.apart.YCbCr = p.out.model == modelYCbCr
	if asJPEG {
		p.apart.Profile = p.out.profile
	}
	return err
}

// keepPlanes copies the first n planes of p.source.
func (p *processor) keepPlanes(g geometry, n int) {
	size := 0
	filters := [3]*axes{&p.luma, &p.chroma, &p.chroma}
	for _, a := range filters[:n] {
		size += a.across.Samples() * a.down.Samples()
	}
	rest := p.beginApart(g, size)
	for i, a := range filters[:n] {
		var plane resample.Plane
		plane, rest = p.addApart(a, rest)
		for y := range plane.H {
			copy(plane.Row(y), p.source[i].Pix[y*p.source[i].Stride:])
		}
	}
}

// keepRows copies a picture that is read row by row.
func (p *processor) keepRows(g geometry, n int, read rowReader) {
	rest := p.beginApart(g, n*p.luma.across.Samples()*p.luma.down.Samples())
	var planes [4]resample.Plane
	for i := range n {
		planes[i], rest = p.addApart(&p.luma, rest)
	}
	for y := range planes[0].H {
		var row [4][]byte
		for i := range n {
			row[i] = planes[i].Row(y)
		}
		read(y, row[0], row[1], row[2], row[3])
	}
}

// beginApart returns the memory for all planes. A picture may be begun twice, when a first decoder gives it up.
func (p *processor) beginApart(g geometry, size int) []byte {
	p.apart.Planes, p.apart.Swap = p.apart.Planes[:0], g.swap
	p.apart.Pix = p.alloc(size)
	return p.apart.Pix
}

func (p *processor) addApart(a *axes, memory []byte) (plane resample.Plane, rest []byte) {
	w, h := a.across.Samples(), a.down.Samples()
	plane = resample.Plane{Pix: memory[: w*h : w*h], Stride: w, W: w, H: h}
	p.apart.Planes = append(p.apart.Planes, Unsized{Plane: plane, Across: &a.across, Down: &a.down})
	return plane, memory[w*h:]
}

// Resized is a picture that was resized elsewhere.
type Resized struct {
	W, H int
	// Planes are as those of the Picture, without gaps; the colour planes of YCbCr have half the size in both directions, rounded up.
	Planes  [][]byte
	YCbCr   bool
	Profile [][]byte
}

// WriteJPEG writes a picture that was resized elsewhere.
func (r *Resizer) WriteJPEG(out string, m Resized) error {
	p, err := r.take()
	if err != nil {
		return err
	}
	file, err := p.encodeApart(m)
	if err == nil {
		err = writeFile(out, file)
	}
	r.put(p)
	return err
}

// PlaneSizes returns the sizes of a result's planes.
func PlaneSizes(w, h, planes int, ycbcr bool) [][2]int {
	sizes := [][2]int{{w, h}, {w, h}, {w, h}}[:planes]
	if ycbcr {
		sizes[1], sizes[2] = [2]int{(w + 1) / 2, (h + 1) / 2}, [2]int{(w + 1) / 2, (h + 1) / 2}
	}
	return sizes
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
		// Copied: the encoder keeps buffers that it was given.
		p.out.planes[i].Resize(size[0], size[1])
		copy(p.out.planes[i].Pix, m.Planes[i])
	}
	return p.encode(formatJPEG)
}

// WriteFile writes a file in one go, and leaves none behind when that fails.
func WriteFile(path string, parts ...[]byte) error { return writeFile(path, bytes.Join(parts, nil)) }
