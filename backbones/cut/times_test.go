package cut

import (
	"slices"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestTimes(t *testing.T) {
	failure := func(at int, elapsed time.Duration) backbones.ItemFailure {
		return backbones.ItemFailure{Index: at, Failure: backbones.Failure{Elapsed: elapsed}}
	}
	for name, tt := range map[string]struct {
		result backbones.Result
		mean   time.Duration
		each   []uint32
	}{
		"all done":           {backbones.Result{Count: 4, Busy: 8 * time.Second}, 2 * time.Second, nil},
		"one failed":         {backbones.Result{Count: 3, Busy: 8 * time.Second, Failures: []backbones.ItemFailure{failure(1, 2*time.Second)}}, 3 * time.Second, nil},
		"a lie":              {backbones.Result{Count: 3, Busy: time.Second, Failures: []backbones.ItemFailure{failure(0, 1<<62), failure(1, 1<<62)}}, 0, nil},
		"all failed":         {backbones.Result{Count: 1, Busy: time.Second, Failures: []backbones.ItemFailure{failure(0, time.Second)}}, 0, nil},
		"each is known":      {backbones.Result{Count: 2, Busy: time.Second, Each: []uint32{7, 8}}, 500 * time.Millisecond, []uint32{7, 8}},
		"each of those done": {backbones.Result{Count: 4, Busy: 4 * time.Second, Each: []uint32{1, 2, 3, 4}, Skipped: []backbones.Range{{First: 1, Count: 1}}, Failures: []backbones.ItemFailure{failure(2, 0)}}, 4 * time.Second / 3, []uint32{1, 4}},
		"too few":            {backbones.Result{Count: 3, Busy: 3, Each: []uint32{7, 8}}, 1, nil},
	} {
		marks, err := Marks("chunk 1", tt.result.Count, tt.result.Skipped, tt.result.Failures, 0)
		if err != nil {
			t.Fatal(err)
		}
		if mean, each := Times(tt.result, marks); mean != tt.mean || !slices.Equal(each, tt.each) {
			t.Errorf("%s: %v, %v; want %v, %v", name, mean, each, tt.mean, tt.each)
		}
	}
}
