package shard

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Every item has one part, the parts' sums are those of their items, and the heaviest part is at most 4/3 of the best possible.
func TestAssign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 300).Draw(t, "weights")
		parts := rapid.IntRange(1, 20).Draw(t, "parts")
		var w Weights
		for _, v := range weights {
			w.Add(v)
		}
		a := w.Assign(parts)
		sums, counts, total := make([]float64, parts), make([]uint64, parts), 0.0
		for i, v := range weights {
			sums[a.Of(uint64(i))] += v
			counts[a.Of(uint64(i))]++
			total += v
		}
		for i, p := range a.Parts {
			if p.Items != counts[i] || math.Abs(p.Weight-sums[i]) > 1e-3 {
				t.Fatalf("part %d is said to have %+v, and has %d of %g", i, p, counts[i], sums[i])
			}
		}
		// The best possible is at least the mean, the heaviest item, and the two lightest of the parts + 1 heaviest.
		slices.SortFunc(weights, func(a, b float64) int { return -cmpFloat(a, b) })
		best := max(total/float64(parts), weights[0])
		if len(weights) > parts {
			best = max(best, weights[parts-1]+weights[parts])
		}
		if got := slices.Max(sums); got > best*(4.0/3)+1e-3 {
			t.Fatalf("the heaviest part is %g, and %g is possible at best", got, best)
		}
	})
}

func cmpFloat(a, b float64) int {
	if a < b {
		return -1
	}
	return 1
}

func TestAssignOnASkewedLoad(t *testing.T) {
	var w Weights
	r := rand.New(rand.NewPCG(1, 2))
	for range 3 * chunk {
		w.Add(math.Exp(2 * r.NormFloat64()))
	}
	var loads []float64
	for _, p := range w.Assign(64).Parts {
		loads = append(loads, p.Weight)
	}
	if e := Even(loads); e.Excess() > 0.01 {
		t.Errorf("the heaviest part is %.2f %% above the mean: %+v", 100*e.Excess(), e)
	}
}

func TestItemsWithoutWeight(t *testing.T) {
	var w Weights
	w.Add(100)
	for range 9 {
		w.Add(0)
	}
	for i, p := range w.Assign(5).Parts {
		if p.Items != 2 {
			t.Errorf("part %d has %d items of 10", i, p.Items)
		}
	}
}

func TestItemsOfUnknownWeight(t *testing.T) {
	var w Weights
	w.Add(10)
	w.Add(30)
	w.AddUnknown()
	w.AddUnknown()
	a := w.Assign(2)
	if a.Parts[0].Weight != 40 || a.Parts[1].Weight != 40 {
		t.Errorf("%+v", a.Parts)
	}
}

func TestItemsThatStayTogether(t *testing.T) {
	var w Weights
	for i := range 3 * chunk {
		if i%3 == 0 {
			w.Add(float64(i%7) / 2)
		} else {
			w.AddJoined(float64(i%7) / 2)
		}
	}
	a := w.Assign(4)
	sums := make([]float64, 4)
	for i := range uint64(3 * chunk) {
		if first := a.Of(i / 3 * 3); a.Of(i) != first {
			t.Fatalf("item %d is in part %d, the first of its unit in %d", i, a.Of(i), first)
		}
		sums[a.Of(i)] += float64(i%7) / 2
	}
	for i, p := range a.Parts {
		if math.Abs(p.Weight-sums[i]) > 1 {
			t.Errorf("part %d is said to have %g, and has %g", i, p.Weight, sums[i])
		}
	}
	if e := Even(sums); e.Excess() > 0.01 {
		t.Errorf("%+v", e)
	}
}
