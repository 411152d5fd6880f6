package mp

import (
	"cmp"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// The automatic chunk size aims at 100 ms: the cost of a message (some 50 µs on both sides) is far below a percent, progress moves, and
// workers end together.
const (
	aimedChunkTime = 100 * time.Millisecond
	growth         = 8
	firstChunkSize = 1
	maxChunkBytes  = 1 << 20
)

// sizer chooses how many items the next chunk has, from measured item times.
type sizer struct {
	// fixed is the user's size; 0: automatic.
	fixed int
	// queue is the number of chunks of a fixed size that a worker has at a time.
	queue int
	// perItem is a moving average of the time an item takes in a worker; 0: not known yet.
	perItem time.Duration
	// reached is the largest answered chunk. Sizes grow from there in steps, because a few fast items at the start mean little.
	reached int
	// reachedTime is the time that the largest answered chunk took.
	reachedTime time.Duration
}

// steady is the nanoseconds an item takes in the largest answered chunk; false: so far that says more about the start of the workers.
func (s *sizer) steady() (perItem float64, ok bool) {
	return float64(s.reachedTime) / float64(max(s.reached, 1)), s.reached >= 64 || s.reachedTime >= aimedChunkTime/10
}

// observe records an answered chunk.
func (s *sizer) observe(count int, busy time.Duration) {
	if count <= 0 {
		return
	}
	if count >= s.reached {
		s.reached, s.reachedTime = count, busy
	}
	per := max(busy/time.Duration(count), time.Nanosecond)
	if s.perItem == 0 {
		s.perItem = per
		return
	}
	// With the weight 1/4, a single odd chunk changes little, and the past is soon forgotten.
	s.perItem += (per - s.perItem) / 4
	s.perItem = max(s.perItem, time.Nanosecond)
}

// next is the size of the next chunk. left is the number of items that are still to be dispatched, or -1 if not known.
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
		// Near the end chunks get smaller, so that all workers finish together.
		size = min(size, (left+2*workers-1)/(2*workers))
	}
	return min(max(size, 1), backbones.MaxChunkItems)
}

// ahead is the number of chunks that a worker may have at a time: enough that it never waits, and no more, because no other worker can
// take them.
func (s *sizer) ahead(size, left, workers int) int {
	if s.fixed > 0 {
		return cmp.Or(s.queue, 2)
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
