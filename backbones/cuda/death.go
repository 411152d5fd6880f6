package cuda

import (
	"fmt"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// Died implements crew.Planner. Everything is loaded again: the worker may have changed it.
func (s *scheduler) Died(at crew.Seat, exit backbones.Exit, byHost bool) (out backbones.Outcomes, fate crew.Fate) {
	l := s.lane(at)
	if l == nil {
		return out, crew.Neutral
	}
	s.lanes[at.Stage] = slices.DeleteFunc(s.lanes[at.Stage], func(o *lane) bool { return o == l })
	switch {
	case l.concluded > 0:
		fate = crew.Fruitful
	case byHost, len(l.flights) > 0 && l.flights[0].deaths > 0:
		// The batch has killed another worker before.
		fate = crew.Neutral
	}
	for i, j := range l.flights {
		switch {
		case len(j.revoked) > 0:
			s.reload(j, j.revoked)
		case i > 0:
			// It may have been begun. Alone, its next try tells.
			j.alone = true
			s.again(j)
		case l.late != nil:
			s.tookTooLong(&out, at.Stage, j, l.late)
			fate = crew.Fruitful
		case byHost:
			s.again(j)
		case s.killed(&out, at, j, exit):
			fate = crew.Fruitful
		}
	}
	return out, fate
}

// killed tries the batch that a worker died of again alone, then in halves. A single item fails: killed then returns true.
func (s *scheduler) killed(out *backbones.Outcomes, at crew.Seat, j *job, exit backbones.Exit) bool {
	j.deaths++
	j.alone = true
	if at.Stage == device {
		j.avoid = at.Index + 1
	}
	switch {
	case j.deaths == 1:
		s.again(j)
	case j.count > 1:
		j.deaths = 1
		s.halve(j)
	default:
		s.fail(out, j, 0, "", backbones.Failure{
			Kind:    backbones.KindCrash,
			Message: fmt.Sprintf("the %s worker that was on this item %s; it was tried again alone, and did so again", stageNames[at.Stage], exit),
			Fault:   backbones.FaultTask,
			Log:     exit.Stderr,
		})
		s.release(j)
		return true
	}
	return false
}
