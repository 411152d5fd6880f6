package mp

import (
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// scheduler decides which worker gets which items, and their outcomes. It is a crew.Planner. Every item gets exactly one outcome,
// whatever workers answer and whenever they die.
type scheduler struct {
	cutter cut.Cutter
	sizer  sizer
	retry  backbones.Retry
	// workers is the most workers that there can be.
	workers int
	// perWorker is the number of items after which a worker is replaced; 0: no limit.
	perWorker int
	lanes     map[int]*lane
	redo      []job
	waiting   waiting
	ramp      ramp
	// now is the time of the last At.
	now    time.Duration
	lastID uint64
	// turn is the worker that Next asks first.
	turn int
	// ended: no more blocks come. stopped: nothing more is sent.
	ended, stopped bool
	// itemTimeout bounds an item; 0: no limit.
	itemTimeout time.Duration
	log         hclog.Logger
	// slowest is the longest time that a worker has taken for a single item, and for several at a time.
	slowest struct{ one, several time.Duration }
	// remaining is the number of items that are still to come; nil or false: not known.
	remaining func() (int, bool)
}

// lane is one worker and its chunks, oldest first.
type lane struct {
	worker  backbones.Worker
	flights []flight
	// reserved: it gets nothing until it is empty, because an item waits to be tried alone there.
	reserved bool
	// spent: it gets nothing more, because its worker is to be replaced.
	spent bool
	// concluded is the number of items that this worker has concluded.
	concluded int
	// late is where the worker was when the host ended it because it took too long; nil: it did not.
	late *crew.Sighting
}

type flight struct {
	job
	id   uint64
	slot int
	// revoked are items of it that are another's now, in ascending order.
	revoked []backbones.Span
}

// job is some items, not always consecutive.
type job struct {
	parts []backbones.Part
	count int
	// alone: its worker must have nothing else, because one of the items may kill workers.
	alone bool
	// failures is the number of failures of each item; nil: none.
	failures []int
}

// failed is the number of earlier failures of the item at a position.
func (j job) failed(position int) int {
	if j.failures == nil {
		return 0
	}
	return j.failures[position]
}

// slice is count items of the job from the position first.
func (j job) slice(first, count int) job {
	out := job{parts: cut.Slice(j.parts, first, count), count: count}
	if j.failures != nil {
		out.failures = j.failures[first : first+count]
	}
	return out
}

func newScheduler(workers, fixed int) *scheduler {
	return &scheduler{
		workers: workers, sizer: sizer{fixed: min(fixed, backbones.MaxChunkItems)}, ramp: ramp{idle: true}, lanes: map[int]*lane{}, log: hclog.NewNullLogger(),
	}
}

// pending is the number of items that wait for a worker.
func (s *scheduler) pending() int {
	n := s.cutter.Items
	for _, j := range s.redo {
		n += j.count
	}
	return n + len(s.waiting.due)
}

// Wants keeps enough items to fill every worker and to see the end coming, and no more: memory must not grow with the number of items.
func (s *scheduler) Wants() bool {
	if s.ended || s.cutter.Bytes > 8*maxChunkBytes {
		return false
	}
	return s.cutter.Items < 2*s.workers*max(s.sizer.next(-1, s.workers), 64)
}

// left is the number of items that are still to be dispatched, or -1 if not known.
func (s *scheduler) left() int {
	if s.ended {
		return s.cutter.Items
	}
	if s.remaining != nil {
		if n, ok := s.remaining(); ok {
			return s.cutter.Items + n
		}
	}
	return -1
}

// next returns a chunk for the worker, or false if it has enough or nothing waits.
func (s *scheduler) next(worker int) (backbones.Chunk, bool) {
	l := s.lanes[worker]
	if s.stopped || l == nil || l.spent || len(l.flights) >= backbones.MaxInFlight {
		return backbones.Chunk{}, false
	}
	if len(l.flights) > 0 && l.flights[len(l.flights)-1].alone {
		return backbones.Chunk{}, false
	}
	most := s.allowed(l, backbones.MaxChunkItems)
	if most == 0 {
		return backbones.Chunk{}, false
	}
	if j, ok := s.nextRedo(l, most); ok {
		return s.launch(l, j), true
	}
	fresh := s.cutter.Items > 0 && !s.waiting.full()
	if l.reserved || !fresh && len(s.waiting.due) == 0 {
		return backbones.Chunk{}, false
	}
	left := s.left()
	size := s.sizer.next(left, s.workers)
	if len(l.flights) >= s.sizer.ahead(size, left, s.workers) {
		return backbones.Chunk{}, false
	}
	size = min(size, most)
	limit := maxChunkBytes
	if s.sizer.fixed > 0 {
		limit = 32 * maxChunkBytes
	}
	if len(s.waiting.due) > 0 {
		return s.launch(l, s.waiting.cut(size, limit)), true
	}
	parts, count := s.cutter.Cut(size, limit)
	return s.launch(l, job{parts: parts, count: count}), true
}

// allowed is the part of size items that a worker may still get before it is replaced.
func (s *scheduler) allowed(l *lane, size int) int {
	if s.perWorker == 0 {
		return size
	}
	has := l.concluded
	for _, f := range l.flights {
		has += f.count
	}
	return min(size, max(s.perWorker-has, 0))
}

// nextRedo returns up to most items that a worker gave back.
func (s *scheduler) nextRedo(l *lane, most int) (job, bool) {
	aloneWaits := false
	for i, j := range s.redo {
		if j.alone && len(l.flights) > 0 {
			aloneWaits = true
			continue
		}
		if l.reserved && !j.alone {
			continue
		}
		if !j.alone && len(l.flights) >= 2 {
			break
		}
		l.reserved = false
		if j.count <= most {
			s.redo = slices.Delete(s.redo, i, i+1)
			return j, true
		}
		first, rest := j.slice(0, most), j.slice(most, j.count-most)
		first.alone, rest.alone = j.alone, j.alone
		s.redo[i] = rest
		return first, true
	}
	if aloneWaits && !s.someReserved() {
		l.reserved = true
	}
	if !aloneWaits && len(l.flights) == 0 {
		l.reserved = false
	}
	return job{}, false
}

func (s *scheduler) someReserved() bool {
	for _, l := range s.lanes {
		if l.reserved {
			return true
		}
	}
	return false
}

func (s *scheduler) launch(l *lane, j job) backbones.Chunk {
	s.lastID++
	slot := 0
	for slices.ContainsFunc(l.flights, func(f flight) bool { return f.slot == slot }) {
		slot++
	}
	l.flights = append(l.flights, flight{job: j, id: s.lastID, slot: slot})
	return backbones.Chunk{ID: s.lastID, Slot: slot, Parts: j.parts, Count: j.count}
}

func (s *scheduler) again(j job) { s.redo = append(s.redo, j) }
