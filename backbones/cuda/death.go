package cuda

import (
	"fmt"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// died takes back what a dead worker had. Everything goes through loading again: what a worker has had in its hands may
// have been changed. byHost says that the host ended it for a reason that has nothing to do with its batches.
func (s *scheduler) died(k stage, worker int, exit backbones.Exit, byHost bool) (out backbones.Outcomes, fate crew.Fate) {
	l := s.lane(k, worker)
	if l == nil {
		return out, crew.Neutral
	}
	s.lanes[k] = slices.DeleteFunc(s.lanes[k], func(o *lane) bool { return o == l })
	switch {
	case l.concluded > 0:
		fate = crew.Fruitful
	case byHost, len(l.flights) > 0 && l.flights[0].deaths > 0:
		// The batch has killed another worker before.
		fate = crew.Neutral
	}
	for i, j := range l.flights {
		switch {
		case i > 0:
			// It may have been begun: the next time it is known which one it was.
			j.alone = true
			s.again(j)
		case l.late != nil:
			s.tookTooLong(&out, k, worker, j, l.late)
			fate = crew.Fruitful
		case byHost:
			s.again(j)
		case s.killed(&out, k, worker, j, exit):
			fate = crew.Fruitful
		}
	}
	return out, fate
}

// killed deals with the batch that a worker died of: it is tried again alone, then in halves, and a single item fails. It reports
// whether it has.
func (s *scheduler) killed(out *backbones.Outcomes, k stage, worker int, j *job, exit backbones.Exit) bool {
	j.deaths++
	j.alone = true
	if k == device {
		j.avoid = worker + 1
	}
	switch {
	case j.deaths == 1:
		s.again(j)
	case j.count > 1:
		j.deaths = 1
		s.halve(j)
	default:
		s.fail(out, worker, j, 0, "", backbones.Failure{
			Kind:    backbones.KindCrash,
			Message: fmt.Sprintf("the %s worker that was on this item %s; it was tried again alone, and did so again", k, exit),
			Fault:   backbones.FaultTask,
			Log:     exit.Stderr,
		})
		s.release(j)
		return true
	}
	return false
}
