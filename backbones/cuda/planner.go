package cuda

import (
	"fmt"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// The methods by which a crew.Crew asks the scheduler; Answered and Died have files of their own.

func (s *scheduler) Add(b backbones.Block) {
	s.paused = b.Count == 0
	s.cutter.Add(b)
}

func (s *scheduler) End()  { s.ended = true }
func (s *scheduler) Stop() { s.stopped = true }

func (s *scheduler) Abandon(k int) {
	for _, j := range s.waiting[k] {
		s.release(j)
	}
	s.waiting[k] = nil
}

// At implements crew.Planner. Items whose retry is due are loaded again.
func (s *scheduler) At(now time.Duration) {
	s.now = now
	s.delays = slices.DeleteFunc(s.delays, func(n delayed) bool {
		if n.due > now {
			return false
		}
		s.redo = append(s.redo, n.job)
		return true
	})
}

func (s *scheduler) Wake() (at time.Duration, ok bool) {
	for _, n := range s.delays {
		if !ok || n.due < at {
			at, ok = n.due, true
		}
	}
	return at, ok
}

// Wants keeps enough items for all batches that may be prefetched, and some more.
func (s *scheduler) Wants() bool {
	return !s.ended && s.cutter.Items < s.size*(s.prefetch+4)
}

// Wanted starts few workers for few batches, but a device at once, because that takes longest.
func (s *scheduler) Wanted() []int {
	if s.idle() {
		return nil
	}
	want := s.want
	want[load] = min(want[load], s.busy(load)+s.toLoad())
	if s.ended {
		want[device] = min(want[device], s.InFlight()+s.toLoad())
	}
	want[finish] = min(want[finish], s.begun)
	return want[:]
}

func (s *scheduler) Opened(at crew.Seat, _ backbones.StageWorker) {
	s.lanes[at.Stage] = append(s.lanes[at.Stage], &lane{at: at})
	s.figures.opened(at.Stage, s.now)
}

func (s *scheduler) Next() (crew.Seat, backbones.Batch, bool) {
	if at, batch, ok := s.next(); ok {
		return at, batch, true
	}
	for _, pool := range []*regions{s.in, s.out} {
		for _, region := range pool.dropped {
			if s.discard != nil {
				s.discard(region)
			}
		}
		pool.dropped = nil
	}
	var busy [stages]int
	for k := range busy {
		busy[k] = s.busy(k)
	}
	s.figures.look(s.now, busy, len(s.lanes[device]), s.starved, len(s.waiting[device]))
	return crew.Seat{}, backbones.Batch{}, false
}

// Where knows batches, not items. A batch may take as long as all its items.
func (s *scheduler) Where(at crew.Seat) (crew.Sighting, bool) {
	l := s.lane(at)
	if l == nil || len(l.flights) == 0 {
		return crew.Sighting{}, false
	}
	j := l.flights[0]
	return crew.Sighting{Request: j.id, Limit: s.limit * time.Duration(j.count), First: l.concluded == 0}, true
}

func (s *scheduler) Describe(at crew.Seat, seen crew.Sighting) string {
	l := s.lane(at)
	if l == nil || len(l.flights) == 0 || l.flights[0].id != seen.Request {
		return ""
	}
	j := l.flights[0]
	if j.count == 1 {
		return cut.Shown(j.parts, 0)
	}
	return fmt.Sprintf("one of a batch of %d, the first of which is %s", j.count, cut.Shown(j.parts, 0))
}

// Unnamed is the number of the item that a worker is on, if that is all that is known of it.
func (s *scheduler) Unnamed(at crew.Seat, seen crew.Sighting) (number uint64, ok bool) {
	l := s.lane(at)
	if l == nil || len(l.flights) == 0 || l.flights[0].id != seen.Request || l.flights[0].count != 1 || cut.Text(l.flights[0].parts, 0) != "" {
		return 0, false
	}
	return cut.Number(l.flights[0].parts, 0), true
}

func (s *scheduler) Late(at crew.Seat, seen crew.Sighting) {
	if l := s.lane(at); l != nil {
		l.late = &seen
	}
}

func (s *scheduler) Retire(at crew.Seat) {
	if l := s.lane(at); l != nil {
		l.spent, l.reserved = true, false
	}
}

func (s *scheduler) Spent() (spent []crew.Seat) {
	for k := range s.lanes {
		for _, l := range s.lanes[k] {
			if l.spent && len(l.flights) == 0 {
				spent = append(spent, l.at)
			}
		}
	}
	return spent
}

func (s *scheduler) Finished() bool { return s.ended && s.idle() }

// InFlight counts the batches with workers and between stages.
func (s *scheduler) InFlight() int {
	n := len(s.waiting[device]) + len(s.waiting[finish])
	for k := range s.lanes {
		for _, l := range s.lanes[k] {
			n += len(l.flights)
		}
	}
	return n
}

func (s *scheduler) ItemsInFlight() (n int) {
	for _, j := range slices.Concat(s.waiting[device], s.waiting[finish]) {
		n += j.count
	}
	for k := range s.lanes {
		for _, l := range s.lanes[k] {
			for _, j := range l.flights {
				n += j.count
			}
		}
	}
	return n
}

func (s *scheduler) Busy() (n int) {
	for k := range s.lanes {
		n += s.busy(k)
	}
	return n
}
