// Package resample resizes planes of 8-bit samples with a Lanczos filter of three lobes.
//
// A resize is two passes of one loop, a weighted sum of rows, with a transposition in between; rows are contiguous, so the loop
// vectorises whatever the scale is. Turning and mirroring cost nothing: a mirrored axis has its windows in reverse
// order, and a picture whose sides change places leaves out the second transposition.
package resample

import (
	"math"
	"sync"
)

// Span says which part of a plane's axis becomes how many samples.
type Span struct {
	// Samples is how many source samples there are along the axis; nothing beyond them is read.
	Samples int
	// Extent is the length that is mapped, in source samples. It differs from Samples where the last sample covers the
	// picture only in part: an odd number of pixels at half resolution.
	Extent float64
	// Out is how many samples are made, and Scale the distance of their centres in source samples. The centres are at
	// (i+0.5)*Scale.
	Out   int
	Scale float64
	// Mirror makes them in reverse order, counted from Extent.
	Mirror bool
}

// Axis is a Span turned into windows of coefficients. The zero value is ready for Set; an Axis may be set again and keeps its
// memory.
type Axis struct {
	span     Span
	identity bool
	first    []int32 // the first source sample of each window
	start    []int32 // where each window's coefficients begin in coefs; one more than there are windows
	coefs    []int16
	weights  []float64
}

// Out returns how many samples the axis makes.
func (a *Axis) Out() int { return a.span.Out }

// Samples returns how many source samples the axis reads from.
func (a *Axis) Samples() int { return a.span.Samples }

// Windows is an Axis as plain tables, for filters that run elsewhere: output sample i is the sum of Coefs[Start[i]+k] times the source
// sample First[i]+k, for Start[i]+k below Start[i+1], plus a half, shifted right by CoefBits and clamped to a byte.
type Windows struct {
	// Samples is how many source samples there are.
	Samples int
	First   []int32
	// Start has one element more than First.
	Start []int32
	Coefs []int16
}

// CoefBits is how many bits of a coefficient are its fraction.
const CoefBits = coefBits

// Windows returns the axis's tables. They are its own until it is set again.
func (a *Axis) Windows() Windows {
	return Windows{Samples: a.span.Samples, First: a.first, Start: a.start, Coefs: a.coefs}
}

// SetWindows makes the axis one of the given tables, which it keeps.
func (a *Axis) SetWindows(w Windows) {
	*a = Axis{span: Span{Samples: w.Samples, Out: len(w.First)}, first: w.First, start: w.Start, coefs: w.Coefs}
}

// window returns the coefficients of output sample i and the first source sample that they weigh.
func (a *Axis) window(i int) (first int, coefs []int16) {
	return int(a.first[i]), a.coefs[a.start[i]:a.start[i+1]]
}

// Set computes the windows for a span. Samples and Out must be at least 1, and Scale above 0.
func (a *Axis) Set(s Span) {
	if s == a.span {
		return
	}
	a.span = s
	a.identity = s.Scale == 1 && !s.Mirror && s.Out == s.Samples
	a.first, a.start, a.coefs = a.first[:0], append(a.start[:0], 0), a.coefs[:0]
	// Shrinking widens the filter with the scale; enlarging interpolates with the filter as it is.
	stretch := max(s.Scale, 1)
	reach := lobes * stretch
	for i := range s.Out {
		centre := (float64(i) + 0.5) * s.Scale
		if s.Mirror {
			centre = s.Extent - centre
		}
		from := max(int(centre-reach+0.5), 0)
		to := min(int(centre+reach+0.5), s.Samples)
		from = min(from, s.Samples-1)
		to = max(to, from+1)
		a.appendWindow(from, to, centre-0.5, 1/stretch)
	}
}

// appendWindow adds the window of samples from…to-1 around centre. Its coefficients sum up to exactly 1, so an even area
// keeps its value.
func (a *Axis) appendWindow(from, to int, centre, shrink float64) {
	a.weights = a.weights[:0]
	total := 0.0
	for k := from; k < to; k++ {
		w := lanczos((float64(k) - centre) * shrink)
		a.weights = append(a.weights, w)
		total += w
	}
	if total == 0 {
		// A window of one sample that lies on a zero of the filter.
		a.weights[0], total = 1, 1
	}
	// Zeros at the ends are left out: an axis that changes nothing then has windows of one sample.
	quantised := func(k int) int { return int(math.Round(a.weights[k] / total * coefOne)) }
	lo, hi := 0, len(a.weights)
	for lo < hi-1 && quantised(lo) == 0 {
		lo++
	}
	for hi > lo+1 && quantised(hi-1) == 0 {
		hi--
	}
	sum, largest := 0, len(a.coefs)
	for k := lo; k < hi; k++ {
		q := quantised(k)
		a.coefs = append(a.coefs, int16(q))
		sum += q
		if at := len(a.coefs) - 1; a.coefs[at] > a.coefs[largest] {
			largest = at
		}
	}
	a.coefs[largest] += int16(coefOne - sum)
	a.first = append(a.first, int32(from+lo))
	a.start = append(a.start, int32(len(a.coefs)))
}

const (
	lobes     = 3
	tableStep = 4096 // entries for a distance of 1; interpolation between them is right to 1e-7
)

// lanczosTable holds the filter for distances of 0 to lobes: two sines a coefficient would take a tenth of a picture's time.
var lanczosTable = sync.OnceValue(func() []float64 {
	table := make([]float64, lobes*tableStep+2)
	for i := range table {
		table[i] = lanczosExact(float64(i) / tableStep)
	}
	return table
})

func lanczos(x float64) float64 {
	at := math.Abs(x) * tableStep
	i := int(at)
	if i >= lobes*tableStep {
		return 0
	}
	table := lanczosTable()
	return table[i] + (table[i+1]-table[i])*(at-float64(i))
}

func lanczosExact(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.Abs(x) >= lobes {
		return 0
	}
	px := math.Pi * x
	return lobes * math.Sin(px) * math.Sin(px/lobes) / (px * px)
}
