package mp

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// What the automatic chunk size aims at. A chunk of 100 ms keeps the cost of a message (some 50 µs on both sides) far
// below a percent, and is short enough that progress moves and that workers end together.
const (
	aimedChunkTime = 100 * time.Millisecond
	growth         = 8
	firstChunkSize = 1
	maxChunkBytes  = 1 << 20
)

// sizer chooses how many items the next chunk has, from measured item times.
type sizer struct {
	// fixed is the user's own size; 0: automatic.
	fixed int
	// queue is how many chunks of a fixed size a worker has at a time.
	queue int
	// perItem is a moving average of the time an item takes in a worker; 0: not known yet.
	perItem time.Duration
	// reached is the largest chunk answered so far: sizes grow from there step by step, because a few fast items at the
	// start say little.
	reached int
}

// observe takes note of an answered chunk.
func (s *sizer) observe(count int, busy time.Duration) {
	if count <= 0 {
		return
	}
	s.reached = max(s.reached, count)
	per := max(busy/time.Duration(count), time.Nanosecond)
	if s.perItem == 0 {
		s.perItem = per
		return
	}
	// Weight 1/4: a few chunks later the past hardly counts, one odd chunk does not upset it.
	s.perItem += (per - s.perItem) / 4
	s.perItem = max(s.perItem, time.Nanosecond)
}

// next is the size of the next chunk. left is how many items are still to be dispatched, or -1 if not known yet.
func (s *sizer) next(left, workers int) int {
	if s.fixed > 0 {
		return s.fixed
	}
	size := firstChunkSize
	if s.perItem > 0 {
		size = int(min(aimedChunkTime/s.perItem, backbones.MaxChunkItems))
		size = min(size, s.reached*growth)
	}
	if left >= 0 {
		// Near the end each chunk takes its part of what is left, so that the last ones are small and all workers
		// finish together.
		size = min(size, (left+2*workers-1)/(2*workers))
	}
	return min(max(size, 1), backbones.MaxChunkItems)
}

// ahead is how many chunks a worker may have at a time: enough that it never waits for the next one, and no more,
// since what one worker has queued no other can take.
func (s *sizer) ahead(size, left, workers int) int {
	if s.fixed > 0 {
		return max(s.queue, 2)
	}
	expected := s.perItem * time.Duration(size)
	switch {
	case s.perItem == 0:
		return 1
	case expected < aimedChunkTime/10:
		return backbones.MaxInFlight
	case left >= 0 && left < workers*size && s.perItem > aimedChunkTime/5:
		return 1
	default:
		return 2
	}
}
