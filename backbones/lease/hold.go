package lease

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

type holdID struct {
	generation uint64
	id         ID
}

// hold is the node's record of a lease.
type hold struct {
	held Held
	pack pack
	// pending has the items that the node still owes an outcome, left counts them.
	pending set
	left    int
	// begun has the items that are pending or on their way through Settle; settling is the number of the latter. out are outcomes that wait to be
	// reported.
	begun    set
	settling int
	out      []backbones.Outcomes
	// telling is the number of out in the report that is under way.
	telling int
	lasts   time.Duration
	until   time.Time
	// dropped: nothing more of it is begun, because its time is over (lapsed) or the coordinator said so (lost).
	dropped, lapsed, lost bool
	// former: the coordinator was started again since, and keys identify the items. announced: the coordinator knows which of them the node is on.
	former, announced bool
	keys              []uint64
}

// ready is a block that waits for the backbone.
type ready struct {
	block backbones.Block
	hold  *hold
}

// segment is where a block of a hold lies among all numbers.
type segment struct {
	first uint64
	count int
	hold  *hold
	// position is that of the block's first item in the hold.
	position int
}

// add takes a lease into the index.
func (p *Puller) add(h *hold) {
	p.holds[holdID{h.held.Generation, h.held.ID}] = h
	for i, b := range h.pack.blocks {
		p.index = append(p.index, segment{first: b.First, count: b.Count, hold: h, position: h.pack.from[i]})
	}
	slices.SortStableFunc(p.index, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
}

// remove forgets a lease.
func (p *Puller) remove(h *hold) {
	h.dropped = true
	delete(p.holds, holdID{h.held.Generation, h.held.ID})
	p.index = slices.DeleteFunc(p.index, func(s segment) bool { return s.hold == h })
	wake(p.pulls)
}

// each visits the items of spans that are pending somewhere, by their positions in their holds.
func (p *Puller) each(spans []backbones.Span, visit func(h *hold, first, count int)) {
	for _, s := range spans {
		end := s.First + uint64(s.Count)
		i := sort.Search(len(p.index), func(i int) bool { return p.index[i].first > s.First })
		for i > 0 && p.index[i-1].first+uint64(p.index[i-1].count) > s.First {
			i--
		}
		for ; i < len(p.index) && p.index[i].first < end; i++ {
			seg := p.index[i]
			from, to := max(seg.first, s.First), min(seg.first+uint64(seg.count), end)
			if from >= to {
				continue
			}
			seg.hold.pending.runs(seg.position+int(from-seg.first), int(to-from), true, func(first, count int) { visit(seg.hold, first, count) })
		}
	}
}

// paid removes positions from what a hold still owes.
func (h *hold) paid(first, count int) {
	h.pending.remove(first, count)
	h.left -= count
}

// unpaid are the items that a hold still owes.
func (h *hold) unpaid() (spans []backbones.Span) {
	h.pending.runs(0, h.pack.count, true, func(first, count int) { spans = h.pack.spans(spans, first, count) })
	return backbones.Merge(spans)
}

// at are the keys of the items that the node is on.
func (h *hold) at() (keys []uint64) {
	h.begun.runs(0, h.pack.count, true, func(first, count int) {
		for i := range count {
			keys = append(keys, h.keyOf(first+i))
		}
	})
	return keys
}

// give gives up what a hold still owes, and ends its workers. The caller holds the lock.
func (p *Puller) give(h *hold) {
	if h.dropped = true; h.left == 0 {
		return
	}
	p.revoking = append(p.revoking, h.unpaid()...)
	h.pending.runs(0, h.pack.count, true, h.begun.remove)
	clear(h.pending)
	h.left = 0
	wake(p.fences)
}

// lose drops a lease that another node has, or that is not needed.
func (p *Puller) lose(h *hold) {
	p.give(h)
	h.lost = true
	for _, o := range h.out {
		p.untold -= size(o)
	}
	h.out = nil
	if h.settling == 0 {
		p.remove(h)
	}
}

// size is the number of items in outcomes.
func size(o backbones.Outcomes) (n int) {
	for _, s := range o.Done {
		n += s.Count
	}
	for _, s := range o.Skipped {
		n += s.Count
	}
	return n + len(o.Failed)
}

// keyOf is the key of an item of a hold of a former generation.
func (h *hold) keyOf(position int) uint64 {
	if h.keys == nil {
		for i := range h.pack.blocks {
			keys(&h.pack.blocks[i], func(_ int, key uint64) { h.keys = append(h.keys, key) })
		}
	}
	return h.keys[position]
}

// keysOf are the keys of the items of spans, in their order.
func (h *hold) keysOf(spans []backbones.Span) (out []uint64) {
	for _, s := range spans {
		for i := range s.Count {
			if at, _, ok := h.pack.position(s.First + uint64(i)); ok {
				out = append(out, h.keyOf(at))
			}
		}
	}
	return out
}
