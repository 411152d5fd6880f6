package cuda

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// Revoke implements crew.Planner. A batch between two stages that loses items is loaded again without them: its tensors hold all.
func (s *scheduler) Revoke(spans []backbones.Span) (has []crew.Seat) {
	s.cutter.Drop(spans)
	s.redo = slices.DeleteFunc(s.redo, func(j *job) bool { return !j.keep(spans) })
	s.delays = slices.DeleteFunc(s.delays, func(n delayed) bool { return !n.job.keep(spans) })
	for k := range s.waiting {
		s.waiting[k] = slices.DeleteFunc(s.waiting[k], func(j *job) bool {
			if !cut.Has(j.parts, spans) {
				return false
			}
			s.reload(j, spans)
			return true
		})
	}
	for k := range s.lanes {
		for _, l := range s.lanes[k] {
			hit := false
			for _, j := range l.flights {
				if cut.Has(j.parts, spans) {
					j.revoked = backbones.Merge(j.revoked, spans)
					hit = true
				}
			}
			if hit {
				has = append(has, l.at)
			}
		}
	}
	return has
}

// reload loads a batch again without the items of spans, if any are left.
func (s *scheduler) reload(j *job, spans []backbones.Span) {
	s.release(j)
	if j.revoked = nil; j.keep(spans) {
		s.redo = append(s.redo, j)
	}
}

// keep leaves out the items of spans, and reports whether any are left.
func (j *job) keep(spans []backbones.Span) bool {
	if !cut.Has(j.parts, spans) {
		return true
	}
	var parts []backbones.Part
	left := 0
	cut.Left(j.parts, spans, func(first, count int) {
		parts = append(parts, cut.Slice(j.parts, first, count)...)
		left += count
	})
	j.parts, j.count, j.spent = parts, left, 0
	return left > 0
}
