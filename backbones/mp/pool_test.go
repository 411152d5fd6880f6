package mp_test

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	backbonetest.Suite(t, func(ctx context.Context, o backbonetest.Options, src backbones.Source, sink backbones.Sink) error {
		return mp.New(mp.Options{
			Workers: o.Workers, ChunkSize: o.ChunkSize, Start: o.Crew.Start, Policy: o.Policy,
		}).Run(ctx, src, sink)
	})
}

// A machine that has room for two more processes and no third does the run with two.
func TestWorkersThatCannotBeStartedLeaveFewer(t *testing.T) {
	const room, count = 2, 2000
	crew := &backbonetest.Crew{T: t, Beats: true}
	refused := 0
	var mu sync.Mutex
	src := &lines{}
	done := 0
	err := mp.New(mp.Options{
		Workers: 5, ChunkSize: 4, Policy: backbones.Policy{StartDelay: time.Millisecond},
		Start: func(ctx context.Context, index int) (backbones.Worker, error) {
			mu.Lock()
			defer mu.Unlock()
			if crew.Starts() == room {
				refused++
				return nil, syscall.EAGAIN
			}
			return crew.Start(ctx, index)
		},
	}).Run(t.Context(), src, func(o backbones.Outcomes) error {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range o.Done {
			done += s.Count
		}
		// Long after the start that would have ended the run.
		if refused > 6 && done > count {
			src.stop.Store(true)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	crew.Wait()
	if uint64(done) != src.next {
		t.Errorf("%d of %d items are done", done, src.next)
	}
}
