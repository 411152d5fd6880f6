package cuda

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// tookTooLong tries the halves of a late batch again. A single item fails.
func (s *scheduler) tookTooLong(out *backbones.Outcomes, k int, j *job, late *crew.Sighting) {
	if j.count > 1 {
		s.halve(j)
		return
	}
	message := fmt.Sprintf("took longer than --item-timeout %s in the %s stage", backbones.FlagText(s.limit), stageNames[k])
	if late.Why != "" {
		message += "; " + late.Why
	}
	s.fail(out, j, 0, "", backbones.Failure{
		Kind: backbones.KindTimeout, Fault: backbones.FaultTask, Elapsed: late.Elapsed, Retryable: true, Message: message,
	})
	s.release(j)
}

// fail records an item as failed, or schedules its retry.
func (s *scheduler) fail(out *backbones.Outcomes, j *job, index int, item string, f backbones.Failure) {
	failures := j.failures + 1
	f.Attempts = max(f.Attempts, failures, j.deaths)
	kind := f.Kind
	if kind == backbones.KindCrash {
		// It has had its second try alone.
		failures = max(failures, j.deaths)
	}
	if wait, again := s.retry.Next(kind, failures); again {
		one := &job{parts: compact(cut.Slice(j.parts, index, 1)), count: 1, failures: failures, alone: j.alone, deaths: j.deaths, avoid: j.avoid}
		s.delays = append(s.delays, delayed{s.now + wait, one})
		return
	}
	if item == "" {
		item = cut.Text(j.parts, index)
	}
	out.Failed = append(out.Failed, cut.Failed(j.parts, index, item, f))
}

// compact copies an item, so that it does not keep its whole block in memory.
func compact(parts []backbones.Part) []backbones.Part {
	for i := range parts {
		parts[i].Block = parts[i].Block.Detached()
	}
	return parts
}
