package lease

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"sort"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// pack is the items of a lease by position.
type pack struct {
	blocks []backbones.Block
	// from has the position of each block's first item.
	from []int
	// order has the blocks by ascending numbers; nil: they ascend.
	order []int
	count int
	bytes int
}

func newPack(blocks []backbones.Block) pack {
	p := pack{blocks: blocks, from: make([]int, len(blocks))}
	ascends := true
	for i, b := range blocks {
		p.from[i] = p.count
		p.count += b.Count
		p.bytes += len(b.Payload) + len(b.Marshal)
		ascends = ascends && (i == 0 || b.First > blocks[i-1].First)
	}
	if !ascends {
		p.order = make([]int, len(blocks))
		for i := range p.order {
			p.order[i] = i
		}
		slices.SortFunc(p.order, func(a, b int) int { return cmp.Compare(blocks[a].First, blocks[b].First) })
	}
	return p
}

// ranked is the block with a rank in ascending order of numbers.
func (p *pack) ranked(rank int) int {
	if p.order == nil {
		return rank
	}
	return p.order[rank]
}

// position is the position of an item, and the number of items from it to the end of its block; false: the pack does not have it.
func (p *pack) position(number uint64) (at, run int, ok bool) {
	rank := sort.Search(len(p.blocks), func(i int) bool { return p.blocks[p.ranked(i)].First > number }) - 1
	if rank < 0 {
		return 0, 0, false
	}
	i := p.ranked(rank)
	b := &p.blocks[i]
	if number-b.First >= uint64(b.Count) {
		return 0, 0, false
	}
	into := int(number - b.First)
	return p.from[i] + into, b.Count - into, true
}

// each visits the positions of those items of spans that are in the pack.
func (p *pack) each(spans []backbones.Span, visit func(first, count int)) {
	for _, s := range spans {
		for s.Count > 0 {
			at, run, ok := p.position(s.First)
			if !ok {
				next, far := p.after(s.First)
				if !far || next-s.First >= uint64(s.Count) {
					break
				}
				s.Count -= int(next - s.First)
				s.First = next
				continue
			}
			take := min(run, s.Count)
			visit(at, take)
			s.First += uint64(take)
			s.Count -= take
		}
	}
}

// after is the pack's first number above another; false: none.
func (p *pack) after(number uint64) (uint64, bool) {
	rank := sort.Search(len(p.blocks), func(i int) bool { return p.blocks[p.ranked(i)].First > number })
	if rank == len(p.blocks) {
		return 0, false
	}
	return p.blocks[p.ranked(rank)].First, true
}

// block is the block that holds a position, and the position within it.
func (p *pack) block(at int) (b *backbones.Block, within int) {
	i := sort.SearchInts(p.from, at+1) - 1
	return &p.blocks[i], at - p.from[i]
}

// spans appends the numbers of positions to s, and joins consecutive ones.
func (p *pack) spans(s []backbones.Span, first, count int) []backbones.Span {
	for count > 0 {
		b, within := p.block(first)
		take := min(b.Count-within, count)
		number := b.First + uint64(within)
		if k := len(s) - 1; k >= 0 && s[k].First+uint64(s[k].Count) == number {
			s[k].Count += take
		} else {
			s = append(s, backbones.Span{First: number, Count: take})
		}
		first, count = first+take, count-take
	}
	return s
}

// text is the text of a JSON item.
func text(b *backbones.Block, within int) []byte {
	rest := b.Payload
	for range within {
		rest = rest[bytes.IndexByte(rest, '\n')+1:]
	}
	if end := bytes.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// key identifies an item across generations: a hash of its text, or the plugin's key of an opaque one.
func key(b *backbones.Block, within int) uint64 {
	if within < len(b.ContentKeys) {
		return b.ContentKeys[within]
	}
	h := fnv.New64a()
	if b.Encoding == backbones.JSONLines {
		_, _ = h.Write(text(b, within))
		return h.Sum64()
	}
	_, _ = h.Write(b.Payload)
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(b.Skip+within)))
	return h.Sum64()
}

// keys visits the keys of all items of a block, in one pass.
func keys(b *backbones.Block, visit func(within int, key uint64)) {
	if b.Encoding != backbones.JSONLines || len(b.ContentKeys) == b.Count {
		for i := range b.Count {
			visit(i, key(b, i))
		}
		return
	}
	i := 0
	for line := range bytes.SplitSeq(b.Payload, []byte{'\n'}) {
		h := fnv.New64a()
		_, _ = h.Write(line)
		visit(i, h.Sum64())
		i++
	}
}
