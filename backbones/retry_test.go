package backbones_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestBackoffDoublesToItsCap(t *testing.T) {
	most := func(n int64) int64 { return n - 1 }
	b := backbones.Backoff{First: time.Second, Cap: 5 * time.Second, Random: most}
	for i, want := range []float64{1, 2, 4, 5, 5} {
		if got := b.After(i + 1).Seconds(); got != want {
			t.Errorf("behind failure %d: at most %v s, want %v s", i+1, got, want)
		}
	}
	if got := (backbones.Backoff{Random: most}).After(3); got != 0 {
		t.Errorf("without a first wait: %v", got)
	}
}

func TestBackoffStaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := backbones.Backoff{
			First: time.Duration(rapid.Int64Min(0).Draw(t, "first")), Cap: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "cap")),
		}
		limit := b.Cap
		if limit == 0 {
			limit = backbones.DefaultRetryCap
		}
		got := b.After(rapid.IntRange(1, 1<<30).Draw(t, "failures"))
		if got < 0 || got > limit || b.First == 0 && got != 0 {
			t.Fatalf("%v waits %v", b, got)
		}
	})
}

func TestRetryPolicy(t *testing.T) {
	tests := []struct {
		kind     backbones.FailureKind
		limit    int
		failures int
		again    bool
	}{
		{backbones.KindError, 0, 1, false},
		{backbones.KindError, 2, 1, true},
		{backbones.KindError, 2, 2, true},
		{backbones.KindError, 2, 3, false},
		{backbones.KindTimeout, 0, 1, false},
		{backbones.KindTimeout, 1, 1, true},
		{backbones.KindInvalidOutput, 1, 1, true},
		{backbones.KindCrash, 0, 1, true},
		{backbones.KindCrash, 0, 2, false},
		{backbones.KindCrash, 1, 2, false},
		{backbones.KindCrash, 2, 2, true},
		{backbones.KindLost, 0, 1, true},
		{backbones.KindLost, 0, 2, false},
	}
	for _, tt := range tests {
		if _, again := (backbones.Retry{Limit: tt.limit}).Next(tt.kind, tt.failures); again != tt.again {
			t.Errorf("%s, limit %d, %d failures: again %v, want %v", tt.kind, tt.limit, tt.failures, again, tt.again)
		}
	}
}
