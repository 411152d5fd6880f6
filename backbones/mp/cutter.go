package mp

import (
	"bytes"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// cutter holds blocks that the source has yielded and cuts chunks from their front. Whole blocks are handed on as they
// are; a JSON block that must be divided is scanned for line ends once, from left to right.
type cutter struct {
	blocks []backbones.Block
	// taken counts the items of blocks[0] that are gone; offset is where its rest begins in the payload.
	taken  int
	offset int
	items  int
	bytes  int
}

func (c *cutter) add(b backbones.Block) {
	if b.Count == 0 {
		return
	}
	c.blocks = append(c.blocks, b)
	c.items += b.Count
	c.bytes += len(b.Payload)
}

// cut takes up to n items, ending early once the parts hold maxBytes.
func (c *cutter) cut(n, maxBytes int) (parts []backbones.Part, count int) {
	size := 0
	for count < n && len(c.blocks) > 0 && (count == 0 || size < maxBytes) {
		part := c.cutBlock(n-count, maxBytes-size)
		parts = append(parts, part)
		count += part.Take
		size += len(part.Block.Payload)
	}
	return parts, count
}

func (c *cutter) cutBlock(n, maxBytes int) backbones.Part {
	b := c.blocks[0]
	left := b.Count - c.taken
	take := min(n, left)
	if take == b.Count && (len(b.Payload) <= maxBytes || take == 1) {
		c.drop(b)
		return backbones.Part{Block: b, Take: take}
	}
	switch b.Encoding {
	case backbones.JSONLines:
		end, taken := c.offset, 0
		for taken < take && (taken == 0 || end-c.offset < maxBytes) {
			next := bytes.IndexByte(b.Payload[end:], '\n')
			taken++
			if next < 0 {
				end = len(b.Payload) + 1
				break
			}
			end += next + 1
		}
		part := backbones.Part{Take: taken, Block: backbones.Block{
			Encoding: b.Encoding, Count: taken, First: b.First + uint64(c.taken), Payload: b.Payload[c.offset : end-1],
		}}
		c.advance(b, taken, end)
		return part
	case backbones.Indexed:
		part := backbones.Part{Take: take, Block: backbones.Block{
			Encoding: b.Encoding, Count: take, First: b.First + uint64(c.taken),
		}}
		c.advance(b, take, 0)
		return part
	default:
		part := backbones.Part{Block: b, Skip: c.taken, Take: take}
		c.advance(b, take, 0)
		return part
	}
}

func (c *cutter) advance(b backbones.Block, taken, offset int) {
	c.taken += taken
	c.items -= taken
	c.offset = offset
	if c.taken == b.Count {
		c.pop(b)
	}
}

func (c *cutter) drop(b backbones.Block) {
	c.items -= b.Count
	c.pop(b)
}

func (c *cutter) pop(b backbones.Block) {
	c.bytes -= len(b.Payload)
	c.blocks[0] = backbones.Block{}
	c.blocks = c.blocks[1:]
	if len(c.blocks) == 0 {
		c.blocks = nil
	}
	c.taken, c.offset = 0, 0
}

// within visits what of each part lies in positions first … first+count-1 of a chunk: take items from the part's own
// position from.
func within(parts []backbones.Part, first, count int, visit func(p backbones.Part, from, take int)) {
	for _, p := range parts {
		if count == 0 {
			return
		}
		if first >= p.Take {
			first -= p.Take
			continue
		}
		take := min(count, p.Take-first)
		visit(p, first, take)
		first = 0
		count -= take
	}
}

// slice returns the parts that hold positions first … first+count-1 of a chunk.
func slice(parts []backbones.Part, first, count int) (out []backbones.Part) {
	within(parts, first, count, func(p backbones.Part, from, take int) { out = append(out, slicePart(p, from, take)) })
	return out
}

func slicePart(p backbones.Part, first, take int) backbones.Part {
	if first == 0 && take == p.Take {
		return p
	}
	c := cutter{}
	switch p.Block.Encoding {
	case backbones.Opaque:
		return backbones.Part{Block: p.Block, Skip: p.Skip + first, Take: take}
	default:
		c.add(p.Block)
		if first > 0 {
			c.cutAll(first)
		}
		parts := c.cutAll(take)
		return parts[0]
	}
}

// cutAll cuts exactly n items whatever their size. It is for one block.
func (c *cutter) cutAll(n int) []backbones.Part {
	parts, _ := c.cut(n, 1<<62)
	return parts
}

// number returns the number of the item at a position of a chunk.
func number(parts []backbones.Part, position int) (n uint64) {
	within(parts, position, 1, func(p backbones.Part, from, _ int) { n = p.Block.First + uint64(p.Skip+from) })
	return n
}

// text returns the printable form of the item at a position, as far as the host can read it.
func text(parts []backbones.Part, position int) (item string) {
	within(parts, position, 1, func(p backbones.Part, from, _ int) {
		switch p.Block.Encoding {
		case backbones.JSONLines:
			item = string(slicePart(p, from, 1).Block.Payload)
		case backbones.Opaque:
			if i := p.Skip + from; i < len(p.Block.Keys) {
				item = p.Block.Keys[i]
			}
		}
	})
	return item
}

// item is the part that holds the item at a position of a chunk alone.
func item(parts []backbones.Part, position int) (one backbones.Part) {
	within(parts, position, 1, func(p backbones.Part, from, _ int) { one = slicePart(p, from, 1) })
	return one
}

// cursor finds items of a chunk by position. Positions that grow are found by one walk through the chunk.
type cursor struct {
	parts []backbones.Part
	// part is where the walk is, from the position of its first item, in the cutter with the rest of it behind position at.
	part, from int
	rest       cutter
	position   int
}

// at is the part that holds the item at a position alone.
func (c *cursor) at(position int) backbones.Part {
	if position < c.position {
		*c = cursor{parts: c.parts}
	}
	for position >= c.from+c.parts[c.part].Take {
		c.from += c.parts[c.part].Take
		c.part++
		c.position, c.rest = c.from, cutter{}
	}
	p := c.parts[c.part]
	if p.Block.Encoding != backbones.JSONLines || p.Skip > 0 || p.Take != p.Block.Count {
		return slicePart(p, position-c.from, 1)
	}
	if c.rest.items == 0 {
		c.position = c.from
		c.rest.add(p.Block)
	}
	if ahead := position - c.position; ahead > 0 {
		c.rest.cutAll(ahead)
	}
	c.position = position + 1
	return c.rest.cutAll(1)[0]
}

// spans appends the numbers of count positions from first to s, joining what is consecutive.
func spans(s []backbones.Span, parts []backbones.Part, first, count int) []backbones.Span {
	within(parts, first, count, func(p backbones.Part, from, take int) {
		n := p.Block.First + uint64(p.Skip+from)
		if k := len(s) - 1; k >= 0 && s[k].First+uint64(s[k].Count) == n {
			s[k].Count += take
		} else {
			s = append(s, backbones.Span{First: n, Count: take})
		}
	})
	return s
}
