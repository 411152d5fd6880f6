package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// TestABatchDoesNotWaitForItemsThatDoNotCome: a backbone that puts items together gets one empty block when nothing more has come.
func TestABatchDoesNotWaitForItemsThatDoNotCome(t *testing.T) {
	p := NewPuller(PullerOptions{Pause: time.Millisecond})
	p.ready = []ready{{backbones.Block{First: 1, Count: 3}, &hold{}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, want := range []int{3, 0} {
		b, err := p.Next(ctx)
		if err != nil || b.Count != want {
			t.Fatalf("%+v, %v; want %d items", b, err, want)
		}
	}
	if p.yielded != 2 {
		t.Errorf("%d blocks were yielded", p.yielded)
	}
	short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	if b, err := p.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second empty block: %+v, %v", b, err)
	}
}
