package mp

import (
	"fmt"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// scheduler decides which items go to which worker and what has become of them. It starts nothing and waits for
// nothing: pool.go brings it events one at a time. Every item that was added is in exactly one Outcomes in the end,
// whatever workers answer and whenever they die.
type scheduler struct {
	cutter cutter
	sizer  sizer
	// workers is how many workers there can be, for sharing what is left.
	workers int
	lanes   map[int]*lane
	redo    []job
	lastID  uint64
	// ended: no more blocks will be added.
	ended bool
	// remaining asks the source how many items are still to come; nil or false: not known.
	remaining func() (int, bool)
}

// lane is what one worker has in flight, oldest first.
type lane struct {
	flights []flight
	// reserved lanes get nothing until they are empty: an item waits to be tried alone there.
	reserved bool
	// concluded counts the items that this worker has concluded since it was started.
	concluded int
}

type flight struct {
	job
	id   uint64
	slot int
}

// job is some items to be worked on. Their numbers need not be consecutive.
type job struct {
	parts []backbones.Part
	count int
	// alone: in flight on a worker that has nothing else, because one of the items is suspected of killing workers.
	alone bool
	// deaths counts the workers that died while they were on this job's only item.
	deaths int
}

func newScheduler(workers, fixed int) *scheduler {
	return &scheduler{workers: workers, sizer: sizer{fixed: min(fixed, backbones.MaxChunkItems)}, lanes: map[int]*lane{}}
}

func (s *scheduler) add(b backbones.Block) { s.cutter.add(b) }

// opened makes room for a worker that has started.
func (s *scheduler) opened(worker int) { s.lanes[worker] = &lane{} }

// pending is how many items wait for a worker.
func (s *scheduler) pending() int {
	n := s.cutter.items
	for _, j := range s.redo {
		n += j.count
	}
	return n
}

// inFlight is how many chunks are with workers.
func (s *scheduler) inFlight() int {
	n := 0
	for _, l := range s.lanes {
		n += len(l.flights)
	}
	return n
}

// wants reports whether the scheduler should be given another block: enough is kept ahead to fill every worker and to
// see the end coming, and no more, so that memory does not grow with the number of items.
func (s *scheduler) wants() bool {
	if s.ended || s.cutter.bytes > 8*maxChunkBytes {
		return false
	}
	return s.cutter.items < 2*s.workers*max(s.sizer.next(-1, s.workers), 64)
}

// left is how many items are still to be dispatched, or -1 where nobody knows.
func (s *scheduler) left() int {
	if s.ended {
		return s.cutter.items
	}
	if s.remaining != nil {
		if n, ok := s.remaining(); ok {
			return s.cutter.items + n
		}
	}
	return -1
}

// next returns a chunk for the worker, or false when it has enough or nothing waits.
func (s *scheduler) next(worker int) (backbones.Chunk, bool) {
	l := s.lanes[worker]
	if l == nil || len(l.flights) >= backbones.MaxInFlight {
		return backbones.Chunk{}, false
	}
	if len(l.flights) > 0 && l.flights[len(l.flights)-1].alone {
		return backbones.Chunk{}, false
	}
	if j, ok := s.nextRedo(l); ok {
		return s.launch(l, j), true
	}
	if l.reserved || s.cutter.items == 0 {
		return backbones.Chunk{}, false
	}
	left := s.left()
	size := s.sizer.next(left, s.workers)
	if len(l.flights) >= s.sizer.ahead(size, left, s.workers) {
		return backbones.Chunk{}, false
	}
	limit := maxChunkBytes
	if s.sizer.fixed > 0 {
		limit = 32 * maxChunkBytes
	}
	parts, count := s.cutter.cut(size, limit)
	return s.launch(l, job{parts: parts, count: count}), true
}

func (s *scheduler) nextRedo(l *lane) (job, bool) {
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
		s.redo = slices.Delete(s.redo, i, i+1)
		l.reserved = false
		return j, true
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

// answered takes a worker's result. An error means that the worker broke the protocol and must be ended.
func (s *scheduler) answered(worker int, r backbones.Result) (backbones.Outcomes, error) {
	l := s.lanes[worker]
	if l == nil || len(l.flights) == 0 {
		return backbones.Outcomes{}, fmt.Errorf("it answered chunk %d, which it was not sent or had answered before", r.ChunkID)
	}
	f := l.flights[0]
	if r.ChunkID != f.id {
		return backbones.Outcomes{}, fmt.Errorf("it answered chunk %d where chunk %d was due", r.ChunkID, f.id)
	}
	if r.Count != f.count {
		return backbones.Outcomes{}, fmt.Errorf("it answered %d items for chunk %d, which has %d", r.Count, f.id, f.count)
	}
	marks, err := mark(f.count, r)
	if err != nil {
		return backbones.Outcomes{}, err
	}
	l.flights = l.flights[1:]
	l.concluded += f.count
	if !f.alone {
		s.sizer.observe(f.count, r.Busy)
	}
	out := backbones.Outcomes{Worker: worker}
	out.Skipped = collect(out.Skipped, f.parts, marks, f.count, backbones.OutcomeSkipped)
	out.Done = collect(out.Done, f.parts, marks, f.count, backbones.OutcomeDone)
	for _, fail := range r.Failures {
		failure := fail.Failure
		failure.Worker = worker
		failure.Attempts = max(failure.Attempts, 1+f.deaths)
		item := fail.Item
		if item == "" {
			item = text(f.parts, fail.Index)
		}
		out.Failed = append(out.Failed, backbones.FailedItem{Number: number(f.parts, fail.Index), Item: item, Failure: failure})
	}
	return out, nil
}

// mark writes a byte a position, or returns nil where all are done.
func mark(count int, r backbones.Result) ([]byte, error) {
	if len(r.Skipped) == 0 && len(r.Failures) == 0 {
		return nil, nil
	}
	marks := make([]byte, count)
	set := func(i int, v byte) error {
		if i < 0 || i >= count {
			return fmt.Errorf("it answered for item %d of chunk %d, which has %d", i, r.ChunkID, count)
		}
		if marks[i] != 0 {
			return fmt.Errorf("it answered twice for item %d of chunk %d", i, r.ChunkID)
		}
		marks[i] = v
		return nil
	}
	for _, span := range r.Skipped {
		for i := span.First; i < span.First+span.Count; i++ {
			if err := set(i, backbones.OutcomeSkipped); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range r.Failures {
		if err := set(f.Index, backbones.OutcomeFailed); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// collect appends the numbers of all positions below count whose mark is v. No marks: all are done.
func collect(s []backbones.Span, parts []backbones.Part, marks []byte, count int, v byte) []backbones.Span {
	if marks == nil {
		if v == backbones.OutcomeDone {
			return spans(s, parts, 0, count)
		}
		return s
	}
	for i := 0; i < count; {
		j := i + 1
		for j < count && marks[j] == marks[i] {
			j++
		}
		if marks[i] == v {
			s = spans(s, parts, i, j-i)
		}
		i = j
	}
	return s
}

// died takes back what a dead worker had in flight. What its heartbeat page shows as concluded is concluded, the item
// it was on is suspected of having killed it, and everything else goes to other workers. progress reports whether the
// worker had concluded anything since it was started.
func (s *scheduler) died(worker int, beats []backbones.Beat, exit backbones.Exit) (out backbones.Outcomes, progress bool) {
	out.Worker = worker
	l := s.lanes[worker]
	if l == nil {
		return out, false
	}
	delete(s.lanes, worker)
	for i, f := range l.flights {
		beat, ok := beatOf(beats, f)
		switch {
		case !ok && beats == nil && i == 0:
			s.bisect(&out, f, exit)
		case !ok:
			s.again(job{parts: f.parts, count: f.count, alone: f.alone, deaths: f.deaths})
		default:
			l.concluded += s.takeBack(&out, f, beat, exit)
		}
	}
	return out, l.concluded > 0 || len(out.Failed) > 0
}

func beatOf(beats []backbones.Beat, f flight) (backbones.Beat, bool) {
	if f.slot >= len(beats) || beats[f.slot].ChunkID != f.id {
		return backbones.Beat{}, false
	}
	return beats[f.slot], true
}

// takeBack concludes from a beat what it can and requeues the rest. It returns how many items are concluded.
func (s *scheduler) takeBack(out *backbones.Outcomes, f flight, beat backbones.Beat, exit backbones.Exit) int {
	begun := min(max(beat.Index, 0), f.count)
	marks := make([]byte, begun)
	copy(marks, beat.Outcomes)
	out.Done = collect(out.Done, f.parts, marks, begun, backbones.OutcomeDone)
	out.Skipped = collect(out.Skipped, f.parts, marks, begun, backbones.OutcomeSkipped)
	concluded := 0
	for i, m := range marks {
		if m == backbones.OutcomeFailed {
			// Its message died with the worker. Failing once more costs less than a failure without a reason.
			s.again(job{parts: slice(f.parts, i, 1), count: 1, deaths: f.deaths})
		} else {
			concluded++
		}
	}
	if begun == f.count {
		return concluded
	}
	s.suspect(out, job{parts: slice(f.parts, begun, 1), count: 1, alone: f.alone, deaths: f.deaths}, exit)
	if rest := f.count - begun - 1; rest > 0 {
		s.again(job{parts: slice(f.parts, begun+1, rest), count: rest})
	}
	return concluded
}

// suspect deals with an item that a worker died on: it is tried once more, alone, and has failed if that worker dies too.
func (s *scheduler) suspect(out *backbones.Outcomes, j job, exit backbones.Exit) {
	j.deaths++
	if j.deaths == 1 {
		j.alone = true
		s.again(j)
		return
	}
	out.Failed = append(out.Failed, backbones.FailedItem{
		Number: number(j.parts, 0),
		Item:   text(j.parts, 0),
		Failure: backbones.Failure{
			Kind:     backbones.KindCrash,
			Message:  fmt.Sprintf("the worker that was on this item %s; it was tried twice, the second time alone", exit),
			Fault:    backbones.FaultTask,
			Worker:   out.Worker,
			Attempts: j.deaths,
			Log:      exit.Stderr,
		},
	})
}

// bisect finds the item that killed a worker without a heartbeat page, by halving its chunk until it stands alone.
func (s *scheduler) bisect(out *backbones.Outcomes, f flight, exit backbones.Exit) {
	if f.count == 1 {
		s.suspect(out, f.job, exit)
		return
	}
	half := f.count / 2
	s.again(job{parts: slice(f.parts, 0, half), count: half, alone: true})
	s.again(job{parts: slice(f.parts, half, f.count-half), count: f.count - half, alone: true})
}

func (s *scheduler) again(j job) { s.redo = append(s.redo, j) }

// finished reports whether every item has its outcome.
func (s *scheduler) finished() bool {
	return s.ended && s.cutter.items == 0 && len(s.redo) == 0 && s.inFlight() == 0
}
