// Package cut cuts the blocks of a source into chunks for workers, and finds items in chunks.
package cut

import (
	"bytes"
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Cutter holds blocks from the source and cuts chunks from their front. It passes whole blocks on as they are, and scans a JSON
// block that it must divide for line ends once.
type Cutter struct {
	blocks []backbones.Block
	// taken is the number of items of blocks[0] that are gone, offset the beginning of the rest in its payload.
	taken  int
	offset int
	// Items and Bytes are what is left.
	Items, Bytes int
}

// Add adds a block at the end.
func (c *Cutter) Add(b backbones.Block) {
	if b.Count == 0 {
		return
	}
	c.blocks = append(c.blocks, b)
	c.Items += b.Count
	c.Bytes += len(b.Payload) + len(b.Marshal)
}

// Cut takes up to n items, ending early once the parts hold maxBytes.
func (c *Cutter) Cut(n, maxBytes int) (parts []backbones.Part, count int) {
	size := 0
	for count < n && len(c.blocks) > 0 && (count == 0 || size < maxBytes) {
		part := c.block(n-count, maxBytes-size)
		parts = append(parts, part)
		count += part.Take
		size += len(part.Block.Payload)
	}
	return parts, count
}

func (c *Cutter) block(n, maxBytes int) backbones.Part {
	b := c.blocks[0]
	take := min(n, b.Count-c.taken)
	if take == b.Count && (len(b.Payload) <= maxBytes || take == 1) {
		c.advance(b, take, 0)
		return backbones.Part{Block: b, Take: take}
	}
	part := backbones.Part{Take: take, Block: backbones.Block{Encoding: b.Encoding, Count: take, First: b.First + uint64(c.taken)}}
	end := 0
	switch b.Encoding {
	case backbones.JSONLines:
		taken := 0
		end = c.offset
		for taken < take && (taken == 0 || end-c.offset < maxBytes) {
			next := bytes.IndexByte(b.Payload[end:], '\n')
			taken++
			if next < 0 {
				end = len(b.Payload) + 1
				break
			}
			end += next + 1
		}
		part.Take, part.Block.Count, part.Block.Payload = taken, taken, b.Payload[c.offset:end-1]
	case backbones.Opaque:
		part = backbones.Part{Block: b, Skip: c.taken, Take: take}
	}
	c.advance(b, part.Take, end)
	return part
}

func (c *Cutter) advance(b backbones.Block, taken, offset int) {
	c.taken += taken
	c.Items -= taken
	c.offset = offset
	if c.taken < b.Count {
		return
	}
	c.Bytes -= len(b.Payload) + len(b.Marshal)
	c.blocks[0] = backbones.Block{}
	c.blocks = c.blocks[1:]
	if len(c.blocks) == 0 {
		c.blocks = nil
	}
	c.taken, c.offset = 0, 0
}

// within visits the parts that have positions first … first+count-1 of a chunk: take items each, from the part's own position from.
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

// Slice returns the parts that hold positions first … first+count-1 of a chunk.
func Slice(parts []backbones.Part, first, count int) (out []backbones.Part) {
	within(parts, first, count, func(p backbones.Part, from, take int) { out = append(out, slicePart(p, from, take)) })
	return out
}

func slicePart(p backbones.Part, first, take int) backbones.Part {
	if first == 0 && take == p.Take {
		return p
	}
	if p.Block.Encoding == backbones.Opaque {
		return backbones.Part{Block: p.Block, Skip: p.Skip + first, Take: take}
	}
	c := Cutter{}
	c.Add(p.Block)
	c.all(first)
	return c.all(take)[0]
}

// all cuts exactly n items of one block.
func (c *Cutter) all(n int) []backbones.Part {
	parts, _ := c.Cut(n, 1<<62)
	return parts
}

// Number returns the number of the item at a position of a chunk.
func Number(parts []backbones.Part, position int) (n uint64) {
	within(parts, position, 1, func(p backbones.Part, from, _ int) { n = p.Block.First + uint64(p.Skip+from) })
	return n
}

// Failed is the failure of the item at a position of a chunk. shown is its printable form.
func Failed(parts []backbones.Part, position int, shown string, failure backbones.Failure) (item backbones.FailedItem) {
	within(parts, position, 1, func(p backbones.Part, from, _ int) {
		item = backbones.FailedItem{Number: p.Block.First + uint64(p.Skip+from), Item: shown, Failure: failure, Encoding: p.Block.Encoding}
		if i := p.Skip + from; i < len(p.Block.ContentKeys) {
			item.ContentKey = p.Block.ContentKeys[i]
		}
	})
	return item
}

// Text returns the printable form of the item at a position, empty if the host cannot read it.
func Text(parts []backbones.Part, position int) (item string) {
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

// Shown names the item at a position, for messages.
func Shown(parts []backbones.Part, position int) string {
	if t := Text(parts, position); t != "" {
		return t
	}
	return fmt.Sprintf("item %d of the listing", Number(parts, position))
}

// Cursor finds items of a chunk by position, growing positions in one pass.
type Cursor struct {
	// Parts are the chunk.
	Parts []backbones.Part
	// part is the current one of Parts, from the position of its first item, and rest its items from position on.
	part, from int
	rest       Cutter
	position   int
}

// At is a part with only the item at a position.
func (c *Cursor) At(position int) backbones.Part {
	if position < c.position {
		*c = Cursor{Parts: c.Parts}
	}
	for position >= c.from+c.Parts[c.part].Take {
		c.from += c.Parts[c.part].Take
		c.part++
		c.position, c.rest = c.from, Cutter{}
	}
	p := c.Parts[c.part]
	if p.Block.Encoding != backbones.JSONLines || p.Skip > 0 || p.Take != p.Block.Count {
		return slicePart(p, position-c.from, 1)
	}
	if c.rest.Items == 0 {
		c.position = c.from
		c.rest.Add(p.Block)
	}
	c.rest.all(position - c.position)
	c.position = position + 1
	return c.rest.all(1)[0]
}

// Spans appends the numbers of count positions from first to s, and joins consecutive ones.
func Spans(s []backbones.Span, parts []backbones.Part, first, count int) []backbones.Span {
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
