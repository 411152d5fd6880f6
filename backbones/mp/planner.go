package mp

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// The methods by which a crew.Crew asks the scheduler. A pool has one stage.

func (s *scheduler) Add(b backbones.Block) { s.cutter.Add(b) }
func (s *scheduler) End()                  { s.ended = true }
func (s *scheduler) Stop()                 { s.stopped = true }

// Abandon does nothing: all chunks are with workers.
func (s *scheduler) Abandon(int) {}

// At implements crew.Planner.
func (s *scheduler) At(now time.Duration) {
	s.now = now
	s.waiting.ripen(now)
	s.redo = append(s.redo, s.waiting.takeAlone()...)
	if s.ramp.idle {
		s.ramp.moved = now
	}
	s.ramp.idle = s.pending() == 0
}

func (s *scheduler) Opened(at crew.Seat, w backbones.Worker) {
	s.lanes[at.Index] = &lane{worker: w}
	s.ramp.opened(s.now)
}

// Next asks the workers in turn, so that all get a part of a short list.
func (s *scheduler) Next() (crew.Seat, backbones.Chunk, bool) {
	for range s.workers {
		worker := s.turn
		s.turn = (s.turn + 1) % s.workers
		if chunk, ok := s.next(worker); ok {
			return crew.Seat{Index: worker}, chunk, true
		}
	}
	return crew.Seat{}, backbones.Chunk{}, false
}

func (s *scheduler) Died(at crew.Seat, exit backbones.Exit, byHost bool) (backbones.Outcomes, crew.Fate) {
	return s.died(at.Index, s.beats(at), exit, byHost)
}

func (s *scheduler) Where(at crew.Seat) (crew.Sighting, bool) { return s.where(at.Index, s.beats(at)) }

func (s *scheduler) Late(at crew.Seat, seen crew.Sighting) {
	if l := s.lanes[at.Index]; l != nil {
		l.late = &seen
	}
}

// Retire gives a worker nothing more: it is to be replaced.
func (s *scheduler) Retire(at crew.Seat) {
	if l := s.lanes[at.Index]; l != nil {
		l.spent, l.reserved = true, false
	}
}

func (s *scheduler) Spent() (spent []crew.Seat) {
	for worker, l := range s.lanes {
		if l.spent && len(l.flights) == 0 {
			spent = append(spent, crew.Seat{Index: worker})
		}
	}
	return spent
}

func (s *scheduler) Finished() bool {
	return s.ended && s.cutter.Items == 0 && len(s.redo) == 0 && s.waiting.items() == 0 && s.InFlight() == 0
}

func (s *scheduler) InFlight() (n int) {
	for _, l := range s.lanes {
		n += len(l.flights)
	}
	return n
}

func (s *scheduler) ItemsInFlight() (n int) {
	for index, l := range s.lanes {
		n += l.itemsInFlight(s.beats(crew.Seat{Index: index}))
	}
	return n
}

// itemsInFlight is the number of items of the worker's chunks that a heartbeat page does not show as finished.
func (l *lane) itemsInFlight(beats []backbones.Beat) (n int) {
	for _, f := range l.flights {
		n += f.count
		if beat, ok := beatOf(beats, f); ok {
			n -= max(beat.Index, 0)
		}
	}
	return n
}

func (s *scheduler) Busy() (n int) {
	for _, l := range s.lanes {
		if len(l.flights) > 0 {
			n++
		}
	}
	return n
}

// beats is a worker's heartbeat page.
func (s *scheduler) beats(at crew.Seat) []backbones.Beat {
	if l := s.lanes[at.Index]; l != nil && l.worker != nil {
		return l.worker.Beats()
	}
	return nil
}
