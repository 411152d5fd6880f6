package mp

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// A run in which everything fails keeps a bounded number of items, and goes on at the pace of its retries.
func TestWhatWaitsIsBounded(t *testing.T) {
	const chunk = 1 << 13
	s := newScheduler(1, chunk)
	s.retry = backbones.Retry{Limit: 1, Backoff: backbones.Backoff{First: time.Second, Random: func(n int64) int64 { return n - 1 }}}
	s.Opened(crew.Seat{}, nil)
	fail := func(c backbones.Chunk) {
		r := backbones.Result{ChunkID: c.ID, Count: c.Count}
		for i := range c.Count {
			r.Failures = append(r.Failures, backbones.ItemFailure{Index: i, Failure: backbones.Failure{Kind: backbones.KindError}})
		}
		if _, err := s.Answered(crew.Seat{}, r); err != nil {
			t.Fatal(err)
		}
	}
	given := 0
	for range 100 {
		s.Add(jsonBlock(given, chunk))
		c, ok := s.next(0)
		if !ok {
			break
		}
		given += c.Count
		fail(c)
	}
	if given > maxWaiting+chunk || !s.waiting.full() {
		t.Fatalf("%d items were given out, and %d wait", given, s.waiting.items())
	}
	if next, ok := s.waiting.next(); !ok || next != time.Second {
		t.Fatalf("the next is due at %v, %v", next, ok)
	}
	s.At(time.Second)
	c, ok := s.next(0)
	if !ok || c.Count != chunk || cut.Number(c.Parts, 0) != 0 {
		t.Fatalf("what is due is not given out first: %d items from %d", c.Count, cut.Number(c.Parts, 0))
	}
}

// An item that waits must not keep the block that it came in.
func TestAWaitingItemKeepsItsOwnTextAlone(t *testing.T) {
	var w waiting
	block := jsonBlock(0, 1000)
	w.add(waiter{due: 1, item: cut.Slice([]backbones.Part{{Block: block, Take: 1000}}, 500, 1)[0]})
	if got, want := w.bytes, len(`{"i":500}`); got != want {
		t.Errorf("%d bytes wait, want %d", got, want)
	}
	kept := w.later[0].item.Block.Payload
	block.Payload[0] = '!'
	if string(kept) != `{"i":500}` || cap(kept) > 64 {
		t.Errorf("%q is kept in %d bytes", kept, cap(kept))
	}
}
