package job

import (
	"context"
	"io"
	"slices"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// oneByOne is a source that yields an item when the one before has its outcome: what ends the run at an item leaves the next ones alone.
type oneByOne struct {
	inner backbones.Source
	// block is what is left of a block of the inner source, from position next on.
	block backbones.Block
	next  int
	ends  []int
	// yielded is how many items were handed on, concluded how many have their outcome. changed gets a value when that grows.
	yielded   uint64
	concluded atomic.Uint64
	changed   chan struct{}
	// stops: the source ends with the first failed item; stopped: it has.
	stops   bool
	stopped atomic.Bool
}

// oneByOne makes the items of a run that is debugged come one by one. Stages have their own order.
func (e *execution) oneByOne(all items) items {
	if e.spec.Debug == "" || e.spec.staged() {
		return all
	}
	e.gate = &oneByOne{inner: all.Source, stops: e.spec.Debug == debugPdb, changed: make(chan struct{}, 1)}
	all.Source = e.gate
	return all
}

// conclude takes outcomes. Who quits the debugger, or has seen an exception in it, wants no other item.
func (s *oneByOne) conclude(o backbones.Outcomes) {
	if s == nil {
		return
	}
	if s.stops && len(o.Failed) > 0 {
		s.stopped.Store(true)
	}
	n := len(o.Failed)
	for _, span := range slices.Concat(o.Done, o.Skipped) {
		n += span.Count
	}
	s.concluded.Add(uint64(n))
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Next returns a block of one item, or io.EOF.
func (s *oneByOne) Next(ctx context.Context) (backbones.Block, error) {
	for s.concluded.Load() < s.yielded {
		select {
		case <-s.changed:
		case <-ctx.Done():
			return backbones.Block{}, ctx.Err()
		}
	}
	if s.stopped.Load() {
		return backbones.Block{}, io.EOF
	}
	for s.next == s.block.Count {
		b, err := s.inner.Next(ctx)
		if err != nil || b.Count == 0 {
			return b, err
		}
		s.block, s.next, s.ends = b, 0, b.Ends(s.ends[:0])
	}
	one := s.block.Piece(s.next, s.next+1, s.ends)
	s.next++
	s.yielded++
	return one, nil
}
