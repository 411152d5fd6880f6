package cuda

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

func block(first, count int, encoding backbones.Encoding) backbones.Block {
	b := backbones.Block{Encoding: encoding, Count: count, First: uint64(first)}
	lines := make([]string, count)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"i":%d}`, first+i)
	}
	if encoding != backbones.Indexed {
		b.Payload = []byte(strings.Join(lines, "\n"))
	}
	return b
}

// world is what the test knows of a scheduler: the batches that are out, and the regions that somebody may write to.
type world struct {
	t       *rapid.T
	s       *scheduler
	out     map[uint64]int
	flights [stages]map[int][]backbones.Batch
}

func (w *world) outcome(o backbones.Outcomes) {
	for _, spans := range [][]backbones.Span{o.Done, o.Skipped} {
		for _, s := range spans {
			for i := range s.Count {
				w.out[s.First+uint64(i)]++
			}
		}
	}
	for _, f := range o.Failed {
		w.out[f.Number]++
	}
}

// check holds the scheduler to what it promises of regions.
func (w *world) check() {
	owner := map[uint64]uint64{}
	claim := func(j *job) {
		for _, r := range []backbones.Region{j.in, j.out} {
			if r.Size == 0 {
				continue
			}
			for other, id := range owner {
				if id != j.id && r.Offset == other {
					w.t.Fatalf("batches %d and %d have the region at %d", id, j.id, r.Offset)
				}
			}
			owner[r.Offset] = j.id
		}
	}
	for k := range w.s.lanes {
		for _, l := range w.s.lanes[k] {
			for i, j := range l.flights {
				claim(j)
				if j.alone && (i > 0 || len(l.flights) > 1) {
					w.t.Fatalf("batch %d must be alone and is not", j.id)
				}
			}
		}
		for _, j := range w.s.waiting[k] {
			claim(j)
		}
	}
	if n := w.s.in.used + w.s.out.used; n != len(owner) {
		w.t.Fatalf("%d regions are in use, batches have %d", n, len(owner))
	}
	for _, pool := range []*regions{w.s.in, w.s.out} {
		for _, r := range pool.free {
			if id, taken := owner[r.Offset]; taken {
				w.t.Fatalf("the region at %d is free and batch %d has it", r.Offset, id)
			}
		}
	}
}

func (w *world) dispatch() {
	for {
		at, batch, ok := w.s.next()
		if !ok {
			return
		}
		n := 0
		for _, p := range batch.Parts {
			n += p.Take
		}
		if n != batch.Count || n == 0 {
			w.t.Fatalf("batch %d says %d items and has %d", batch.ID, batch.Count, n)
		}
		if at.Stage != load && batch.Loaded == nil || at.Stage == finish && batch.Result == nil {
			w.t.Fatalf("batch %d reaches %s without what the stages before it made", batch.ID, stageNames[at.Stage])
		}
		w.flights[at.Stage][at.Index] = append(w.flights[at.Stage][at.Index], batch)
	}
}

// answer draws what a stage makes of a batch.
func (w *world) answer(k int, b backbones.Batch) backbones.BatchResult {
	t := w.t
	r := backbones.BatchResult{ID: b.ID, Count: b.Count}
	switch rapid.IntRange(0, 11).Draw(t, "whole") {
	case 0:
		r.Err = &backbones.BatchError{Failure: backbones.Failure{Message: "an exception"}}
		return r
	case 1:
		if k == device {
			r.Err = &backbones.BatchError{DeviceMemory: true}
			return r
		}
	case 3:
		r.Err = &backbones.BatchError{Settled: true}
		return r
	case 2:
		if b.Region.Size > 0 && b.Region.Size < firstStride<<8 {
			r.Err = &backbones.BatchError{RegionWanted: b.Region.Size * uint64(rapid.IntRange(2, 9).Draw(t, "larger"))}
			return r
		}
	}
	left := b.Count
	if k != device || !w.s.apart {
		for i := range b.Count {
			switch rapid.IntRange(0, 7).Draw(t, "item") {
			case 0:
				r.Failures = append(r.Failures, backbones.ItemFailure{Index: i})
				left--
			case 1:
				r.Skipped = append(r.Skipped, backbones.Range{First: i, Count: 1})
				left--
			}
		}
	}
	if left > 0 && (k == load || k == device && w.s.apart) {
		r.Payload = &backbones.Payload{Used: uint64(rapid.IntRange(0, firstStride).Draw(t, "used"))}
	}
	return r
}

// TestEveryItemHasOneOutcome lets workers of all stages answer, fail and die in any order.
func TestEveryItemHasOneOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		apart := rapid.Bool().Draw(t, "apart")
		budget := rapid.SampledFrom([]uint64{0, firstStride, firstStride << 4}).Draw(t, "budget")
		s := newScheduler(rapid.IntRange(1, 9).Draw(t, "size"), rapid.IntRange(1, 8).Draw(t, "prefetch"), apart, 1<<40, budget)
		s.auto = rapid.Bool().Draw(t, "auto")
		s.retry.Limit = rapid.IntRange(0, 2).Draw(t, "retries")
		s.retry.Backoff = backbones.Backoff{First: time.Second, Random: func(n int64) int64 { return n - 1 }}
		s.limit = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "limit")
		want := [stages]int{rapid.IntRange(1, 3).Draw(t, "loaders"), rapid.IntRange(1, 3).Draw(t, "devices"), 0}
		if apart {
			want[finish] = rapid.IntRange(1, 3).Draw(t, "finishers")
		}
		w := &world{t: t, s: s, out: map[uint64]int{}}
		var blocks []backbones.Block
		total := 0
		for range rapid.IntRange(0, 4).Draw(t, "blocks") {
			encoding := rapid.SampledFrom([]backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed}).Draw(t, "encoding")
			b := block(total, rapid.IntRange(1, 25).Draw(t, "count"), encoding)
			total += b.Count
			blocks = append(blocks, b)
		}
		for k := range want {
			w.flights[k] = map[int][]backbones.Batch{}
			for worker := range want[k] {
				s.Opened(crew.Seat{Stage: k, Index: worker}, nil)
			}
		}
		for {
			for len(blocks) > 0 && s.Wants() {
				s.Add(blocks[0])
				blocks = blocks[1:]
			}
			s.ended = s.ended || len(blocks) == 0
			s.At(s.now + time.Duration(rapid.IntRange(0, 10).Draw(t, "seconds"))*time.Second)
			w.dispatch()
			w.check()
			if s.Finished() {
				break
			}
			w.step(want)
			w.check()
		}
		for i := range uint64(total) {
			if w.out[i] != 1 {
				t.Fatalf("item %d has %d outcomes", i, w.out[i])
			}
		}
		if len(w.out) != total {
			t.Fatalf("%d items have outcomes, %d were added", len(w.out), total)
		}
		if s.in.used+s.out.used != 0 {
			t.Fatalf("%d regions are in use at the end", s.in.used+s.out.used)
		}
	})
}

type who struct {
	k      int
	worker int
}

// die lets a worker die, and another one take its place.
func (w *world) die(one who) {
	out, _ := w.s.Died(crew.Seat{Stage: one.k, Index: one.worker}, backbones.Exit{Code: -1, Signal: syscall.SIGKILL}, false)
	w.outcome(out)
	w.flights[one.k][one.worker] = nil
	w.s.Opened(crew.Seat{Stage: one.k, Index: one.worker}, nil)
}

// dump is the scheduler's state, for messages.
func (w *world) dump() string {
	var b strings.Builder
	jobs := func(name string, jobs []*job) {
		for _, j := range jobs {
			fmt.Fprintf(&b, "\n%s: batch %d of %d alone=%v deaths=%d avoid=%d", name, j.id, j.count, j.alone, j.deaths, j.avoid)
		}
	}
	jobs("redo", w.s.redo)
	for k := range w.s.waiting {
		jobs("waits for "+stageNames[k], w.s.waiting[k])
		for _, l := range w.s.lanes[k] {
			fmt.Fprintf(&b, "\n%s worker %d reserved=%v late=%v", stageNames[k], l.at.Index, l.reserved, l.late != nil)
		}
	}
	fmt.Fprintf(&b, "\n%d items to cut, %d delays, in %+v, out %+v", w.s.cutter.Items, len(w.s.delays), *w.s.in, *w.s.out)
	return b.String()
}

// step lets one worker that has something to do answer, or any worker die.
func (w *world) step(want [stages]int) {
	var busy []who
	for k := range want {
		for worker := range want[k] {
			if len(w.flights[k][worker]) > 0 {
				busy = append(busy, who{k, worker})
			}
		}
	}
	if len(busy) == 0 {
		at, ok := w.s.Wake()
		if !ok || at <= w.s.now {
			w.t.Fatalf("nothing is in flight, nothing is sent and nothing is waited for: the run stands still: %s", w.dump())
		}
		w.s.now = at
		return
	}
	one := rapid.SampledFrom(busy).Draw(w.t, "who")
	queue := w.flights[one.k][one.worker]
	switch rapid.IntRange(0, 11).Draw(w.t, "dies") {
	case 0, 1:
		w.die(one)
		return
	case 2:
		if w.s.limit > 0 {
			w.s.Late(crew.Seat{Stage: one.k, Index: one.worker}, crew.Sighting{Request: queue[0].ID})
			w.die(one)
			return
		}
	}
	out, err := w.s.Answered(crew.Seat{Stage: one.k, Index: one.worker}, w.answer(one.k, queue[0]))
	if err != nil {
		w.t.Fatalf("an honest answer was refused: %v", err)
	}
	w.outcome(out)
	w.flights[one.k][one.worker] = queue[1:]
}

// TestASettledBatchIsNotHalved: smaller batches would pass where the larger one told what is wrong.
func TestASettledBatchIsNotHalved(t *testing.T) {
	s := newScheduler(4, 1, true, 1<<40, 0)
	s.Opened(crew.Seat{Stage: load}, nil)
	s.Opened(crew.Seat{Stage: device}, nil)
	s.Add(block(0, 4, backbones.JSONLines))
	s.ended = true
	_, batch, ok := s.next()
	if !ok || batch.Count != 4 {
		t.Fatalf("no batch of 4 items: %+v", batch)
	}
	out, err := s.Answered(crew.Seat{Stage: load}, backbones.BatchResult{
		ID: batch.ID, Count: 4,
		Err: &backbones.BatchError{Settled: true, Failure: backbones.Failure{Message: "wrong"}},
	})
	if err != nil || len(out.Failed) != 4 || out.Failed[3].Failure.Message != "wrong" {
		t.Fatalf("failed: %+v, error %v", out.Failed, err)
	}
	if _, _, ok := s.next(); ok {
		t.Fatal("there is more to do")
	}
}

// A source that waits until what it has yielded is concluded must not be waited for.
func TestAShortBatchWhileTheSourceWaits(t *testing.T) {
	s := newScheduler(4, 8, true, 1<<40, 0)
	s.Opened(crew.Seat{Stage: load}, nil)
	s.Add(block(0, 2, backbones.JSONLines))
	if _, batch, ok := s.next(); ok {
		t.Fatalf("a batch of %d items was made, while others may come", batch.Count)
	}
	s.Add(backbones.Block{})
	_, batch, ok := s.next()
	if !ok || batch.Count != 2 {
		t.Fatalf("%v, %+v", ok, batch)
	}
	s.Add(block(2, 2, backbones.JSONLines))
	if _, batch, ok := s.next(); ok {
		t.Fatalf("a batch of %d items was made, while others may come again", batch.Count)
	}
}
