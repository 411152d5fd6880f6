package lease

import (
	"context"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// fence ends the workers of leases whose time is over by this node's own monotonic clock, or that were lost.
func (p *Puller) fence(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(p.lapse())
		if !p.giveUp(ctx) {
			return
		}
		wake(p.source)
		select {
		case <-p.fences:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// lapse drops leases whose time is over, and returns the time until the next one's is.
func (p *Puller) lapse() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	// A clock that jumps, as after a sleep, is looked at again soon.
	next := time.Second
	for _, h := range p.holds {
		switch left := h.until.Sub(now); {
		case h.dropped:
		case left > 0:
			next = min(next, left)
		default:
			if h.left > 0 {
				p.log.Warn("the coordinator has not confirmed a lease in time: its workers are ended, because another node may have it", "lease", h.held.ID, "items", h.left, "lasts", h.lasts)
			}
			h.lapsed = true
			p.give(h)
			wake(p.reports)
		}
	}
	return next
}

// giveUp passes revocations to the backbone; false: the backbone has ended.
func (p *Puller) giveUp(ctx context.Context) bool {
	for {
		p.mu.Lock()
		items, blocks := backbones.Merge(p.revoking), p.yielded
		n := len(p.revoking)
		p.mu.Unlock()
		if n == 0 {
			return true
		}
		select {
		case p.revoke <- backbones.Revocation{Items: items, Blocks: blocks}:
		case <-p.stopped.c:
			return false
		case <-ctx.Done():
			return false
		}
		if p.o.Dropped != nil {
			p.o.Dropped(items)
		}
		p.mu.Lock()
		// Others may have been added meanwhile.
		if p.revoking = p.revoking[n:]; len(p.revoking) == 0 {
			p.revoking = nil
		}
		p.mu.Unlock()
	}
}
