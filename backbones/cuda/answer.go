package cuda

import (
	"errors"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Answered implements crew.Planner. After an error the worker still has the batch.
func (s *scheduler) Answered(at crew.Seat, r backbones.BatchResult) (out backbones.Outcomes, err error) {
	l := s.lane(at)
	if l == nil || len(l.flights) == 0 {
		return out, fmt.Errorf("it answered batch %d, which it was not sent or had answered before", r.ID)
	}
	j := l.flights[0]
	switch {
	case r.ID != j.id:
		return out, fmt.Errorf("it answered batch %d where batch %d was due", r.ID, j.id)
	case r.Count != j.count:
		return out, fmt.Errorf("it answered %s for batch %d, which has %d", count.Of(r.Count, "item"), j.id, j.count)
	}
	if r.Err != nil {
		err = s.failedWhole(&out, at.Stage, j, r.Err)
		if err == nil {
			l.flights = l.flights[1:]
		}
		return out, err
	}
	marks, err := cut.Marks(fmt.Sprintf("batch %d", j.id), j.count, r.Skipped, r.Failures, r.Unwritten.Count)
	if err != nil {
		return out, err
	}
	if err := s.check(at.Stage, j, marks, r.Payload); err != nil {
		return out, err
	}
	l.flights = l.flights[1:]
	l.concluded += j.count
	j.spent += max(r.Busy, 0) / time.Duration(max(j.count, 1))
	cut.Runs(j.count, marks, backbones.OutcomeSkipped, func(first, count int) {
		out.Skipped = cut.Spans(out.Skipped, j.parts, first, count)
	})
	for _, f := range r.Failures {
		failure := f.Failure
		failure.Attempts = max(failure.Attempts, 1)
		s.fail(&out, j, f.Index, f.Item, failure)
	}
	if r.Payload == nil {
		out.Unwritten = r.Unwritten
	}
	s.pass(&out, at.Stage, j, marks, r.Payload)
	s.figures.answered(at.Stage, r, s.now)
	return out, nil
}

// check checks the payload of an answer.
func (s *scheduler) check(k int, j *job, marks []byte, p *backbones.Payload) error {
	left := 0
	cut.Runs(j.count, marks, backbones.OutcomeDone, func(_, count int) { left += count })
	region := j.in
	switch k {
	case load:
		if (left > 0) != (p != nil) {
			return fmt.Errorf("its answer to batch %d leaves %s and %s", j.id, count.Of(left, "item"), carries(p))
		}
	case device:
		region = j.out
		switch {
		case s.apart && (p == nil || left < j.count):
			return fmt.Errorf("the device's answer to batch %d must carry the results of %s, and it %s", j.id, count.Of(j.count, "item", "items"), carries(p))
		case !s.apart && p != nil:
			return errors.New("its answer carries results, and no stage takes them")
		}
	case finish:
		if p != nil {
			return errors.New("its answer carries a payload, and no stage takes it")
		}
	}
	if p == nil {
		return nil
	}
	if p.Used > region.Size {
		return fmt.Errorf("its answer to batch %d says that %d bytes of a region of %d are used", j.id, p.Used, region.Size)
	}
	for _, t := range p.Tensors {
		if t.Offset < region.Offset || t.Offset > region.Offset+region.Size {
			// A device may pass on a loaded tensor.
			if k != device || t.Offset < j.in.Offset || t.Offset > j.in.Offset+j.in.Size {
				return fmt.Errorf("a tensor of its answer to batch %d lies outside of the batch's region", j.id)
			}
		}
	}
	return nil
}

// warnOfMemory warns of a batch that the device's memory does not hold, once for each size.
func (s *scheduler) warnOfMemory(items int, message string) {
	if s.warned != 0 && items >= s.warned {
		return
	}
	s.warned = items
	if s.auto {
		s.log.Warn("the device's memory does not hold a batch: smaller ones from now on", "items", items, "batch_size", s.size, "error", message)
		return
	}
	s.log.Warn("the device's memory does not hold a batch: it is tried again in two halves",
		"items", items, "hint", fmt.Sprintf("--batch_size %d, or --batch_size auto, spares the run from that", max(items/2, 1)), "error", message)
}

func carries(p *backbones.Payload) string {
	if p == nil {
		return "carries no payload"
	}
	return "carries a payload"
}

// pass passes a batch to the next stage, or concludes it.
func (s *scheduler) pass(out *backbones.Outcomes, k int, j *job, marks []byte, p *backbones.Payload) {
	if p == nil {
		cut.Runs(j.count, marks, backbones.OutcomeDone, func(first, count int) {
			out.Done = cut.Spans(out.Done, j.parts, first, count)
		})
		out.Mean = j.spent
		if j.failures > 0 && len(out.Done) > 0 {
			out.Attempts = append(out.Attempts, backbones.Attempt{Number: cut.Number(j.parts, 0), Count: j.failures + 1})
		}
		s.release(j)
		return
	}
	switch k {
	case load:
		if marks != nil {
			var parts []backbones.Part
			left := 0
			cut.Runs(j.count, marks, backbones.OutcomeDone, func(first, count int) {
				parts = append(parts, cut.Slice(j.parts, first, count)...)
				left += count
			})
			j.parts, j.count = parts, left
		}
		s.in.peak = max(s.in.peak, p.Used)
		j.loaded = p
		s.waiting[device] = append(s.waiting[device], j)
	case device:
		s.out.peak = max(s.out.peak, p.Used)
		j.result = p
		s.waiting[finish] = append(s.waiting[finish], j)
	}
}

// failedWhole tries a batch that failed as a whole again in two halves, down to single items, unless that would hide what is wrong.
func (s *scheduler) failedWhole(out *backbones.Outcomes, k int, j *job, e *backbones.BatchError) error {
	f := e.Failure
	if e.RegionWanted > 0 {
		pool, had := s.in, j.in.Size
		if k == device {
			pool, had = s.out, j.out.Size
		}
		if k == finish || e.RegionWanted <= had {
			return fmt.Errorf("it says that %d bytes do not fit into a region of %d", e.RegionWanted, had)
		}
		if pool.grow(e.RegionWanted) {
			s.again(j)
			return nil
		}
		f.Message = fmt.Sprintf("one item needs %d MiB of shared memory, which is more than this machine has to spare", e.RegionWanted>>20)
		f.Fault = backbones.FaultEnvironment
	}
	if e.DeviceMemory {
		if s.auto {
			s.size = max(min(s.size, j.count/2), 1)
		}
		s.warnOfMemory(j.count, f.Message)
		if j.count == 1 {
			f.Message = "the device's memory does not hold a batch of one item: " + f.Message
		}
	}
	if j.count > 1 && !e.Settled {
		s.halve(j)
		return nil
	}
	for i := range j.count {
		s.fail(out, j, i, "", f)
	}
	s.release(j)
	return nil
}
