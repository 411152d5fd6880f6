package thumb

import (
	"image"

	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
)

// model is the meaning of a result's planes.
type model int

const (
	modelGray  model = iota // 1 plane
	modelYCbCr              // 3 planes, the colour ones at half the resolution in both directions
	modelRGB                // 3 planes
	modelRGBA               // 4 planes, colours multiplied by the opacity
)

// channels is the number of planes.
func (m model) channels() int {
	return [...]int{modelGray: 1, modelYCbCr: 3, modelRGB: 3, modelRGBA: 4}[m]
}

// result is a resized picture, still as planes.
type result struct {
	model  model
	w, h   int
	planes [4]resample.Plane
	// profile is the ICC profile's JPEG segments, which share the input's memory.
	profile [][]byte
}

// toYCbCr converts an RGB result to modelYCbCr, as JFIF does.
func (r *result) toYCbCr(scratch *[3]resample.Plane) {
	y, cb, cr := &scratch[0], &scratch[1], &scratch[2]
	cw, ch := (r.w+1)/2, (r.h+1)/2
	y.Resize(r.w, r.h)
	cb.Resize(cw, ch)
	cr.Resize(cw, ch)
	const half = 1 << 15
	for v := range r.h {
		red, green, blue, out := r.planes[0].Row(v), r.planes[1].Row(v), r.planes[2].Row(v), y.Row(v)
		for x := range out {
			out[x] = uint8((19595*uint32(red[x]) + 38470*uint32(green[x]) + 7471*uint32(blue[x]) + half) >> 16)
		}
	}
	for v := range ch {
		y0, y1 := 2*v, min(2*v+1, r.h-1)
		outB, outR := cb.Row(v), cr.Row(v)
		for u := range cw {
			x0, x1 := 2*u, min(2*u+1, r.w-1)
			mean := func(c int) int32 {
				p := &r.planes[c]
				return int32(p.Pix[y0*p.Stride+x0]) + int32(p.Pix[y0*p.Stride+x1]) + int32(p.Pix[y1*p.Stride+x0]) + int32(p.Pix[y1*p.Stride+x1])
			}
			red, green, blue := mean(0), mean(1), mean(2)
			// The sums are four samples each: two bits more to shift out.
			outB[u] = clamp((-11058*red - 21710*green + 32768*blue + (128 * 4 << 16) + 2<<16 - 1) >> 18)
			outR[u] = clamp((32768*red - 27439*green - 5329*blue + (128 * 4 << 16) + 2<<16 - 1) >> 18)
		}
	}
	r.model = modelYCbCr
	r.planes[0], scratch[0] = scratch[0], r.planes[0]
	r.planes[1], scratch[1] = scratch[1], r.planes[1]
	r.planes[2], scratch[2] = scratch[2], r.planes[2]
}

func clamp(v int32) uint8 { return uint8(max(0, min(255, v))) }

// asImage returns the planes as an image, which may share their memory.
func (r *result) asImage() image.Image {
	rect := image.Rect(0, 0, r.w, r.h)
	switch r.model {
	case modelGray:
		return &image.Gray{Pix: r.planes[0].Pix, Stride: r.planes[0].Stride, Rect: rect}
	case modelYCbCr:
		return &image.YCbCr{
			Y: r.planes[0].Pix, Cb: r.planes[1].Pix, Cr: r.planes[2].Pix,
			YStride: r.planes[0].Stride, CStride: r.planes[1].Stride,
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: rect,
		}
	case modelRGB:
		out := image.NewRGBA(rect)
		for y := range r.h {
			red, green, blue, row := r.planes[0].Row(y), r.planes[1].Row(y), r.planes[2].Row(y), out.Pix[y*out.Stride:]
			for x := range red {
				copy(row[4*x:4*x+4], []byte{red[x], green[x], blue[x], 255})
			}
		}
		return out
	default:
		return r.asNRGBA(rect)
	}
}

// asNRGBA divides the colours by the opacity again.
func (r *result) asNRGBA(rect image.Rectangle) image.Image {
	out := image.NewNRGBA(rect)
	for y := range r.h {
		alpha, row := r.planes[3].Row(y), out.Pix[y*out.Stride:]
		for c := range 3 {
			from := r.planes[c].Row(y)
			for x, a := range alpha {
				if a != 0 {
					// The filter may overshoot: limit the colour.
					row[4*x+c] = uint8(min(255, (uint32(from[x])*255+uint32(a)/2)/uint32(a)))
				}
			}
		}
		for x, a := range alpha {
			row[4*x+3] = a
		}
	}
	return out
}
