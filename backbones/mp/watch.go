package mp

import (
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// Positions of a worker that is on no known item.
const (
	// unseen: the worker has no heartbeat page.
	unseen = -1
	// between: it has not begun the chunk.
	between = -2
	// answered: it has finished everything and owes an answer.
	answered = -3
)

// betweenItems is the time beyond --item-timeout for a worker that is on no item: decoding a large chunk takes long on a busy machine.
const betweenItems = time.Minute

// leastAnswer is the least time for the answer of a worker that has finished everything.
const leastAnswer = 5 * time.Second

func answerTime(itemTimeout time.Duration) time.Duration {
	if itemTimeout == 0 {
		return crew.AnswerLimit
	}
	return min(max(itemTimeout, leastAnswer), crew.AnswerLimit)
}

// where is a worker's item by its heartbeat page; beats nil: it has none. false: it has nothing to do.
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
			// Earlier answers may wait meanwhile: user code may block everything else.
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

// Unnamed is the number of the item that a worker is on, if that is all that is known of it.
func (s *scheduler) Unnamed(at crew.Seat, seen crew.Sighting) (number uint64, ok bool) {
	l := s.lanes[at.Index]
	if l == nil || seen.Index < 0 {
		return 0, false
	}
	for _, f := range l.flights {
		if f.id == seen.Request && cut.Text(f.parts, seen.Index) == "" {
			return cut.Number(f.parts, seen.Index), true
		}
	}
	return 0, false
}
