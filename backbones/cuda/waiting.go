package cuda

import (
	"fmt"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// wake lets the items begin anew whose time has come.
func (s *scheduler) wake() {
	s.asleep = slices.DeleteFunc(s.asleep, func(n nap) bool {
		if n.due > s.now {
			return false
		}
		s.redo = append(s.redo, n.job)
		return true
	})
}

// rings is when wake or overdue has something to do next; 0: never, as far as is known.
func (s *scheduler) rings() (at time.Duration) {
	sooner := func(t time.Duration) {
		if at == 0 || t < at {
			at = max(t, 1)
		}
	}
	for _, n := range s.asleep {
		sooner(n.due)
	}
	if s.limit == 0 {
		return at
	}
	for k := range s.lanes {
		for _, l := range s.lanes[k] {
			if len(l.flights) > 0 && !l.late {
				sooner(s.deadline(l))
			}
		}
	}
	return at
}

// deadline is when a worker must have answered its first batch. Nobody sees which item a stage is on: a batch may take as
// long as all of its items.
func (s *scheduler) deadline(l *lane) time.Duration {
	return l.since + s.limit*time.Duration(l.flights[0].count)
}

// place is a worker.
type place struct {
	stage  stage
	worker int
}

// overdue is the workers that have been on a batch for too long, each once: they are to be ended.
func (s *scheduler) overdue() (out []place) {
	if s.limit == 0 {
		return nil
	}
	for k := range s.lanes {
		for _, l := range s.lanes[k] {
			if len(l.flights) > 0 && !l.late && s.deadline(l) <= s.now {
				l.late = true
				out = append(out, place{stage(k), l.worker})
			}
		}
	}
	return out
}

// tookTooLong deals with the batch that a worker was ended for: its halves are tried again, a single item has failed.
func (s *scheduler) tookTooLong(out *backbones.Outcomes, k stage, worker int, j *job, took time.Duration) {
	if j.count > 1 {
		s.halve(j)
		return
	}
	s.fail(out, worker, j, 0, "", backbones.Failure{
		Kind: backbones.KindTimeout, Fault: backbones.FaultTask, Elapsed: took, Retryable: true,
		Message: fmt.Sprintf("it took longer than %s in the %s stage, and the worker that was on it was ended", s.limit, k),
	})
	s.release(j)
}

// fail concludes an item as failed, or lets it begin anew.
func (s *scheduler) fail(out *backbones.Outcomes, worker int, j *job, index int, item string, f backbones.Failure) {
	failures := j.failures + 1
	f.Worker = worker
	f.Attempts = max(f.Attempts, failures, j.deaths)
	kind := f.Kind
	if kind == backbones.KindCrash {
		// It has had its second try alone.
		failures = max(failures, j.deaths)
	}
	if wait, again := s.retry.Next(kind, failures); again && !s.stopped {
		one := &job{parts: compact(cut.Slice(j.parts, index, 1)), count: 1, failures: failures, alone: j.alone, deaths: j.deaths, avoid: j.avoid}
		s.asleep = append(s.asleep, nap{s.now + wait, one})
		return
	}
	if item == "" {
		item = cut.Text(j.parts, index)
	}
	out.Failed = append(out.Failed, backbones.FailedItem{Number: cut.Number(j.parts, index), Item: item, Failure: f})
}

// compact keeps an item from holding the memory of all the block that it came in.
func compact(parts []backbones.Part) []backbones.Part {
	for i := range parts {
		if parts[i].Block.Encoding == backbones.JSONLines {
			parts[i].Block.Payload = slices.Clone(parts[i].Block.Payload)
		}
	}
	return parts
}
