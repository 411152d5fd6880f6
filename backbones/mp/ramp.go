package mp

import (
	"math"
	"time"
)

// ramp decides how many workers are worth their start, where one process forks them, one after another, and lists the items meanwhile:
// workers for items that take no time would only hold up the list.
type ramp struct {
	// on: the workers are forked by one process.
	on bool
	// moved is the time of the last answer or new worker, or that at which items began to wait.
	moved time.Duration
	// idle: nothing waited at the last At.
	idle bool
}

const (
	// firstWorkers is the number of workers that start before an item time is known.
	firstWorkers = 4
	// worthStarting is the work for which one more worker starts while it is not known how much is to come.
	worthStarting = 50 * time.Millisecond
	// forkTime is the time that a fork takes: 2 ms, up to 12 if the process holds millions of items.
	forkTime = 10 * time.Millisecond
	// All workers start if nothing moves for this long: before the first worker, and with workers.
	firstPatience = 200 * time.Millisecond
	patience      = 60 * time.Millisecond
)

// Wanted is one more worker for each waiting item, up to the number that ends the waiting work sooner.
func (s *scheduler) Wanted() []int {
	if s.rampEnds() > s.now {
		return []int{min(s.most(), max(s.useful(), len(s.lanes)))}
	}
	return []int{s.most()}
}

func (s *scheduler) most() int { return min(s.workers, len(s.lanes)+s.pending()) }

// rampEnds is the time at which all workers start, unless something moves before.
func (s *scheduler) rampEnds() time.Duration {
	switch {
	case !s.ramp.on:
		return 0
	case len(s.lanes) == 0:
		return s.ramp.moved + firstPatience
	default:
		return s.ramp.moved + patience
	}
}

// useful is the number of workers for the waiting work, as far as item times are known.
func (s *scheduler) useful() int {
	perItem, known := s.sizer.steady()
	if !known {
		return firstWorkers
	}
	left := s.left()
	if left < 0 {
		return 1 + int(float64(s.pending())*perItem/float64(worthStarting))
	}
	// By the time that worker n starts, those before it have done n²/2 times forkTime of work.
	return 1 + int(math.Sqrt(2*float64(left)*perItem/float64(forkTime)))
}

// Wake implements crew.Planner: an item is due again, or all workers are to start.
func (s *scheduler) Wake() (time.Duration, bool) {
	at, ok := s.waiting.next()
	if ends := s.rampEnds(); ends > s.now && s.most() > len(s.lanes) && (!ok || ends < at) {
		return ends, true
	}
	return at, ok
}
