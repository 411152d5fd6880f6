package run

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// settle counts failed items as done if their output is in place: the worker ended after the rename and before its answer.
func (job Job) settle(o backbones.Outcomes) backbones.Outcomes {
	if job.Committed == nil || len(o.Failed) == 0 {
		return o
	}
	done := o.Done
	failed := slices.DeleteFunc(slices.Clone(o.Failed), func(f backbones.FailedItem) bool {
		switch f.Failure.Kind {
		case backbones.KindCrash, backbones.KindTimeout, backbones.KindLost:
		default:
			return false
		}
		if f.Item == "" || !job.Committed(f.Item) {
			return false
		}
		done = append(slices.Clip(done), backbones.Span{First: f.Number, Count: 1})
		return true
	})
	o.Done, o.Failed = done, failed
	return o
}
