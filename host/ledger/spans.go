package ledger

import (
	"cmp"
	"slices"
	"sort"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Spans is a set of item numbers: disjoint, in ascending order, with a gap between any two.
type Spans []backbones.Span

// normal sorts spans and joins those that touch or overlap, in place.
func normal(s []backbones.Span) Spans {
	slices.SortFunc(s, func(a, b backbones.Span) int { return cmp.Compare(a.First, b.First) })
	out := s[:0]
	for _, span := range s {
		if span.Count <= 0 {
			continue
		}
		if k := len(out) - 1; k >= 0 && span.First <= end(out[k]) {
			if e := end(span); e > end(out[k]) {
				out[k].Count = int(e - out[k].First)
			}
			continue
		}
		out = append(out, span)
	}
	return Spans(out)
}

func end(s backbones.Span) uint64 { return s.First + uint64(s.Count) }

// Items is how many numbers are in the set.
func (s Spans) Items() int64 {
	var n int64
	for _, span := range s {
		n += int64(span.Count)
	}
	return n
}

// minus returns the set without the numbers of another.
func (s Spans) minus(other Spans) Spans {
	var out Spans
	j := 0
	for _, span := range s {
		for j < len(other) && end(other[j]) <= span.First {
			j++
		}
		from := span.First
		for k := j; k < len(other) && other[k].First < end(span); k++ {
			if other[k].First > from {
				out = append(out, backbones.Span{First: from, Count: int(other[k].First - from)})
			}
			from = end(other[k])
		}
		if from < end(span) {
			out = append(out, backbones.Span{First: from, Count: int(end(span) - from)})
		}
	}
	return out
}

// within returns the part of the set that lies in a span.
func (s Spans) within(span backbones.Span) Spans { return s.minus(s.minus(Spans{span})) }

// union returns the numbers that are in any of the sets.
func union(sets ...Spans) Spans {
	return normal(slices.Concat(sets...))
}

// appendSpan adds a span to a list, joining it with the last one where it follows that.
func appendSpan(s []backbones.Span, span backbones.Span) []backbones.Span {
	if k := len(s) - 1; k >= 0 && end(s[k]) == span.First {
		s[k].Count += span.Count
		return s
	}
	return append(s, span)
}

// cursor tells which numbers are in a set. Numbers that ascend cost next to nothing.
type cursor struct {
	set Spans
	at  int
}

func (c *cursor) has(number uint64) bool {
	if c.at > 0 && number < end(c.set[c.at-1]) {
		c.at = sort.Search(len(c.set), func(i int) bool { return number < end(c.set[i]) })
	}
	for c.at < len(c.set) && end(c.set[c.at]) <= number {
		c.at++
	}
	return c.at < len(c.set) && c.set[c.at].First <= number
}
