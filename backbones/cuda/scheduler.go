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

// What a worker has at a time. Two keep a loader or finisher from waiting for the next; a device worker copies one batch
// in while it computes another and copies a third one out.
var depth = [stages]int{load: 2, device: 3, finish: 2}

// minBacklog is how many batches may wait for what follows inference where it has few workers.
const minBacklog = 8

// job is a batch and what befell it.
type job struct {
	id    uint64
	parts []backbones.Part
	count int
	// alone: workers died with it, so that it must not share one with others.
	alone bool
	// deaths is how many workers died of it, as far as that is known; failures is how often its only item has failed.
	deaths, failures int
	// avoid is the device that died of it last, counted from 1: another one is to say whose fault that was.
	avoid          int
	loaded, result *backbones.Payload
	// in is what loading writes to, out what the device does; both are zero where the job has none.
	in, out backbones.Region
}

// delayed is an item that waits for its retry.
type delayed struct {
	due time.Duration
	job *job
}

// maxDelayed bounds the items that wait to be tried again. While there are more, nothing new is loaded: memory does not grow
// where everything fails.
const maxDelayed = 1 << 14

// lane is one worker as the scheduler sees it.
type lane struct {
	at      crew.Seat
	flights []*job
	// reserved: nothing more is sent before a batch that must be alone.
	reserved bool
	// spent: nothing more is sent, its worker is to be replaced.
	spent bool
	// late is what the worker was seen at when it was ended for being on it for too long; nil: it was not.
	late *crew.Sighting
	// concluded is how many items it has answered without an error.
	concluded int
}

// scheduler decides what each worker does next. It is a crew.Planner.
type scheduler struct {
	// size is how many items make a batch.
	size int
	// auto: the size is halved when the device's memory does not hold a batch.
	auto bool
	// apart: what follows inference runs in workers of its own.
	apart bool
	// prefetch is how many batches may be with loaders or wait for a device.
	prefetch int

	cutter cut.Cutter
	// ended: the source yields nothing more. paused: it does not until what it has yielded is concluded.
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
	// begun counts the batches that were sent to loaders.
	begun int
	// now is how long the run has been going on, as At last said.
	now   time.Duration
	retry backbones.Retry
	// delays are items that wait for their retry.
	delays []delayed
	// limit is how long an item may take in a stage; 0: as long as it likes.
	limit time.Duration
	// starved: a device worker had room for a batch that waited for a region to write its result to.
	starved bool
	// want is how many workers a stage may have.
	want [stages]int
	// discard frees the pages of a region that is not used again; may be nil.
	discard func(backbones.Region)
	figures figures
	// warned is how many items the smallest batch had of which it was told that the device's memory does not hold it; 0: none.
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

// short reports whether a batch may have fewer items than it should: no others come to fill it.
func (s *scheduler) short() bool { return s.ended || s.paused }

// toLoad is how many batches wait to be loaded.
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

// busy is how many workers of a stage have something to do.
func (s *scheduler) busy(k int) (n int) {
	for _, l := range s.lanes[k] {
		if len(l.flights) > 0 {
			n++
		}
	}
	return n
}

// next is the next batch to send, from the end of the pipeline to its beginning: what is nearest to being done holds
// the most memory.
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

// backlog is how many batches may wait for what follows inference: enough for every worker to find one, and no more, since
// each holds its tensors.
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

// pick is the worker of a stage with the least to do that can take a batch; nil: none can. For a batch that must be alone
// a worker is kept free.
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
