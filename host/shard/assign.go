package shard

import (
	"cmp"
	"math"
	"slices"
)

// MaxParts is the largest number of parts.
const MaxParts = 1 << 16

// chunk is how many weights lie in one piece of memory.
const chunk = 1 << 16

// Weights are the weights of items, in their order. They take 4 bytes an item.
type Weights struct {
	chunks [][]float32
	n      int
	// unit is the first item of the last unit.
	unit int
	sum  float64
	// unknown is how many have no weight.
	unknown int
}

// Add adds the weight of the next item: bytes, or seconds.
func (w *Weights) Add(weight float64) {
	w.sum += weight
	w.unit = w.n
	w.add(float32(weight))
}

// AddTo adds to the weight of an earlier item.
func (w *Weights) AddTo(number uint64, weight float64) {
	w.sum += weight
	w.chunks[number/chunk][number%chunk] += float32(weight)
}

// AddJoined adds an item that stays in the part of the one before it: of both together more is known than of each.
func (w *Weights) AddJoined(weight float64) {
	w.AddTo(uint64(w.unit), weight)
	w.add(joined)
}

// joined stands for an item whose weight is with the first of its unit: a zero whose sign is set.
var joined = float32(math.Copysign(0, -1))

// isJoined reports whether an item stays with the one before it.
func (w *Weights) isJoined(i uint32) bool {
	return math.Float32bits(w.chunks[i/chunk][i%chunk]) == math.Float32bits(joined)
}

// AddUnknown adds an item whose weight is not known. It counts as the mean of the others.
func (w *Weights) AddUnknown() {
	w.unknown++
	w.add(float32(math.NaN()))
}

func (w *Weights) add(weight float32) {
	if w.n%chunk == 0 {
		w.chunks = append(w.chunks, make([]float32, 0, chunk))
	}
	last := &w.chunks[len(w.chunks)-1]
	*last = append(*last, weight)
	w.n++
}

// Len is the number of items.
func (w *Weights) Len() int { return w.n }

// Unknown is the number of items without a weight.
func (w *Weights) Unknown() int { return w.unknown }

// mean is the weight that stands for an unknown one.
func (w *Weights) mean() float64 {
	if w.n == w.unknown {
		return 1
	}
	return w.sum / float64(w.n-w.unknown)
}

// Assignment says which part an item belongs to.
type Assignment struct {
	part  []uint16
	Parts []Part
}

// Part is what one part has.
type Part struct {
	Items  uint64  `json:"items"`
	Weight float64 `json:"weight"`
}

// Of is the part of the item with a number.
func (a *Assignment) Of(number uint64) int { return int(a.part[number]) }

// Assign divides the items into parts of weights as equal as it can: the heaviest item first, each to the part that is lightest so far.
// Items of no weight go where the fewest items are. It takes 6 bytes an item more.
func (w *Weights) Assign(parts int) *Assignment {
	mean := w.mean()
	of := func(i uint32) float64 {
		if v := float64(w.chunks[i/chunk][i%chunk]); !math.IsNaN(v) {
			return v
		}
		return mean
	}
	order := make([]uint32, 0, w.n)
	for i := range uint32(w.n) {
		if !w.isJoined(i) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if c := cmp.Compare(of(b), of(a)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	a := &Assignment{part: make([]uint16, w.n), Parts: make([]Part, parts)}
	h := newHeap(a.Parts)
	for _, i := range order {
		// The first of a unit has the weight of all.
		weight := of(i)
		if weight <= 0 && !h.byItems {
			h.byItems = true
			h.init()
		}
		lightest := h.order[0]
		a.Parts[lightest].Weight += weight
		for first := true; first || int(i) < w.n && w.isJoined(i); i++ {
			a.part[i], first = uint16(lightest), false
			a.Parts[lightest].Items++
		}
		h.down(0)
	}
	return a
}

// heap has the part that takes the next item at its top.
type heap struct {
	parts   []Part
	order   []int
	byItems bool
}

func newHeap(parts []Part) *heap {
	h := &heap{parts: parts, order: make([]int, len(parts))}
	for i := range h.order {
		h.order[i] = i
	}
	return h
}

func (h *heap) init() {
	for i := len(h.order)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *heap) less(i, j int) bool {
	a, b := h.order[i], h.order[j]
	byWeight, byItems := cmp.Compare(h.parts[a].Weight, h.parts[b].Weight), cmp.Compare(h.parts[a].Items, h.parts[b].Items)
	if h.byItems {
		return cmp.Or(byItems, byWeight, cmp.Compare(a, b)) < 0
	}
	return cmp.Or(byWeight, byItems, cmp.Compare(a, b)) < 0
}

func (h *heap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.order) {
			return
		}
		if child+1 < len(h.order) && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.order[i], h.order[child] = h.order[child], h.order[i]
		i = child
	}
}

// Evenness is how equal parts are.
type Evenness struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// Even compares values of parts. There must be one.
func Even(values []float64) Evenness {
	e := Evenness{Min: slices.Min(values), Max: slices.Max(values)}
	for _, v := range values {
		e.Mean += v / float64(len(values))
	}
	return e
}

// Excess is how much the largest part lies above the mean: 0.05 is 5 %.
func (e Evenness) Excess() float64 {
	if e.Mean == 0 {
		return 0
	}
	return max(e.Max/e.Mean-1, 0)
}
