package lease

import (
	"context"
	"errors"
	"time"
)

// publisher publishes leases in its own goroutine, because a queue may have no room, and checks that the queue has as many as the Book.
type publisher struct {
	*Coordinator
	leases chan Lease
	// differs is how long the numbers of leases in queue and Book have differed; seen is Book.moves at the last look.
	differs time.Duration
	seen    uint64
}

// publishTime bounds one call of the queue, maxBatch the leases that are published by one.
const (
	publishTime = 10 * time.Second
	maxBatch    = 128
)

func newPublisher(c *Coordinator) *publisher {
	return &publisher{Coordinator: c, leases: make(chan Lease, 16)}
}

// room reports whether leases takes one more without waiting.
func (p *publisher) room() bool { return len(p.leases) < cap(p.leases) }

func (p *publisher) run(ctx context.Context) {
	every := p.o.WatchAfter / 6
	clock := time.NewTicker(every)
	defer clock.Stop()
	var pause <-chan time.Time
	for {
		leases := p.leases
		if pause != nil {
			leases = nil
		}
		select {
		case <-ctx.Done():
			return
		case l := <-leases:
			if !p.publish(ctx, p.waiting(l)) {
				// The queue is tried again soon, and created again if that lasts.
				pause = time.After(min(time.Second, every))
			}
			p.wake()
		case <-pause:
			pause = nil
		case <-clock.C:
			p.watch(ctx, every)
		}
	}
}

// waiting are the leases to be published. The first one is already being published.
func (p *publisher) waiting(first Lease) []Lease {
	all := []Lease{first}
	for len(all) < maxBatch {
		select {
		case l := <-p.leases:
			all = append(all, l)
		default:
			return all
		}
	}
	return all
}

func (p *publisher) publish(ctx context.Context, all []Lease) bool {
	callCtx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := p.o.Queue.Publish(callCtx, all...)
	if err == nil {
		return true
	}
	p.ifReplaced(err)
	if ctx.Err() == nil {
		p.log.Debug("publishing leases failed; their items are lent again", "error", err)
	}
	p.at(func() {
		for _, l := range all {
			p.book.Unpublished(l.ID)
		}
	})
	if errors.Is(err, ErrGone) && ctx.Err() == nil {
		p.log.Warn("the queue is gone and is created again")
		renewCtx, cancel := context.WithTimeout(ctx, publishTime)
		defer cancel()
		p.renew(renewCtx)
	}
	return false
}

// ifReplaced ends the run if an error says that another coordinator has it.
func (p *publisher) ifReplaced(err error) {
	if errors.Is(err, ErrReplaced) {
		p.mu.Lock()
		p.replaced = err
		p.mu.Unlock()
		p.wake()
	}
}

// watch creates the queue again when its leases have differed from the Book's for long: it was removed, or it has lost leases.
func (p *publisher) watch(ctx context.Context, every time.Duration) {
	callCtx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	has, err := p.o.Queue.Open(callCtx)
	p.mu.Lock()
	open := p.book.Open() - len(p.leases)
	// Leases that came and went meanwhile may count on one side only.
	moves := int(p.book.moves - p.seen)
	p.seen = p.book.moves
	p.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err == nil && max(has-open, open-has) <= moves {
		p.differs = 0
		return
	}
	if p.differs += every; p.differs < p.o.WatchAfter && !errors.Is(err, ErrGone) {
		return
	}
	if errors.Is(err, ErrGone) {
		p.log.Info("the server has been started again, or the queue was removed: the queue is created again, and nothing is lost", "leases", open)
	} else {
		p.log.Warn("the queue has lost leases, or has too many, and is created again", "has", has, "should_have", open, "error", err)
	}
	p.renew(callCtx)
}

// renew creates the queue again; its leases are lent again.
func (p *publisher) renew(ctx context.Context) {
	p.differs = 0
	if err := p.o.Queue.Renew(ctx); err != nil {
		p.ifReplaced(err)
		p.log.Error("the queue cannot be created again; the next try follows", "error", err)
		return
	}
	for drained := false; !drained; {
		select {
		case <-p.leases:
		default:
			drained = true
		}
	}
	p.at(p.book.QueueLost)
	p.wake()
}
