// Package resample resizes planes of 8-bit samples with a Lanczos filter of three lobes.
//
// A resize is two passes of one loop, a weighted sum of rows, with a transposition in between. Rows are contiguous, so the
// loop vectorises at any scale. Turning and mirroring are free: a mirrored axis has its windows in reverse order, and a
// picture with swapped sides omits the second transposition.
package resample

import (
	"math"
	"sync"
)

// Span maps source samples along an axis to output samples.
type Span struct {
	// Samples is the number of source samples.
	Samples int
	// Extent is the mapped length in source samples. It is less than Samples if the picture covers only a part of the last
	// one: an odd number of pixels at half resolution.
	Extent float64
	// Out is the number of output samples. Their centres are at (i+0.5)*Scale in source samples.
	Out   int
	Scale float64
	// Mirror reverses the order, from Extent to 0.
	Mirror bool
}

// Axis has the windows of coefficients for a Span. The zero value is ready for Set, and Set reuses memory.
type Axis struct {
	Windows
	span     Span
	identity bool
	weights  []float64
}

// Out returns the number of output samples.
func (a *Axis) Out() int { return len(a.First) }

// Windows is an Axis as plain tables, for filters on a device. Output sample i is the sum of Coefs[Start[i]+k] times the
// source sample First[i]+k, for Start[i]+k below Start[i+1], plus a half, shifted right by coefBits and clamped to a byte.
type Windows struct {
	// Samples is the number of source samples.
	Samples int
	First   []int32
	// Start has one element more than First.
	Start []int32
	Coefs []int16
}

// window returns the coefficients of output sample i and the first source sample that they weigh.
func (a *Axis) window(i int) (first int, coefs []int16) {
	return int(a.First[i]), a.Coefs[a.Start[i]:a.Start[i+1]]
}

// Set computes the windows for a span. Samples and Out must be at least 1, and Scale above 0.
func (a *Axis) Set(s Span) {
	if s == a.span {
		return
	}
	a.span = s
	a.identity = s.Scale == 1 && !s.Mirror && s.Out == s.Samples
	a.Samples, a.First, a.Start, a.Coefs = s.Samples, a.First[:0], append(a.Start[:0], 0), a.Coefs[:0]
	// Shrinking widens the filter. Enlarging interpolates with the original filter.
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

// appendWindow adds the window of samples from…to-1 around centre. Its coefficients sum up to exactly 1, so a uniform area
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
		// The only sample is at a zero of the filter.
		a.weights[0], total = 1, 1
	}
	// Without zeros at the ends, an axis that changes nothing has windows of one sample.
	quantised := func(k int) int { return int(math.Round(a.weights[k] / total * coefOne)) }
	lo, hi := 0, len(a.weights)
	for lo < hi-1 && quantised(lo) == 0 {
		lo++
	}
	for hi > lo+1 && quantised(hi-1) == 0 {
		hi--
	}
	sum, largest := 0, len(a.Coefs)
	for k := lo; k < hi; k++ {
		q := quantised(k)
		a.Coefs = append(a.Coefs, int16(q))
		sum += q
		if at := len(a.Coefs) - 1; a.Coefs[at] > a.Coefs[largest] {
			largest = at
		}
	}
	a.Coefs[largest] += int16(coefOne - sum)
	a.First = append(a.First, int32(from+lo))
	a.Start = append(a.Start, int32(len(a.Coefs)))
}

const (
	lobes     = 3
	tableStep = 4096 // entries for a distance of 1; the error of interpolation is below 1e-7
)

// lanczosTable has the filter for distances from 0 to lobes. Computing it would take a tenth of a picture's time.
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
