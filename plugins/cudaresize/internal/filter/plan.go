// Package filter resizes batches of pictures on a CUDA device or on the CPU, with the same results: Load computes the windows
// of the filter, and both devices sum up the same integers.
package filter

import (
	"fmt"

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

// A plan describes how to resize one picture: a header of int32, and then the first samples and the starts of the windows of
// each filter. The coefficients are in a separate array.
const (
	atLayout = iota
	atW
	atH
	atPlanes // the number of planes
	atYCbCr
	atSwap
	atPlane // planeSize numbers for each of maxPlanes
	atAxis  = atPlane + maxPlanes*planeSize
	header  = atAxis + maxAxes*axisSize

	maxPlanes, planeSize = 3, 5 // offset, width, height, the filter across, the filter down
	maxAxes, axisSize    = 4, 5 // samples, results, and the offsets of first samples, starts and coefficients
)

// Load makes the arrays of a picture.
func Load(m *thumb.Picture, layout Layout) ([]cuda.Tensor, error) {
	if n := len(m.Planes); n != 1 && n != maxPlanes {
		return nil, fmt.Errorf("a picture of %d planes", n)
	}
	plan := make([]int32, header, header+4096)
	var coefs []int16
	plan[atLayout], plan[atW], plan[atH], plan[atPlanes] = int32(layout), int32(m.W), int32(m.H), int32(len(m.Planes))
	if m.YCbCr {
		plan[atYCbCr] = 1
	}
	if m.Swap {
		plan[atSwap] = 1
	}
	known := map[*resample.Axis]int32{}
	add := func(a *resample.Axis) int32 {
		if i, ok := known[a]; ok {
			return i
		}
		i := int32(len(known))
		known[a] = i
		w := a.Windows()
		at := plan[atAxis+i*axisSize:]
		at[0], at[1], at[2], at[3], at[4] = int32(w.Samples), int32(len(w.First)), int32(len(plan)), int32(len(plan)+len(w.First)), int32(len(coefs))
		plan = append(append(plan, w.First...), w.Start...)
		coefs = append(coefs, w.Coefs...)
		return i
	}
	begins := 0
	for i, p := range m.Planes {
		across, down := add(p.Across), add(p.Down)
		at := plan[atPlane+i*planeSize:]
		at[0], at[1], at[2], at[3], at[4] = int32(begins), int32(p.Plane.W), int32(p.Plane.H), across, down
		begins += len(p.Plane.Pix)
	}
	return []cuda.Tensor{
		{DType: "uint8", Shape: []int{len(m.Pix)}, Data: m.Pix},
		{DType: "int32", Shape: []int{len(plan)}, Data: cuda.Raw(plan)},
		{DType: "int16", Shape: []int{len(coefs)}, Data: cuda.Raw(coefs)},
	}, nil
}

// axis is a filter of a plan.
type axis struct{ samples, out, first, start, coefs int }

func axisOf(plan []int32, i int32) axis {
	at := plan[atAxis+i*axisSize:]
	return axis{int(at[0]), int(at[1]), int(at[2]), int(at[3]), int(at[4])}
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
		if len(plan) < header {
			return nil, fmt.Errorf("the plan of picture %d has %d numbers", i, len(plan))
		}
		pw, ph, n := int(plan[atW]), int(plan[atH]), int(plan[atPlanes])
		layout, ycbcr, swap := Layout(plan[atLayout]), plan[atYCbCr] != 0, plan[atSwap] != 0
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
			at := plan[atPlane+min(r, n-1)*planeSize:]
			across, down := axisOf(plan, at[3]), axisOf(plan, at[4])
			tables := int64(plans.Offsets[i] / 4)
			filters := int64(coefs.Offsets[i] / 2)
			j := job{
				source: int64(pixels.Offsets[i]) + int64(at[0]), width: int64(at[1]), across: int64(across.out), down: int64(down.out),
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
