package mp

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// sighting is what a worker was seen at.
type sighting struct {
	chunk uint64
	// index is the item's position in the chunk; unseen where the worker has no heartbeat page; between where it has not
	// begun the chunk; answered where it has finished everything and owes an answer.
	index int
	// since is when it was first seen there, elapsed how long ago that is, both in time under watch.
	since, elapsed time.Duration
	// limit is how long it may be there; 0: as long as it likes.
	limit time.Duration
	// first says that it is the first item of the worker, and why is what may keep the worker from it; empty: nobody knows.
	first bool
	why   string
}

const (
	unseen   = -1
	between  = -2
	answered = -3
)

// betweenItems is how long a worker may be at work on no item, beyond what an item may take: decoding a large chunk on
// a busy machine takes its time.
const betweenItems = time.Minute

// A worker that has finished everything it has owes the answer within answerLimit, whatever items may take. Where items have
// a shorter limit, the answer has that, and leastAnswer at least.
const (
	answerLimit = time.Minute
	leastAnswer = 5 * time.Second
)

func answerTime(itemTimeout time.Duration) time.Duration {
	if itemTimeout == 0 {
		return answerLimit
	}
	return min(max(itemTimeout, leastAnswer), answerLimit)
}

// watchdog looks at where workers are, time and again, and finds those that are on one item for too long. It has no
// clock: whoever looks says how much time has passed.
type watchdog struct {
	// itemTimeout is how long an item may take; 0: as long as it likes.
	itemTimeout time.Duration
	// stallAfter is how long nothing at all may move before that is worth a warning; 0: none is given.
	stallAfter time.Duration

	// clock is the time under watch. A gap between two looks, in which this process or the machine stood still,
	// counts as one interval: the workers stood still as well.
	clock time.Duration
	seen  map[int]sighting
	// moved is when something was last seen to move, nextStall how long after it the next warning is due.
	moved, nextStall time.Duration
}

// interval is how often to look.
func (w *watchdog) interval() time.Duration {
	const parts, shortest, longest = 8, 5 * time.Millisecond, 5 * time.Second
	shorter := answerLimit
	for _, limit := range []time.Duration{w.itemTimeout, w.stallAfter} {
		if limit > 0 {
			shorter = min(shorter, limit)
		}
	}
	return min(max(shorter/parts, shortest), longest)
}

// pass lets time pass.
func (w *watchdog) pass(since time.Duration) { w.clock += min(since, 2*w.interval()) }

// move takes note that something moved: an answer came, a worker started or went, the listing yielded something.
func (w *watchdog) move() { w.moved, w.nextStall = w.clock, w.stallAfter }

// gone forgets a worker.
func (w *watchdog) gone(worker int) { delete(w.seen, worker) }

// look takes note of where a worker is, and reports whether it has been there for too long.
func (w *watchdog) look(worker int, now sighting) (sighting, bool) {
	before, known := w.seen[worker]
	if known && before.chunk == now.chunk && before.index == now.index {
		now.since = before.since
	} else {
		now.since = w.clock
		w.move()
	}
	now.elapsed = w.clock - now.since
	w.seen[worker] = now
	return now, now.limit > 0 && now.elapsed >= now.limit
}

// stalled reports whether a warning is due because nothing has moved. Each comes twice as long after the last movement
// as the one before.
func (w *watchdog) stalled() (time.Duration, bool) {
	still := w.clock - w.moved
	if w.stallAfter == 0 || still < max(w.nextStall, w.stallAfter) {
		return 0, false
	}
	w.nextStall = 2 * still
	return still, true
}

// where says what a worker is at, from its heartbeat page; nil: it has none. false: it has nothing to do.
func (s *scheduler) where(worker int, beats []backbones.Beat, itemTimeout time.Duration) (sighting, bool) {
	l := s.lanes[worker]
	if l == nil || len(l.flights) == 0 {
		return sighting{}, false
	}
	if beats == nil {
		f := l.flights[0]
		return sighting{chunk: f.id, index: unseen, limit: itemTimeout * time.Duration(f.count)}, true
	}
	first := l.flights[0]
	for _, f := range l.flights {
		switch beat, begun := beatOf(beats, f); {
		case begun && beat.Index >= f.count:
		case begun:
			// While it is on an item the answers before it may wait: user code may keep all else from running.
			first := l.concluded == 0 && f.id == l.flights[0].id && beat.Index == 0
			return sighting{chunk: f.id, index: beat.Index, limit: itemTimeout, first: first}, true
		case f.id == first.id && itemTimeout > 0:
			return sighting{chunk: f.id, index: between, limit: itemTimeout + betweenItems}, true
		case f.id == first.id:
			return sighting{chunk: f.id, index: between}, true
		}
	}
	return sighting{chunk: first.id, index: answered, limit: answerTime(itemTimeout)}, true
}

// late marks a worker that is about to be ended for being where it is for too long.
func (s *scheduler) late(worker int, at sighting) {
	if l := s.lanes[worker]; l != nil {
		l.late = &at
	}
}

// describe names what a worker was seen at, for messages.
func (s *scheduler) describe(worker int, at sighting) string {
	l := s.lanes[worker]
	if l == nil {
		return ""
	}
	for _, f := range l.flights {
		if f.id != at.chunk {
			continue
		}
		switch position := max(at.index, 0); {
		case at.index == answered:
			return fmt.Sprintf("none: it has finished a chunk of %d and has not answered it", f.count)
		case at.index == between:
			return fmt.Sprintf("between items, with a chunk of %d", f.count)
		case at.index == unseen && f.count > 1:
			return fmt.Sprintf("one of %d items, the first of which is %s", f.count, shown(f.parts, 0))
		default:
			return shown(f.parts, position)
		}
	}
	return ""
}

func shown(parts []backbones.Part, position int) string {
	if t := cut.Text(parts, position); t != "" {
		return t
	}
	return fmt.Sprintf("item %d of the listing", cut.Number(parts, position))
}

// longest are the workers that have been where they are for the longest, at most n of them.
func (w *watchdog) longest(n int) []int {
	workers := make([]int, 0, len(w.seen))
	for index := range w.seen {
		workers = append(workers, index)
	}
	slices.SortFunc(workers, func(a, b int) int {
		return cmp.Or(cmp.Compare(w.seen[a].since, w.seen[b].since), cmp.Compare(a, b))
	})
	return workers[:min(n, len(workers))]
}
