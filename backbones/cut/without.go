package cut

import (
	"sort"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// kept visits the runs of n consecutive numbers from first that are in none of spans, which ascend: their distance from first, and how many.
func kept(first uint64, n int, spans []backbones.Span, visit func(from, count int)) {
	at, end := first, first+uint64(n)
	i := sort.Search(len(spans), func(i int) bool { return spans[i].First+uint64(spans[i].Count) > first })
	for ; i < len(spans) && spans[i].First < end; i++ {
		if s := spans[i]; s.First > at {
			visit(int(at-first), int(s.First-at))
		}
		at = max(at, spans[i].First+uint64(spans[i].Count))
	}
	if at < end {
		visit(int(at-first), int(end-at))
	}
}

// Without returns what is left of a block, from its position from on, without the items of spans, which ascend.
func Without(b backbones.Block, from int, spans []backbones.Span) (left []backbones.Block) {
	if b.Count == 0 {
		return []backbones.Block{b}
	}
	var ends []int
	kept(b.First+uint64(from), b.Count-from, spans, func(at, count int) {
		if count < b.Count && ends == nil {
			ends = b.Ends(nil)
		}
		left = append(left, b.Piece(from+at, from+at+count, ends))
	})
	return left
}

// Left visits the positions of a chunk whose items are in none of spans, which ascend.
func Left(parts []backbones.Part, spans []backbones.Span, visit func(first, count int)) {
	position := 0
	for _, p := range parts {
		kept(p.Block.First+uint64(p.Skip), p.Take, spans, func(from, count int) { visit(position+from, count) })
		position += p.Take
	}
}

// Has reports whether a chunk has an item of spans, which ascend.
func Has(parts []backbones.Part, spans []backbones.Span) bool {
	left, all := 0, 0
	Left(parts, spans, func(_, count int) { left += count })
	for _, p := range parts {
		all += p.Take
	}
	return left < all
}

// Drop drops the items of spans, which ascend.
func (c *Cutter) Drop(spans []backbones.Span) {
	blocks, taken := c.blocks, c.taken
	*c = Cutter{}
	for _, b := range blocks {
		for _, left := range Without(b, taken, spans) {
			c.Add(left)
		}
		taken = 0
	}
}
