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
	// starting is the time since which the next worker starts; 0: none does. took is a moving average of what a start took.
	starting, took time.Duration
}

const (
	// firstWorkers is the number of workers that start before an item time is known, and the most that start at a time: what is worth a
	// start may be done before its turn comes.
	firstWorkers = 4
	// worthStarting is the work for which one more worker starts while it is not known how much is to come.
	worthStarting = 50 * time.Millisecond
	// forkTime is the time that a start takes at least: 2 ms for a fork, up to 15 if the process holds millions of items.
	forkTime = 10 * time.Millisecond
	// All workers start if nothing moves for this long: before the first worker, and with workers.
	firstPatience = 200 * time.Millisecond
	patience      = 60 * time.Millisecond
)

// Wanted is one more worker for each waiting item, up to the number that ends the waiting work sooner.
func (s *scheduler) Wanted() []int {
	wanted := s.most()
	if s.rampEnds() > s.now {
		wanted = min(wanted, max(s.useful(), len(s.lanes)), len(s.lanes)+firstWorkers)
	}
	if wanted > len(s.lanes) && s.ramp.starting == 0 {
		s.ramp.starting = s.now
	}
	return []int{wanted}
}

// opened takes the time that the start of a worker took. Starts come one after another, so the first of several wanted ones counts.
func (r *ramp) opened(now time.Duration) {
	r.moved = now
	if r.starting > 0 {
		r.took = (r.took + now - r.starting) / 2
		r.starting = 0
	}
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
	// By the time that worker n starts, those before it have done n²/2 times the time of a start.
	return 1 + int(math.Sqrt(2*float64(left)*perItem/float64(max(s.ramp.took, forkTime))))
}

// Wake implements crew.Planner: an item is due again, or all workers are to start.
func (s *scheduler) Wake() (time.Duration, bool) {
	at, ok := s.waiting.next()
	if ends := s.rampEnds(); ends > s.now && s.most() > len(s.lanes) && (!ok || ends < at) {
		return ends, true
	}
	return at, ok
}
