package cut

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Times returns the mean time of the items of a chunk that did not fail, and the microseconds of each item that is done, in their order;
// nil: not known. marks are those of Marks.
func Times(r backbones.Result, marks []byte) (mean time.Duration, each []uint32) {
	left := max(r.Busy, 0)
	for _, f := range r.Failures {
		left -= min(max(f.Failure.Elapsed, 0), left)
	}
	if n := r.Count - len(r.Failures); n > 0 {
		mean = left / time.Duration(n)
	}
	switch {
	case len(r.Each) != r.Count:
		return mean, nil
	case marks == nil:
		return mean, r.Each
	}
	Runs(r.Count, marks, backbones.OutcomeDone, func(first, count int) {
		each = append(each, r.Each[first:first+count]...)
	})
	return mean, each
}
