package thumb

import (
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
)

// geometry relates a stored picture to its result.
type geometry struct {
	w, h int // of the stored picture
	// outW and outH are the result's size along the stored picture's sides, exchanged if swap is set.
	outW, outH             int
	swap, mirrorX, mirrorY bool
}

// geometry computes the size of the result for a picture of w by h pixels. It fails if the result is too large.
func (p *processor) geometry(w, h int, o meta.Orientation) (geometry, error) {
	g := geometry{w: w, h: h, swap: o.Swap(), mirrorX: o.MirrorX(), mirrorY: o.MirrorY()}
	if g.swap {
		p.out.w, p.out.h = fit(h, w, p.options.Size, p.options.Enlarge)
		g.outW, g.outH = p.out.h, p.out.w
	} else {
		p.out.w, p.out.h = fit(w, h, p.options.Size, p.options.Enlarge)
		g.outW, g.outH = p.out.w, p.out.h
	}
	if pixels := int64(g.outW) * int64(g.outH); pixels > p.options.MaxPixels {
		return g, fmt.Errorf("the thumbnail would have %d x %d = %d pixels, more than %w", p.out.w, p.out.h, pixels, p.limit())
	}
	return g, nil
}

// errLimit is in the errors for pictures and thumbnails that are too large.
var errLimit = errors.New("the limit")

func (p *processor) limit() error {
	return fmt.Errorf("%w of %d (--max-pixels)", errLimit, p.options.MaxPixels)
}

func (p *processor) checkPixels(w, h int) error {
	if pixels := int64(w) * int64(h); pixels > p.options.MaxPixels {
		return fmt.Errorf("the picture's header promises %d x %d = %d pixels, more than %w", w, h, pixels, p.limit())
	}
	if w < 1 || h < 1 {
		return fmt.Errorf("the picture's header promises %d x %d pixels", w, h)
	}
	return nil
}

// setAxes sets the filters for a plane decoded at eighths/8 of the picture's size. A sample of the plane covers fx by fy
// pixels, and one of the result gx by gy.
func (p *processor) setAxes(a *axes, g geometry, eighths, fx, fy, gx, gy int) {
	a.across.Set(span(g.w, g.outW, eighths, fx, gx, g.mirrorX))
	a.down.Set(span(g.h, g.outH, eighths, fy, gy, g.mirrorY))
}

func span(n, out, eighths, from, to int, mirror bool) resample.Span {
	extent := float64(n*eighths) / 8 / float64(from)
	scaled := (n*eighths + 7) / 8
	return resample.Span{
		Samples: (scaled + from - 1) / from,
		Extent:  extent,
		Out:     (out + to - 1) / to,
		Scale:   extent * float64(to) / float64(out),
		Mirror:  mirror,
	}
}

// scaleImage is scalePlanes for the planes of a picture of its full size.
func (p *processor) scaleImage(g geometry, fx, fy int, planes ...resample.Plane) {
	copy(p.source[:], planes)
	p.scalePlanes(g, len(planes), 8, fx, fy)
	p.source = [3]resample.Plane{}
}

// scalePlanes resizes the first n planes of p.source: a grey picture, or a YCbCr one whose colour samples cover fx by fy
// pixels. They were decoded at eighths/8 of the picture's size.
func (p *processor) scalePlanes(g geometry, n, eighths, fx, fy int) {
	p.out.model = modelGray
	if n == 3 {
		p.out.model = modelYCbCr
		p.setAxes(&p.chroma, g, eighths, fx, fy, 2, 2)
	}
	p.setAxes(&p.luma, g, eighths, 1, 1, 1, 1)
	if p.apart != nil {
		p.keepPlanes(g, n)
		return
	}
	for i := range n {
		a := &p.luma
		if i > 0 {
			a = &p.chroma
		}
		// The decoder pads its planes: leave out what is beyond the picture.
		src := p.source[i]
		src.W, src.H = a.across.Samples, a.down.Samples
		p.scaler.Scale(&p.out.planes[i], src, &a.across, &a.down, g.swap)
	}
}

// scaleRows resizes a picture that is read row by row, decoded at eighths/8 of its size, into planes of the model.
func (p *processor) scaleRows(g geometry, eighths int, into model, read rowReader) {
	p.setAxes(&p.luma, g, eighths, 1, 1, 1, 1)
	p.out.model = into
	n := into.channels()
	if p.apart != nil {
		p.keepRows(g, n, read)
		return
	}
	p.scaler.ScaleRows(p.out.planes[:n], &p.luma.across, &p.luma.down, g.swap, func(y int, row [][]byte) {
		var channel [4][]byte
		copy(channel[:], row)
		read(y, channel[0], channel[1], channel[2], channel[3])
	})
}
