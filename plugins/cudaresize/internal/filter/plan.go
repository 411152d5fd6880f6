// Package filter resizes batches of pictures on a CUDA device or on the CPU, with the same results: Load computes the windows
// of the filter, and both devices sum up the same integers.
package filter

import (
	"fmt"
	"unsafe"

	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
	"github.com/kagurazaka/kagurazaka/plugins/internal/thumb"
	"github.com/kagurazaka/kagurazaka/sdk/cuda"
)

// Layout is the layout of a resized picture.
type Layout int32

// The layouts.
const (
	// Planes are bytes, one plane after another, for a JPEG.
	Planes Layout = iota
	// Bytes are height x width x 3.
	Bytes
	// Floats are 3 x height x width, normalised.
	Floats
)

// A plan describes how to resize one picture: a header, and then the first samples and the starts of the windows of each filter, all
// as int32. The coefficients are in a separate array.
type header struct {
	layout Layout
	w, h   int32
	// ycbcr and swap are 1 or 0.
	ycbcr, swap int32
	planes      int32
	plane       [maxPlanes]struct{ begin, w, h, across, down int32 }
	axis        [2 * maxPlanes]struct{ samples, out, first, start, coefs int32 }
}

const (
	maxPlanes  = 3
	headerSize = int(unsafe.Sizeof(header{}) / 4)
)

// headerOf is the header of a plan, in its memory.
func headerOf(plan []int32) *header { return (*header)(unsafe.Pointer(unsafe.SliceData(plan))) }

// Load makes the arrays of a picture.
func Load(m *thumb.Picture, layout Layout) ([]cuda.Tensor, error) {
	if n := len(m.Planes); n != 1 && n != maxPlanes {
		return nil, fmt.Errorf("a picture of %d planes", n)
	}
	h := header{layout: layout, w: int32(m.W), h: int32(m.H), planes: int32(len(m.Planes))}
	if m.YCbCr {
		h.ycbcr = 1
	}
	if m.Swap {
		h.swap = 1
	}
	plan := make([]int32, headerSize, headerSize+4096)
	var coefs []int16
	known := map[*resample.Axis]int32{}
	add := func(a *resample.Axis) int32 {
		if i, ok := known[a]; ok {
			return i
		}
		i := int32(len(known))
		known[a] = i
		axis := &h.axis[i]
		axis.samples, axis.out, axis.coefs = int32(a.Samples), int32(len(a.First)), int32(len(coefs))
		axis.first, axis.start = int32(len(plan)), int32(len(plan)+len(a.First))
		plan = append(append(plan, a.First...), a.Start...)
		coefs = append(coefs, a.Coefs...)
		return i
	}
	begin := 0
	for i, p := range m.Planes {
		plane := &h.plane[i]
		plane.begin, plane.w, plane.h, plane.across, plane.down = int32(begin), int32(p.Plane.W), int32(p.Plane.H), add(p.Across), add(p.Down)
		begin += len(p.Plane.Pix)
	}
	*headerOf(plan) = h
	return []cuda.Tensor{
		{DType: "uint8", Shape: []int{len(m.Pix)}, Data: m.Pix},
		{DType: "int32", Shape: []int{len(plan)}, Data: cuda.Raw(plan)},
		{DType: "int16", Shape: []int{len(coefs)}, Data: cuda.Raw(coefs)},
	}, nil
}

// job is the resizing of one plane, as resize.cu has it.
type job struct {
	source, width                         int64
	across, down                          int64
	firstAcross, startAcross, coefsAcross int64
	firstDown, startDown, coefsDown       int64
	between                               int64
	target                                int64
	stepAcross, stepDown                  int64
	channel, _                            int64
}

// work is the work for a batch.
type work struct {
	jobs []job
	swap []bool // of each job
	// bytes and floats are the shapes of the two results. One of an item's shapes is empty.
	bytes, floats [][]int
	between       int
	// largestDown and largestAcross are the most samples that a job computes in each pass.
	largestDown, largestAcross int
}

// planOf makes the jobs of a batch.
func planOf(batch *cuda.Batch) (*work, error) {
	pixels, plans, coefs := batch.Tensors[0], batch.Tensors[1], batch.Tensors[2]
	w := &work{}
	bytes, floats := 0, 0
	for i := range batch.Len {
		plan := cuda.View[int32](plans.Host[plans.Offsets[i]:plans.Offsets[i+1]])
		if len(plan) < headerSize {
			return nil, fmt.Errorf("the plan of picture %d has %d numbers", i, len(plan))
		}
		head := headerOf(plan)
		pw, ph, n := int(head.w), int(head.h), int(head.planes)
		layout, ycbcr, swap := head.layout, head.ycbcr != 0, head.swap != 0
		none := []int{0}
		switch layout {
		case Planes:
			size := 0
			for _, s := range (thumb.Shape{W: pw, H: ph, Channels: n, YCbCr: ycbcr}).Sizes() {
				size += s[0] * s[1]
			}
			w.bytes, w.floats = append(w.bytes, []int{size}), append(w.floats, none)
		case Bytes:
			w.bytes, w.floats = append(w.bytes, []int{ph, pw, 3}), append(w.floats, none)
		default:
			w.bytes, w.floats = append(w.bytes, none), append(w.floats, []int{3, ph, pw})
		}
		results := n
		if layout != Planes {
			results = 3 // grey three times
		}
		for r := range results {
			plane := &head.plane[min(r, n-1)]
			across, down := &head.axis[plane.across], &head.axis[plane.down]
			tables := int64(plans.Offsets[i] / 4)
			filters := int64(coefs.Offsets[i] / 2)
			j := job{
				source: int64(pixels.Offsets[i]) + int64(plane.begin), width: int64(plane.w), across: int64(across.out), down: int64(down.out),
				firstAcross: tables + int64(across.first), startAcross: tables + int64(across.start), coefsAcross: filters + int64(across.coefs),
				firstDown: tables + int64(down.first), startDown: tables + int64(down.start), coefsDown: filters + int64(down.coefs),
				between: int64(w.between), channel: -1,
			}
			w.between += int(j.width * j.down)
			w.largestDown = max(w.largestDown, int(j.width*j.down))
			w.largestAcross = max(w.largestAcross, int(j.across*j.down))
			// Along a row of the result and from row to row; exchanged when the sides are.
			along, row := int64(1), j.across
			if swap {
				row = j.down
			}
			switch layout {
			case Planes:
				j.target = int64(bytes)
				bytes += int(j.across * j.down)
			case Bytes:
				along, row = 3, 3*row
				j.target = int64(bytes + r)
				if r == 2 {
					bytes += 3 * pw * ph
				}
			default:
				j.target, j.channel = int64(floats), int64(r)
				floats += int(j.across * j.down)
			}
			j.stepAcross, j.stepDown = along, row
			if swap {
				j.stepAcross, j.stepDown = row, along
			}
			w.jobs, w.swap = append(w.jobs, j), append(w.swap, swap)
		}
	}
	return w, nil
}
