package cuda

import (
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// The stages that a batch goes through.
const (
	load = iota
	device
	finish
	stages
)

var stageNames = [stages]string{"load", "device", "finish"}

// depth is the most batches of a worker. Two keep a loader or finisher from waiting. A device worker copies one batch to the device
// while it computes another and copies a third one back.
var depth = [stages]int{load: 2, device: 3, finish: 2}

// minBacklog is the number of batches that may wait for few finishers.
const minBacklog = 8

// job is a batch and its history.
type job struct {
	id    uint64
	parts []backbones.Part
	count int
	// alone: a worker died with it, so that it must not share a worker with other batches.
	alone bool
	// deaths is the number of workers that died of it, failures the number of failures of its only item.
	deaths, failures int
	// avoid is the device that last died of it, counted from 1: another one shows whose fault that was.
	avoid          int
	loaded, result *backbones.Payload
	// spent is the mean time of an item in the stages so far.
	spent time.Duration
	// revoked are items of it that are another's now, in ascending order.
	revoked []backbones.Span
	// in is the memory for loading, out the memory for the device; may be zero.
	in, out backbones.Region
}

// delayed is an item that waits for its retry.
type delayed struct {
	due time.Duration
	job *job
}

// maxDelayed is the number of waiting retries at which nothing new is loaded: memory must not grow if everything fails.
const maxDelayed = 1 << 14

// lane is one worker as the scheduler sees it.
type lane struct {
	at      crew.Seat
	flights []*job
	// reserved: nothing more is sent before a batch that must be alone.
	reserved bool
	// spent: nothing more is sent, because its worker is to be replaced.
	spent bool
	// late is where the worker was when the host ended it because it took too long; nil: it did not.
	late *crew.Sighting
	// concluded is the number of items that it has answered without an error.
	concluded int
}

// scheduler decides what each worker does next. It is a crew.Planner.
type scheduler struct {
	// size is the number of items in a batch.
	size int
	// auto: the size is halved when the device's memory does not hold a batch.
	auto bool
	// apart: there are finishers.
	apart bool
	// prefetch is the most batches with loaders or waiting for a device.
	prefetch int

	cutter cut.Cutter
	// ended: the source yields nothing more. paused: it waits for the outcomes of all items so far.
	ended, paused bool
	// stopped: no further batch is loaded.
	stopped bool
	// redo are batches to be loaded again, before new ones.
	redo []*job
	// waiting are batches ready for a stage; those of load are redo and cutter.
	waiting [stages][]*job
	lanes   [stages][]*lane
	in, out *regions
	lastID  uint64
	// begun is the number of batches that were sent to loaders.
	begun int
	// now is the time of the last At.
	now   time.Duration
	retry backbones.Retry
	// delays are items that wait for their retry.
	delays []delayed
	// limit bounds an item in a stage; 0: no limit.
	limit time.Duration
	// starved: a device worker had room for a batch, but there was no region for its result.
	starved bool
	// want is the most workers of a stage.
	want [stages]int
	// discard frees the pages of a region; may be nil.
	discard func(backbones.Region)
	figures figures
	// warned is the size of the smallest batch that a warning about the device's memory was about; 0: none.
	warned int
	log    hclog.Logger
}

func newScheduler(size, prefetch int, apart bool, memory, budget uint64) *scheduler {
	half := memory / 2
	return &scheduler{
		size: size, prefetch: prefetch, apart: apart, log: hclog.NewNullLogger(),
		in:  &regions{end: half, stride: firstStride, budget: budget / 2},
		out: &regions{next: half, end: memory, stride: firstStride, budget: budget / 2},
	}
}

// short reports whether a batch may have too few items, because no others come.
func (s *scheduler) short() bool { return s.ended || s.paused }

// toLoad is the number of batches that wait for loading.
func (s *scheduler) toLoad() int {
	n := s.cutter.Items / s.size
	if s.short() && s.cutter.Items%s.size > 0 {
		n++
	}
	return n + len(s.redo)
}

// idle reports whether nothing is known to do.
func (s *scheduler) idle() bool {
	return s.cutter.Items == 0 && len(s.redo)+len(s.delays) == 0 && s.InFlight() == 0
}

func (s *scheduler) lane(at crew.Seat) *lane {
	for _, l := range s.lanes[at.Stage] {
		if l.at == at {
			return l
		}
	}
	return nil
}

// busy is the number of workers of a stage that have batches.
func (s *scheduler) busy(k int) (n int) {
	for _, l := range s.lanes[k] {
		if len(l.flights) > 0 {
			n++
		}
	}
	return n
}

// next is the next batch to send. The last stage comes first: its batches hold the most memory.
func (s *scheduler) next() (at crew.Seat, batch backbones.Batch, ok bool) {
	for _, k := range []int{finish, device} {
		if at, batch, ok = s.nextWaiting(k); ok {
			return at, batch, ok
		}
	}
	return s.nextLoad()
}

func (s *scheduler) nextWaiting(k int) (at crew.Seat, batch backbones.Batch, ok bool) {
	if k == device {
		s.starved = false
	}
	for i, j := range s.waiting[k] {
		l := s.pick(k, j)
		if l == nil {
			continue
		}
		if k == device && s.apart {
			if len(s.waiting[finish]) >= s.backlog() {
				s.starved = true
				return at, batch, false
			}
			region, ok := s.out.take()
			if !ok {
				s.starved = true
				return at, batch, false
			}
			j.out = region
		}
		s.waiting[k] = slices.Delete(s.waiting[k], i, i+1)
		return s.send(l, j)
	}
	return at, batch, false
}

// backlog is the most batches that may wait for finishers: enough for all of them, and no more, because each holds its tensors.
func (s *scheduler) backlog() int { return max(minBacklog, 2*len(s.lanes[finish])) }

func (s *scheduler) nextLoad() (at crew.Seat, batch backbones.Batch, ok bool) {
	ahead := len(s.waiting[device])
	for _, l := range s.lanes[load] {
		ahead += len(l.flights)
	}
	if s.stopped || ahead >= s.prefetch || !s.in.room() {
		return at, batch, false
	}
	for i, j := range s.redo {
		if l := s.pick(load, j); l != nil {
			s.redo = slices.Delete(s.redo, i, i+1)
			return s.load(l, j)
		}
	}
	if s.cutter.Items < s.size && !s.short() || s.cutter.Items == 0 {
		return at, batch, false
	}
	l := s.pick(load, &job{})
	if l == nil || len(s.delays) >= maxDelayed {
		return at, batch, false
	}
	parts, count := s.cutter.Cut(s.size, 1<<62)
	return s.load(l, &job{parts: parts, count: count})
}

func (s *scheduler) load(l *lane, j *job) (at crew.Seat, batch backbones.Batch, ok bool) {
	region, ok := s.in.take()
	if !ok {
		s.redo = append([]*job{j}, s.redo...)
		return at, batch, false
	}
	j.in = region
	s.lastID++
	j.id = s.lastID
	s.begun++
	return s.send(l, j)
}

func (s *scheduler) send(l *lane, j *job) (crew.Seat, backbones.Batch, bool) {
	l.flights = append(l.flights, j)
	if j.alone {
		// Another batch that must be alone reserves a worker again.
		for _, other := range s.lanes[l.at.Stage] {
			other.reserved = false
		}
	}
	b := backbones.Batch{ID: j.id, Parts: j.parts, Count: j.count, Loaded: j.loaded, Result: j.result}
	switch l.at.Stage {
	case load:
		b.Region = j.in
	case device:
		b.Region = j.out
	}
	return l.at, b, true
}

// pick is the worker of a stage that can take a batch and has the fewest; nil: none. It reserves a worker for a batch that must be
// alone.
func (s *scheduler) pick(k int, j *job) *lane {
	var best, least *lane
	for _, l := range s.lanes[k] {
		if k == device && j.avoid == l.at.Index+1 && len(s.lanes[k]) > 1 || l.spent {
			continue
		}
		n := len(l.flights)
		if l.reserved && j.alone {
			if n > 0 {
				return nil
			}
			return l
		}
		if least == nil || n < len(least.flights) {
			least = l
		}
		if j.alone && n > 0 || n >= depth[k] || n > 0 && l.flights[0].alone || l.reserved {
			continue
		}
		if best == nil || n < len(best.flights) {
			best = l
		}
	}
	if best == nil && j.alone && least != nil {
		least.reserved = true
	}
	return best
}

// release gives a job's regions back.
func (s *scheduler) release(j *job) {
	s.in.give(j.in)
	s.out.give(j.out)
	j.in, j.out = backbones.Region{}, backbones.Region{}
	j.loaded, j.result = nil, nil
}

// again puts a batch back to be loaded again.
func (s *scheduler) again(j *job) {
	s.release(j)
	s.redo = append(s.redo, j)
}

// halve puts a batch back as two halves.
func (s *scheduler) halve(j *job) {
	s.release(j)
	half := j.count / 2
	for _, r := range []backbones.Range{{First: 0, Count: half}, {First: half, Count: j.count - half}} {
		s.redo = append(s.redo, &job{parts: cut.Slice(j.parts, r.First, r.Count), count: r.Count, alone: j.alone, deaths: j.deaths, avoid: j.avoid})
	}
}
