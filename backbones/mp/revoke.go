package mp

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// Revoke implements crew.Planner.
func (s *scheduler) Revoke(spans []backbones.Span) (has []crew.Seat) {
	s.cutter.Drop(spans)
	redo := s.redo
	s.redo = nil
	for _, j := range redo {
		if left := j.without(spans); left.count > 0 {
			s.again(left)
		}
	}
	s.waiting.drop(spans)
	for worker, l := range s.lanes {
		hit := false
		for i := range l.flights {
			if f := &l.flights[i]; cut.Has(f.parts, spans) {
				f.revoked = backbones.Merge(f.revoked, spans)
				hit = true
			}
		}
		if hit {
			has = append(has, crew.Seat{Index: worker})
		}
	}
	return has
}

// without is what is left of a job without the items of spans.
func (j job) without(spans []backbones.Span) job {
	if len(spans) == 0 || !cut.Has(j.parts, spans) {
		return j
	}
	left := job{alone: j.alone}
	cut.Left(j.parts, spans, func(first, count int) {
		piece := j.slice(first, count)
		left.parts = append(left.parts, piece.parts...)
		left.failures = append(left.failures, piece.failures...)
		left.count += count
	})
	return left
}

// drop drops the items of spans.
func (w *waiting) drop(spans []backbones.Span) {
	gone := func(one waiter) bool {
		if !cut.Has([]backbones.Part{one.item}, spans) {
			return false
		}
		w.bytes -= len(one.item.Block.Payload)
		return true
	}
	w.due, w.alone = slices.DeleteFunc(w.due, gone), slices.DeleteFunc(w.alone, gone)
	w.later = slices.DeleteFunc(w.later, gone)
	w.later.order()
}

// revoked is the mark of an item that is another's now.
const revoked = 255

// ours marks the items of a chunk that are another's now.
func (f *flight) ours(marks []byte) []byte {
	out := slices.Repeat([]byte{revoked}, len(marks))
	cut.Left(f.parts, f.revoked, func(first, count int) {
		if first < len(marks) {
			copy(out[first:], marks[first:min(first+count, len(marks))])
		}
	})
	return out
}
