package mp

import (
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// Where a worker is that is on no item that is known.
const (
	// unseen: it has no heartbeat page.
	unseen = -1
	// between: it has not begun the chunk.
	between = -2
	// answered: it has finished everything and owes an answer.
	answered = -3
)

// betweenItems is how long a worker may be at work on no item, beyond what an item may take: decoding a large chunk on
// a busy machine takes its time.
const betweenItems = time.Minute

// leastAnswer is how long a worker that has finished everything may owe the answer at least, where items have a shorter limit.
const leastAnswer = 5 * time.Second

func answerTime(itemTimeout time.Duration) time.Duration {
	if itemTimeout == 0 {
		return crew.AnswerLimit
	}
	return min(max(itemTimeout, leastAnswer), crew.AnswerLimit)
}

// where says what a worker is at, from its heartbeat page; nil: it has none. false: it has nothing to do.
func (s *scheduler) where(worker int, beats []backbones.Beat) (crew.Sighting, bool) {
	l := s.lanes[worker]
	if l == nil || len(l.flights) == 0 {
		return crew.Sighting{}, false
	}
	first := l.flights[0]
	if beats == nil {
		return crew.Sighting{Request: first.id, Index: unseen, Limit: s.itemTimeout * time.Duration(first.count)}, true
	}
	for _, f := range l.flights {
		switch beat, begun := beatOf(beats, f); {
		case begun && beat.Index >= f.count:
		case begun:
			// While it is on an item the answers before it may wait: user code may keep all else from running.
			fresh := l.concluded == 0 && f.id == first.id && beat.Index == 0
			return crew.Sighting{Request: f.id, Index: beat.Index, Limit: s.itemTimeout, First: fresh}, true
		case f.id == first.id && s.itemTimeout > 0:
			return crew.Sighting{Request: f.id, Index: between, Limit: s.itemTimeout + betweenItems}, true
		case f.id == first.id:
			return crew.Sighting{Request: f.id, Index: between}, true
		}
	}
	limit := answerTime(s.itemTimeout)
	return crew.Sighting{Request: first.id, Index: answered, Limit: limit,
		Owed: fmt.Sprintf("it has finished chunk %d, and did not answer it within %s", first.id, limit)}, true
}

// Describe implements crew.Planner.
func (s *scheduler) Describe(at crew.Seat, seen crew.Sighting) string {
	l := s.lanes[at.Index]
	if l == nil {
		return ""
	}
	for _, f := range l.flights {
		if f.id != seen.Request {
			continue
		}
		switch position := max(seen.Index, 0); {
		case seen.Index == answered:
			return fmt.Sprintf("none: it has finished a chunk of %d and has not answered it", f.count)
		case seen.Index == between:
			return fmt.Sprintf("between items, with a chunk of %d", f.count)
		case seen.Index == unseen && f.count > 1:
			return fmt.Sprintf("one of %d items, the first of which is %s", f.count, cut.Shown(f.parts, 0))
		default:
			return cut.Shown(f.parts, position)
		}
	}
	return ""
}
