package mp

import (
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// ruleRun is the section of docs/protocol.md about answers.
const ruleRun = "Run"

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
		return backbones.Outcomes{}, fmt.Errorf("it answered %s for chunk %d, which has %d", count.Of(r.Count, "item"), f.id, f.count)
	}
	marks, err := mark(f.count, r)
	if err != nil {
		return backbones.Outcomes{}, err
	}
	if done := cut.Done(f.count, r.Skipped, r.Failures); r.Unwritten.Count > done {
		return backbones.Outcomes{}, fmt.Errorf("it left %s of chunk %d without an output, of which %d are done", count.Of(r.Unwritten.Count, "item"), f.id, done)
	}
	l.flights = l.flights[1:]
	l.concluded += f.count
	if s.perWorker > 0 && l.concluded >= s.perWorker {
		s.retire(worker)
	}
	if !f.alone {
		s.sizer.observe(f.count, r.Busy)
	}
	out := backbones.Outcomes{Worker: worker}
	out.Skipped = collect(out.Skipped, f.parts, marks, f.count, backbones.OutcomeSkipped)
	out.Unwritten = r.Unwritten
	out.Done = collect(out.Done, f.parts, marks, f.count, backbones.OutcomeDone)
	items := cut.Cursor{Parts: f.parts}
	for _, fail := range r.Failures {
		failure := fail.Failure
		failure.Worker = worker
		s.fail(&out, items.At(fail.Index), f.failed(fail.Index), fail.Item, failure)
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
			return cut.Spans(s, parts, 0, count)
		}
		return s
	}
	for i := 0; i < count; {
		j := i + 1
		for j < count && marks[j] == marks[i] {
			j++
		}
		if marks[i] == v {
			s = cut.Spans(s, parts, i, j-i)
		}
		i = j
	}
	return s
}

// fail concludes an item that has failed once more, or lets it wait for its next try. before is how often it had failed
// already, shown its printable form where the host cannot read it.
func (s *scheduler) fail(out *backbones.Outcomes, item backbones.Part, before int, shown string, failure backbones.Failure) {
	failure.Attempts = before + 1
	delay, again := s.retry.Next(failure.Kind, failure.Attempts)
	if shown == "" {
		shown = cut.Text([]backbones.Part{item}, 0)
	}
	if !again {
		out.Failed = append(out.Failed, backbones.FailedItem{Number: cut.Number([]backbones.Part{item}, 0), Item: shown, Failure: failure})
		return
	}
	alone := failure.Kind == backbones.KindCrash
	if len(s.retrying) < maxRetrying {
		s.retrying = append(s.retrying, retrying{item: shown, failure: failure, delay: delay})
	}
	if alone && delay == 0 {
		s.again(job{parts: []backbones.Part{item}, count: 1, alone: true, failures: []int{failure.Attempts}})
		return
	}
	s.waiting.add(waiter{due: s.now + delay, item: item, failures: failure.Attempts, alone: alone})
}

// maxRetrying bounds what is told of the items of one answer that are tried again.
const maxRetrying = 16

// retrying is an item that failed and is tried again.
type retrying struct {
	item    string
	failure backbones.Failure
	delay   time.Duration
}
