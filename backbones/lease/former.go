package lease

import (
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// maxHanded bounds the items of a former generation that a Book remembers, maxHandedText the texts of their failures. Items beyond are done again.
const (
	maxHanded     = 1 << 16
	maxHandedText = 64 << 20
)

// former records what nodes report of leases of a former generation: outcomes, and items that they are still on. It identifies items by their
// keys, because the new listing may number them differently. A listed item that no other node has claimed becomes a lease of its own for that
// node.
type former struct {
	handed map[uint64][]*handed
	// by has the same by their former leases.
	by    map[holding]map[*handed]bool
	count int
	text  int
	// seeking: a node waits for the grant of an item that is not listed yet. The listing is read ahead for that, because the node may do nothing else.
	seeking bool
	// unseen: some of handed have not been looked for among the offered leases.
	unseen bool
}

// holding is a lease of a former generation as a node has it.
type holding struct {
	node *member
	held Held
}

// handed is one item that a node has of a former generation.
type handed struct {
	holding
	key uint64
	// until is when it is given up if it is not listed by then.
	until time.Duration
	// outcome is its outcome, under its former number; nil: none yet.
	outcome *backbones.Outcomes
	// loan is its lease in this generation; nil: it is not listed yet. gone: it will not be listed, or others have it.
	loan *loan
	gone bool
}

// find is a node's entry for a key without an outcome.
func (f *former) find(m *member, key uint64) *handed {
	for _, h := range f.handed[key] {
		if h.node == m && h.outcome == nil {
			return h
		}
	}
	return nil
}

func (f *former) add(b *Book, h *handed) {
	text := h.text()
	if f.count >= maxHanded || f.text+text > maxHandedText || b.stopped {
		return
	}
	if f.handed == nil {
		f.handed, f.by = map[uint64][]*handed{}, map[holding]map[*handed]bool{}
	}
	if f.by[h.holding] == nil {
		f.by[h.holding] = map[*handed]bool{}
	}
	h.until = b.now + b.o.LeaseTime
	f.handed[h.key] = append(f.handed[h.key], h)
	f.by[h.holding][h] = true
	f.count++
	f.text += text
	f.unseen = true
	f.seeking = f.seeking || h.outcome == nil
}

func (f *former) remove(h *handed) {
	i := slices.Index(f.handed[h.key], h)
	if i < 0 {
		return
	}
	f.count--
	f.text -= h.text()
	if f.handed[h.key] = slices.Delete(f.handed[h.key], i, i+1); len(f.handed[h.key]) == 0 {
		delete(f.handed, h.key)
	}
	if delete(f.by[h.holding], h); len(f.by[h.holding]) == 0 {
		delete(f.by, h.holding)
	}
}

// text is the size of the texts of an entry's failure.
func (h *handed) text() (n int) {
	if h.outcome != nil {
		for _, f := range h.outcome.Failed {
			n += textOf(f)
		}
	}
	return n
}

// wanted is an entry for a key that is not listed yet.
func (f *former) wanted(key uint64) *handed {
	for _, h := range f.handed[key] {
		if h.loan == nil && !h.gone {
			return h
		}
	}
	return nil
}

// take takes the wanted items out of a block and returns the rest.
func (f *former) take(b *Book, block backbones.Block) []backbones.Block {
	if f.count == 0 || block.Count == 0 {
		return []backbones.Block{block}
	}
	var at []int
	var who []*handed
	keys(&block, func(within int, key uint64) {
		if h := f.wanted(key); h != nil {
			// A placeholder, so that an equal item finds the next entry.
			h.loan = &loan{}
			at, who = append(at, within), append(who, h)
		}
	})
	if len(at) == 0 {
		return []backbones.Block{block}
	}
	ends := block.Ends(nil)
	var left []backbones.Block
	from := 0
	for i, within := range at {
		if within > from {
			left = append(left, block.Piece(from, within, ends))
		}
		f.adopt(b, who[i], lendable(backbones.Part{Block: block.Piece(within, within+1, ends), Take: 1}))
		from = within + 1
	}
	if from < block.Count {
		left = append(left, block.Piece(from, block.Count, ends))
	}
	return left
}

// adopt creates a lease of one item for the node that has it.
func (f *former) adopt(b *Book, h *handed, item backbones.Block) {
	w := b.begin([]backbones.Block{item})
	l := b.loans[b.offer(w).ID]
	b.lend(l, h.node, 1)
	h.loan = l
	if h.outcome != nil {
		f.conclude(b, h)
	}
}

// conclude records the outcome of a listed item.
func (f *former) conclude(b *Book, h *handed) {
	f.remove(h)
	l := h.loan
	if b.held(h.node, Held{Generation: b.o.Generation, ID: l.id, Epoch: l.epoch}) == nil {
		return
	}
	b.accept(l, renumbered(*h.outcome, l.work.blocks[0].First))
	b.judge(h.node)
	if b.loans[l.id] == l && l.work.left == 0 {
		// Its failure is kept back.
		b.drop(l)
	}
}

// forget ends an entry without an outcome. Its item is offered again.
func (f *former) forget(b *Book, h *handed) {
	f.remove(h)
	if h.loan != nil && b.loans[h.loan.id] == h.loan {
		b.drop(h.loan)
	}
}

// sweep looks for entries among the offered leases, and gives up those that are too old.
func (f *former) sweep(b *Book) {
	f.seeking = false
	if f.count == 0 {
		return
	}
	if f.unseen {
		f.unseen = false
		for _, l := range b.loans {
			switch w := l.work; {
			case l.node == nil && len(w.loans) == 1 && w.left == w.count && w.stale == nil && !w.suspect():
				f.split(b, l)
			case l == w.loans[0]:
				f.done(b, w)
			}
		}
	}
	listed := b.ended && b.cutter.Items == 0
	f.each(func(h *handed) {
		switch {
		case h.loan != nil && b.loans[h.loan.id] != h.loan && b.lapsed[h.loan.id] != h.loan, h.gone && h.until <= b.now, h.loan == nil && h.outcome != nil && (listed || h.until <= b.now):
			f.remove(h)
		case h.loan == nil && !h.gone && (listed || h.until <= b.now):
			// The node is told when it asks.
			h.gone, h.until = true, b.now+2*b.o.LeaseTime
		default:
			f.seeking = f.seeking || h.loan == nil && h.outcome == nil && !h.gone
		}
	})
}

// each visits all entries. They may be removed meanwhile.
func (f *former) each(visit func(*handed)) {
	for _, all := range f.handed {
		for _, h := range slices.Clone(all) {
			visit(h)
		}
	}
}

// split takes wanted items out of an unclaimed lease.
func (f *former) split(b *Book, l *loan) {
	var left []backbones.Block
	for _, block := range l.work.blocks {
		left = append(left, f.take(b, block)...)
	}
	rest := newPack(left)
	if rest.count == l.work.count {
		return
	}
	old := l.work
	b.withdraw(l)
	b.forgetLapsed(old)
	b.works--
	b.bytes -= old.bytes
	b.left -= old.left
	old.left = 0
	if rest.count > 0 {
		b.queue(b.begin(left))
	}
}

// done takes outcomes of items that were lent again meanwhile.
func (f *former) done(b *Book, w *work) {
	for i := range w.blocks {
		block := &w.blocks[i]
		keys(block, func(within int, key uint64) {
			h := f.wanted(key)
			at := w.from[i] + within
			if h == nil || h.outcome == nil || w.settled.has(at) {
				return
			}
			f.remove(h)
			// It stands for the lease that the node had.
			b.accept(&loan{node: h.node, work: w}, renumbered(*h.outcome, block.First+uint64(within)))
			b.judge(h.node)
		})
	}
}

// renumbered is the outcome of one item, under another number.
func renumbered(o backbones.Outcomes, number uint64) backbones.Outcomes {
	for _, spans := range [][]backbones.Span{o.Done, o.Skipped} {
		for i := range spans {
			spans[i].First = number
		}
	}
	for i := range o.Failed {
		o.Failed[i].Number = number
	}
	for i := range o.Attempts {
		o.Attempts[i].Number = number
	}
	return o
}

// report takes a node's report about a lease of a former generation.
func (f *former) report(b *Book, m *member, p Progress, again bool, answer *Reported) {
	if len(p.Keys) == 0 && (!p.Ended || !empty(p.Outcomes)) {
		// The node learns of the restart by the answer, and reports all of this again, with keys.
		return
	}
	if !again && m.quarantined == "" {
		rest := p.Keys
		next := func() (key uint64, ok bool) {
			if len(rest) == 0 {
				return 0, false
			}
			key, rest = rest[0], rest[1:]
			return key, true
		}
		singles(p.Outcomes, func(one backbones.Outcomes) bool {
			key, ok := next()
			if ok {
				f.outcome(b, m, p.Held, key, one)
			}
			return ok
		})
		for key, ok := next(); ok && !p.Ended; key, ok = next() {
			if f.find(m, key) == nil {
				f.add(b, &handed{holding: holding{m, p.Held}, key: key})
			}
		}
	}
	open := false
	for h := range f.by[holding{m, p.Held}] {
		switch {
		case h.gone:
		case p.Ended && h.outcome == nil:
			f.forget(b, h)
		case h.loan == nil:
			open = true
		case b.loans[h.loan.id] == h.loan:
			open = true
			h.loan.until = b.now + b.o.LeaseTime
		}
	}
	switch {
	case p.Ended:
	case open:
		answer.Renewed = append(answer.Renewed, p.Held)
	default:
		answer.Lost = append(answer.Lost, p.Held)
	}
}

// outcome takes the outcome of an item.
func (f *former) outcome(b *Book, m *member, held Held, key uint64, one backbones.Outcomes) {
	h := f.find(m, key)
	if h == nil {
		f.add(b, &handed{holding: holding{m, held}, key: key, outcome: &one})
		return
	}
	f.remove(h)
	if h.loan == nil {
		f.add(b, &handed{holding: h.holding, key: key, outcome: &one})
		return
	}
	h.outcome = &one
	f.conclude(b, h)
}

// singles visits each item of outcomes alone, in the order of Progress.Keys, until visit returns false.
func singles(o backbones.Outcomes, visit func(backbones.Outcomes) bool) {
	attempts := map[uint64]int{}
	for _, a := range o.Attempts {
		attempts[a.Number] = a.Count
	}
	for _, s := range o.Done {
		for i := range s.Count {
			one := backbones.Outcomes{Worker: o.Worker, Mean: o.Mean, Done: []backbones.Span{{First: s.First + uint64(i), Count: 1}}}
			if n := attempts[s.First+uint64(i)]; n > 0 {
				one.Attempts = []backbones.Attempt{{Number: s.First + uint64(i), Count: n}}
			}
			if !visit(one) {
				return
			}
		}
	}
	for _, s := range o.Skipped {
		for i := range s.Count {
			if !visit(backbones.Outcomes{Worker: o.Worker, Skipped: []backbones.Span{{First: s.First + uint64(i), Count: 1}}}) {
				return
			}
		}
	}
	for _, one := range o.Failed {
		if !visit(backbones.Outcomes{Worker: o.Worker, Failed: []backbones.FailedItem{one}}) {
			return
		}
	}
}

// grant decides on items of a former generation. Their numbers are those that the node knows them by.
func (f *former) grant(b *Book, m *member, a Ask) (answer Granted) {
	if m.quarantined != "" {
		return answer
	}
	if len(a.Keys) == 0 {
		// The node does not know of the restart yet.
		answer.Later = true
		return answer
	}
	i := 0
	for _, s := range a.Items {
		for k := range s.Count {
			if i == len(a.Keys) {
				return answer
			}
			number := s.First + uint64(k)
			h := f.find(m, a.Keys[i])
			i++
			switch {
			case h == nil:
				f.add(b, &handed{holding: holding{m, a.Held}, key: a.Keys[i-1]})
				answer.Later = answer.Later || f.find(m, a.Keys[i-1]) != nil
				continue
			case h.loan == nil:
				answer.Later = answer.Later || !h.gone
				continue
			}
			item := h.loan.work.blocks[0].First
			got := b.Grant(Ask{Node: m.Name, Held: Held{Generation: b.o.Generation, ID: h.loan.id, Epoch: h.loan.epoch}, Items: []backbones.Span{{First: item, Count: 1}}})
			if len(got.Items) > 0 {
				answer.Items = append(answer.Items, backbones.Span{First: number, Count: 1})
			}
			if len(got.Again) > 0 {
				answer.Again = append(answer.Again, backbones.Span{First: number, Count: 1})
			}
		}
	}
	answer.Items, answer.Again = backbones.Merge(answer.Items), backbones.Merge(answer.Again)
	return answer
}

// lost forgets the unlisted items that a node is on. A node that comes back reports them again.
func (f *former) lost(m *member) {
	f.each(func(h *handed) {
		if h.node == m && h.outcome == nil && h.loan == nil && !h.gone {
			f.remove(h)
		}
	})
}

// left ends the entries of a node that has said goodbye.
func (f *former) left(b *Book, m *member) {
	f.each(func(h *handed) {
		switch {
		case h.node != m || h.outcome != nil:
		case h.loan != nil && (m.lost || !m.gone && h.loan.granted != nil):
			// It may be committing what it was granted, until its lease lapses.
			f.remove(h)
		default:
			f.forget(b, h)
		}
	})
}
