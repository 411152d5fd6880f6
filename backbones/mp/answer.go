package mp

import (
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Answered implements crew.Planner.
func (s *scheduler) Answered(at crew.Seat, r backbones.Result) (out backbones.Outcomes, err error) {
	l := s.lanes[at.Index]
	if l == nil || len(l.flights) == 0 {
		return out, fmt.Errorf("it answered chunk %d, which it was not sent or had answered before", r.ChunkID)
	}
	f := l.flights[0]
	if r.ChunkID != f.id {
		return out, fmt.Errorf("it answered chunk %d where chunk %d was due", r.ChunkID, f.id)
	}
	if r.Count != f.count {
		return out, fmt.Errorf("it answered %s for chunk %d, which has %d", count.Of(r.Count, "item"), f.id, f.count)
	}
	marks, err := cut.Marks(fmt.Sprintf("chunk %d", f.id), f.count, r.Skipped, r.Failures, r.Unwritten.Count)
	if err != nil {
		return out, err
	}
	s.ramp.moved = s.now
	l.flights = l.flights[1:]
	l.concluded += f.count
	if s.perWorker > 0 && l.concluded >= s.perWorker {
		s.Retire(at)
	}
	if !f.alone {
		s.sizer.observe(f.count, r.Busy)
	}
	out.Skipped = collect(out.Skipped, f.parts, marks, f.count, backbones.OutcomeSkipped)
	out.Unwritten = r.Unwritten
	out.Done = collect(out.Done, f.parts, marks, f.count, backbones.OutcomeDone)
	out.Mean = cut.MeanTime(r)
	out.Slow = s.slow(&f, r.Busy)
	out.Attempts = f.attempts(marks)
	items := cut.Cursor{Parts: f.parts}
	for _, fail := range r.Failures {
		s.fail(&out, items.At(fail.Index), f.failed(fail.Index), fail.Item, fail.Failure)
	}
	return out, nil
}

// slow is the flight if it took longer than any of its kind before.
func (s *scheduler) slow(f *flight, busy time.Duration) backbones.Slow {
	most := &s.slowest.several
	if f.count == 1 {
		most = &s.slowest.one
	}
	if busy <= *most {
		return backbones.Slow{}
	}
	*most = busy
	return backbones.Slow{Number: cut.Number(f.parts, 0), Item: cut.Text(f.parts, 0), Count: f.count, Time: busy}
}

// attempts has the items of a chunk that are done and had failed before.
func (f *flight) attempts(marks []byte) (out []backbones.Attempt) {
	if f.failures == nil {
		return nil
	}
	cut.Runs(f.count, marks, backbones.OutcomeDone, func(first, count int) {
		for i := first; i < first+count; i++ {
			if before := f.failures[i]; before > 0 {
				out = append(out, backbones.Attempt{Number: cut.Number(f.parts, i), Count: before + 1})
			}
		}
	})
	return out
}

// collect appends the numbers of all positions below count with the mark v. marks nil: all are done.
func collect(s []backbones.Span, parts []backbones.Part, marks []byte, count int, v byte) []backbones.Span {
	cut.Runs(count, marks, v, func(first, count int) { s = cut.Spans(s, parts, first, count) })
	return s
}

// fail concludes an item that has failed, or lets it wait for its next try. before is its number of earlier failures, shown its
// printable form if the host cannot read it.
func (s *scheduler) fail(out *backbones.Outcomes, item backbones.Part, before int, shown string, failure backbones.Failure) {
	failure.Attempts = before + 1
	delay, again := s.retry.Next(failure.Kind, failure.Attempts)
	if shown == "" {
		shown = cut.Text([]backbones.Part{item}, 0)
	}
	if !again {
		out.Failed = append(out.Failed, cut.Failed([]backbones.Part{item}, 0, shown, failure))
		return
	}
	alone := failure.Kind == backbones.KindCrash
	s.log.Debug("an item failed and is tried again", "item", shown, "kind", failure.Kind, "error", failure.Message,
		"failures", failure.Attempts, "in", delay.Round(time.Millisecond))
	if alone && delay == 0 {
		s.again(job{parts: []backbones.Part{item}, count: 1, alone: true, failures: []int{failure.Attempts}})
		return
	}
	s.waiting.add(waiter{due: s.now + delay, item: item, failures: failure.Attempts, alone: alone})
}
