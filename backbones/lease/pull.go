package lease

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// What a node takes ahead: enough that its workers never wait, and no more, because other nodes cannot take it.
const (
	// aheadTime is the work that waits for each worker.
	aheadTime = 500 * time.Millisecond
	// longItem is the time of an item above which none waits.
	longItem = 2 * time.Second
	// maxHolds and maxHeldBytes bound what a node has.
	maxHolds     = 256
	maxHeldBytes = 16 * MaxBytes
	// maxPull is the most leases of one pull.
	maxPull = 16
)

// pull pulls leases while the backbone needs more.
func (p *Puller) pull(ctx context.Context) {
	idleSince := p.now()
	for {
		n := p.need()
		if n == 0 {
			idleSince = time.Time{}
			select {
			case <-p.pulls:
			case <-ctx.Done():
				return
			}
			continue
		}
		pullCtx, stop := ctx, func() {}
		if p.o.IdleExit > 0 && p.empty() {
			if idleSince.IsZero() {
				idleSince = p.now()
			}
			pullCtx, stop = context.WithTimeout(ctx, max(p.o.IdleExit-p.now().Sub(idleSince), 0))
		} else {
			idleSince = time.Time{}
			if p.o.IdleExit > 0 {
				// It may have nothing left before anything comes.
				pullCtx, stop = context.WithTimeout(ctx, p.o.IdleExit)
			}
		}
		got, err := p.o.Session.Pull(pullCtx, n)
		idle := pullCtx.Err() != nil && ctx.Err() == nil
		stop()
		if err := p.claim(ctx, got...); err != nil {
			if ctx.Err() == nil {
				p.fail(err)
			}
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			p.finished(true)
			return
		case ctx.Err() != nil:
			return
		case len(got) == 0 && idle:
			if !idleSince.IsZero() && p.empty() {
				p.log.Info("there is nothing to do, and the node ends", "idle_exit", p.o.IdleExit)
				p.finished(false)
				return
			}
		case err != nil:
			p.fail(err)
			return
		}
	}
}

// empty reports whether the node has no lease.
func (p *Puller) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.holds) == 0
}

// need is the number of leases to pull now.
func (p *Puller) need() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	have, bytes, items, known := 0, 0, 0, 0
	for _, h := range p.holds {
		have += h.left + h.settling
		bytes += h.pack.bytes
		items += h.pack.count
		known++
	}
	want := max(p.o.Workers*p.ahead(), p.o.Least)
	if p.over || have >= want || len(p.holds) >= maxHolds || bytes >= maxHeldBytes || p.untold >= maxUntold {
		return 0
	}
	mean := 1
	if known > 0 {
		mean = max(items/known, 1)
	}
	return min(max((want-have)/mean, 1), maxPull)
}

// ahead is the number of items that a worker should have, in work or waiting.
func (p *Puller) ahead() int {
	each := max(p.perItem, p.pace)
	switch {
	case p.pace == 0:
		return 2
	case each >= longItem, p.tail && each >= aheadTime/10:
		return 1
	default:
		return 1 + int((aheadTime+each-1)/each)
	}
}

// finished records that no more leases come. all: every item has an outcome, and what is still in work does not matter.
func (p *Puller) finished(all bool) {
	p.mu.Lock()
	p.over = true
	if all {
		for _, h := range p.holds {
			p.lose(h)
		}
	}
	p.mu.Unlock()
	wake(p.source)
	wake(p.fences)
}

// claim claims delivered leases, and gives their items to the backbone.
func (p *Puller) claim(ctx context.Context, all ...Delivery) error {
	var fresh []Delivery
	var held []Held
	p.mu.Lock()
	for _, d := range all {
		if p.holds[holdID{d.Lease.Generation, d.Lease.ID}] == nil {
			fresh = append(fresh, d)
			held = append(held, Held{Generation: d.Lease.Generation, ID: d.Lease.ID, Epoch: d.Number})
		}
	}
	p.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	sent := p.now()
	answers, err := p.o.Session.Claim(ctx, held...)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		p.heard(held[i].Generation, answer.Tail, answer.Quarantined)
		if answer.Refused != "" {
			p.log.Debug("a lease was refused", "lease", held[i].ID, "why", answer.Refused)
			continue
		}
		if answer.Blocks == nil {
			answer.Blocks = fresh[i].Lease.Blocks
		}
		if err := p.got(held[i], answer, sent); err != nil {
			return err
		}
	}
	return nil
}

// got takes a lease that is the node's. The claim was sent at a time.
func (p *Puller) got(held Held, answer Claimed, sent time.Time) (err error) {
	h := &hold{held: held, pack: newPack(answer.Blocks), lasts: answer.For, until: sent.Add(answer.For)}
	h.pending, h.left = newSet(h.pack.count), h.pack.count
	h.pending.add(0, h.pack.count)
	skip := backbones.Merge(answer.Skip)
	h.pack.each(skip, h.paid)
	h.begun = slices.Clone(h.pending)
	var blocks []ready
	for _, b := range answer.Blocks {
		for _, left := range cut.Without(b, 0, skip) {
			if p.o.Prepare != nil {
				if left, err = p.o.Prepare(left); err != nil {
					return err
				}
			}
			blocks = append(blocks, ready{left, h})
		}
	}
	p.mu.Lock()
	if held.Generation < p.generation {
		// The coordinator was started again meanwhile, and lends these items again.
		p.revoking = append(p.revoking, h.unpaid()...)
		p.mu.Unlock()
		wake(p.fences)
		return nil
	}
	p.add(h)
	p.ready = append(p.ready, blocks...)
	nothing := h.left == 0
	p.mu.Unlock()
	wake(p.source)
	wake(p.fences)
	if nothing {
		wake(p.reports)
	}
	return nil
}

// heard records what the coordinator says about itself and the node.
func (p *Puller) heard(generation uint64, tail bool, quarantined string) {
	p.joined(generation)
	p.mu.Lock()
	p.tail = tail
	if quarantined != "" && p.quarantined == "" {
		p.quarantined = quarantined
		p.log.Error("this node is quarantined", "why", quarantined)
		for _, h := range p.holds {
			p.lose(h)
		}
		p.drain.close()
	}
	p.mu.Unlock()
	wake(p.fences)
}

// joined records the coordinator's generation.
func (p *Puller) joined(generation uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if generation <= p.generation {
		return
	}
	if p.generation > 0 {
		p.log.Debug("the coordinator was started again; the node reports what it has")
	}
	p.generation = generation
	for _, h := range p.holds {
		if h.held.Generation < generation {
			// Each new coordinator must hear it.
			h.announced = false
			if !h.former {
				p.outlive(h)
			}
		}
	}
	wake(p.reports)
}

// outlive keeps what the backbone has of a lease of a former generation. The rest is lent again.
func (p *Puller) outlive(h *hold) {
	h.former = true
	for i, r := range p.ready {
		if r.hold == h {
			items := backbones.Span{First: r.block.First, Count: r.block.Count}
			h.pack.each([]backbones.Span{items}, func(first, count int) {
				h.paid(first, count)
				h.begun.remove(first, count)
			})
			p.revoking = append(p.revoking, items)
			p.ready[i].hold = &hold{dropped: true}
		}
	}
	wake(p.fences)
	wake(p.reports)
}
