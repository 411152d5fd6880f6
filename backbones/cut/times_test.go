package cut

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestMeanTime(t *testing.T) {
	failure := func(at int, elapsed time.Duration) backbones.ItemFailure {
		return backbones.ItemFailure{Index: at, Failure: backbones.Failure{Elapsed: elapsed}}
	}
	for name, tt := range map[string]struct {
		result backbones.Result
		mean   time.Duration
	}{
		"all done":   {backbones.Result{Count: 4, Busy: 8 * time.Second}, 2 * time.Second},
		"one failed": {backbones.Result{Count: 3, Busy: 8 * time.Second, Failures: []backbones.ItemFailure{failure(1, 2*time.Second)}}, 3 * time.Second},
		"a lie":      {backbones.Result{Count: 3, Busy: time.Second, Failures: []backbones.ItemFailure{failure(0, 1<<62), failure(1, 1<<62)}}, 0},
		"all failed": {backbones.Result{Count: 1, Busy: time.Second, Failures: []backbones.ItemFailure{failure(0, time.Second)}}, 0},
		"not known":  {backbones.Result{Count: 1}, 0},
	} {
		if mean := MeanTime(tt.result); mean != tt.mean {
			t.Errorf("%s: %v, want %v", name, mean, tt.mean)
		}
	}
}
