package lease

import (
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Claim lends a lease to the first node that asks.
func (b *Book) Claim(c Claim) Claimed {
	m := b.member(c.Node)
	l := b.loans[c.Held.ID]
	answer := Claimed{For: b.o.LeaseTime, Tail: b.tail(), Quarantined: m.quarantined}
	switch {
	case c.Held.Generation != b.o.Generation:
		answer.Refused = "the coordinator was started again"
	case l == nil:
		answer.Refused = "its items have an outcome, or are lent again"
		// The queue may still have it.
		b.effects.Done = append(b.effects.Done, c.Held.ID)
	case m.quarantined != "":
		answer.Refused = m.quarantined
		if l.node == nil {
			b.effects.Back = append(b.effects.Back, l.id)
		}
	case l.node == m && c.Held.Epoch >= l.epoch:
		// It asks again, because an answer was lost. The time counts from now.
		l.epoch, l.until = c.Held.Epoch, b.now+b.o.LeaseTime
		answer.Skip, answer.Blocks = b.mustSkip(l), l.work.blocks
	case l.node != nil:
		answer.Refused = "another node has it"
		b.effects.Done = append(b.effects.Done, l.id)
	case b.stopped:
		answer.Refused = "the run is interrupted"
	case slices.ContainsFunc(l.work.loans, func(other *loan) bool { return other.node == m }):
		answer.Refused = "this node has the same items"
		b.withdraw(l)
	case l.work.suspect() && b.hasSuspect(m):
		answer.Refused = "nodes were lost with these items, and this node has such already"
		b.refused = b.now
		b.withdraw(l)
	default:
		b.lend(l, m, c.Held.Epoch)
		answer.Skip, answer.Blocks = b.mustSkip(l), l.work.blocks
		answer.Tail = b.tail()
	}
	return answer
}

func (b *Book) lend(l *loan, m *member, epoch uint64) {
	b.moves++
	b.offered--
	b.offeredItems -= l.todo
	l.node, l.epoch, l.claimed, l.until = m, epoch, b.now, b.now+b.o.LeaseTime
	l.todo = l.work.left
	m.lent = true
	b.count(m, 1)
	b.forgetLapsed(l.work)
	b.effects.Done = append(b.effects.Done, l.id)
}

// mustSkip are the items of a lease that its node must not start.
func (b *Book) mustSkip(l *loan) (skip []backbones.Span) {
	w := l.work
	if w.left == w.count && len(w.loans) == 1 {
		return nil
	}
	for i := range w.count {
		if w.settled.has(i) || l.barred(i, 1) {
			skip = w.spans(skip, i, 1)
		}
	}
	return backbones.Merge(skip)
}

// barred reports whether another node was granted the commit of any of count items from first.
func (l *loan) barred(first, count int) bool {
	for _, other := range l.work.loans {
		if other != l && other.granted.any(first, count) {
			return true
		}
	}
	return false
}

// held is a node's lease; nil: the node does not have it. The node gets a lapsed lease back if it is unclaimed since.
func (b *Book) held(m *member, h Held) *loan {
	if l := b.loans[h.ID]; l != nil && l.node == m && l.epoch == h.Epoch {
		return l
	}
	if l := b.lapsed[h.ID]; l != nil && l.node == m && l.epoch == h.Epoch && m.quarantined == "" {
		b.revive(l)
		return l
	}
	return nil
}

// Report takes a node's report about its leases.
func (b *Book) Report(r Report) Reported {
	m := b.member(r.Node)
	if r.Workers > 0 {
		b.setWorkers(m, r.Workers)
	}
	m.busy = min(max(r.Busy, 0), m.Workers)
	answer := Reported{Generation: b.o.Generation}
	for _, p := range r.Leases {
		if p.Held.Generation != b.o.Generation {
			b.former.report(b, m, p, r.Sequence != 0 && r.Sequence <= m.sequence, &answer)
			continue
		}
		l := b.held(m, p.Held)
		if l == nil {
			answer.Lost = append(answer.Lost, p.Held)
			continue
		}
		alive := p.Moved || !empty(p.Outcomes)
		b.accept(l, p.Outcomes)
		b.judge(m)
		switch {
		case b.loans[l.id] != l:
			// All items have an outcome, or the node was quarantined.
		case p.Ended || len(p.Returned) > 0:
			b.drop(l)
		case alive:
			l.until = b.now + b.o.LeaseTime
			answer.Renewed = append(answer.Renewed, p.Held)
		}
	}
	m.sequence = max(m.sequence, r.Sequence)
	b.endProbation()
	answer.Tail, answer.Quarantined, answer.Stop = b.tail(), m.quarantined, b.stopped
	return answer
}

func empty(o backbones.Outcomes) bool { return len(o.Done)+len(o.Skipped)+len(o.Failed) == 0 }

// accept takes outcomes of items that have none yet and were not granted to another node.
func (b *Book) accept(l *loan, o backbones.Outcomes) {
	m, w := l.node, l.work
	out := backbones.Outcomes{Worker: m.Name + "/" + o.Worker, Mean: min(max(o.Mean, 0), 24*time.Hour)}
	take := func(to *[]backbones.Span, spans []backbones.Span) (taken int) {
		w.each(spans, func(first, count int) {
			b.fresh(l, first, count, func(first, count int) {
				b.settle(w, first, count)
				*to = w.spans(*to, first, count)
				taken += count
			})
		})
		return taken
	}
	done := take(&out.Done, o.Done)
	skipped := take(&out.Skipped, o.Skipped)
	if done > 0 {
		out.Unwritten = o.Unwritten
		out.Unwritten.Count = min(max(out.Unwritten.Count, 0), done)
		out.Attempts = attempts(out.Done, o.Attempts)
		for i := range out.Attempts {
			out.Attempts[i].Count = b.attempts(out.Attempts[i].Count)
		}
		m.work += out.Mean * time.Duration(done)
	}
	if done+skipped > 0 {
		if !m.succeeded() {
			b.fleetNow.counted = false
		}
		m.done += int64(done)
		m.skipped += int64(skipped)
		b.size.observe(out.Mean)
		b.say(out)
	}
	failed := backbones.Outcomes{Worker: out.Worker}
	for _, f := range o.Failed {
		if at, _, ok := w.position(f.Number); ok && !w.settled.has(at) && !l.barred(at, 1) {
			b.settle(w, at, 1)
			f.Failure.Attempts = b.attempts(f.Failure.Attempts)
			failed.Failed = append(failed.Failed, w.failed(at, f, out.Worker))
			if done+skipped == 0 {
				b.size.observe(f.Failure.Elapsed)
			}
		}
	}
	if len(failed.Failed) > 0 {
		b.failedOn(m, w, failed)
	}
	if since := max(l.claimed, m.turned); w.left == 0 && l.todo > 0 && since < b.now {
		b.size.took(b.now-since, l.rounds())
		m.turned = b.now
	}
	b.finish(w)
}

// fresh visits the runs of items that have no outcome and are not barred to a lease.
func (b *Book) fresh(l *loan, first, count int, visit func(first, count int)) {
	w := l.work
	if !w.settled.any(first, count) && !l.barred(first, count) {
		visit(first, count)
		return
	}
	for i := first; i < first+count; i++ {
		if !w.settled.has(i) && !l.barred(i, 1) {
			visit(i, 1)
		}
	}
}

// attempts are those of all that belong to items in done.
func attempts(done []backbones.Span, all []backbones.Attempt) (out []backbones.Attempt) {
	if len(all) == 0 {
		return nil
	}
	done = backbones.Merge(done)
	for _, a := range all {
		i, found := slices.BinarySearchFunc(done, a.Number, func(s backbones.Span, n uint64) int {
			switch {
			case s.First > n:
				return 1
			case n-s.First >= uint64(s.Count):
				return -1
			}
			return 0
		})
		if found && i < len(done) {
			out = append(out, a)
		}
	}
	return out
}

// attempts is a number of attempts that a node tells, bounded.
func (b *Book) attempts(told int) int {
	if b.o.Attempts > 0 {
		told = min(told, b.o.Attempts)
	}
	return max(told, 0)
}

// failed is a failure with the coordinator's own knowledge of the item.
func (w *work) failed(at int, f backbones.FailedItem, worker string) backbones.FailedItem {
	b, within := w.block(at)
	f.Encoding, f.Failure.Worker, f.ContentKey = b.Encoding, worker, 0
	if b.Encoding == backbones.JSONLines {
		f.Item = string(text(b, within))
	}
	if within < len(b.ContentKeys) {
		f.ContentKey = b.ContentKeys[within]
	}
	return f
}

// say passes on outcomes.
func (b *Book) say(o backbones.Outcomes) { b.effects.Outcomes = append(b.effects.Outcomes, o) }

// Grant decides who commits items: the first of their holders that asks.
func (b *Book) Grant(a Ask) (answer Granted) {
	m := b.member(a.Node)
	if b.now < b.o.Quiet {
		answer.Later = true
		return answer
	}
	if a.Held.Generation != b.o.Generation {
		return b.former.grant(b, m, a)
	}
	l := b.held(m, a.Held)
	if l == nil {
		return answer
	}
	w := l.work
	w.each(a.Items, func(first, count int) {
		b.fresh(l, first, count, func(first, count int) {
			if l.granted == nil {
				l.granted = newSet(w.count)
			}
			answer.Items = w.spans(answer.Items, first, count)
			if w.stale != nil {
				w.stale.runs(first, count, true, func(first, count int) { answer.Again = w.spans(answer.Again, first, count) })
			}
			l.granted.add(first, count)
			l.asked = b.now
		})
	})
	return answer
}
