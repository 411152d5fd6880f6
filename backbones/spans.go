package backbones

import (
	"cmp"
	"slices"
)

// Merge returns the numbers of all spans, in ascending spans that do not touch. Spans of nothing are left out.
func Merge(spans ...[]Span) (out []Span) {
	all := slices.DeleteFunc(slices.Concat(spans...), func(s Span) bool { return s.Count <= 0 })
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.First, b.First) })
	for _, s := range all {
		last := len(out) - 1
		if last < 0 || out[last].First+uint64(out[last].Count) < s.First {
			out = append(out, s)
			continue
		}
		end := max(out[last].First+uint64(out[last].Count), s.First+uint64(s.Count))
		out[last].Count = int(end - out[last].First)
	}
	return out
}
