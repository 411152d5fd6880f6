package cut

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// MeanTime is the mean time of the items of a chunk that did not fail; 0: not known. Those that failed have times of their own.
func MeanTime(r backbones.Result) time.Duration {
	left := max(r.Busy, 0)
	for _, f := range r.Failures {
		left -= min(max(f.Failure.Elapsed, 0), left)
	}
	return left / time.Duration(max(r.Count-len(r.Failures), 1))
}
