package backbonetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// waiting checks what a run does while nothing moves.
func waiting(t *testing.T, run Run) {
	t.Helper()
	t.Run("a stall is told with the item", func(t *testing.T) {
		told := make(chan struct{})
		var once sync.Once
		log := hclog.New(&hclog.LoggerOptions{Output: writer(func(line string) {
			if strings.Contains(line, "still on the same item") && strings.Contains(line, `{\"i\":3}`) {
				once.Do(func() { close(told) })
			}
		})})
		crew := &Crew{T: t, Beats: true, Script: func(s string, _ int) Act {
			if number(s) == 3 {
				<-told
			}
			return Do
		}}
		run.all(t, Options{Workers: 1, ChunkSize: 1, Crew: crew, Policy: backbones.Policy{StallAfter: 50 * time.Millisecond, Log: log}}, 20)
	})
	t.Run("an item is not late because the host stood still", func(t *testing.T) {
		var gap, looks atomic.Int64
		stopped := make(chan struct{})
		now := func() time.Time {
			// So often the loop asks in two turns at most, and it looks at its workers in one of them.
			if gap.Load() > 0 && looks.Add(1) == 8 {
				close(stopped)
			}
			return time.Now().Add(time.Duration(gap.Load()))
		}
		crew := &Crew{T: t, Beats: true, Script: func(s string, _ int) Act {
			if number(s) == 3 {
				gap.Store(int64(time.Hour))
				<-stopped
			}
			return Do
		}}
		tally := run.all(t, Options{Workers: 1, ChunkSize: 1, Crew: crew, Policy: backbones.Policy{ItemTimeout: 2 * time.Second, Now: now}}, 20)
		if len(tally.failed) != 0 || crew.Starts() != 1 {
			t.Errorf("%d items failed, and %d workers were started", len(tally.failed), crew.Starts())
		}
	})
	t.Run("a slow sink does not hold the workers", func(t *testing.T) {
		begun, script := signal(20, nil)
		crew := &Crew{T: t, Beats: true, Script: script}
		tally := newTally()
		err := run(t.Context(), Options{Workers: 1, ChunkSize: 1, Crew: crew}, &source{count: 40, size: 64}, func(o backbones.Outcomes) error {
			<-begun
			return tally.sink(o)
		})
		if err != nil {
			t.Fatal(err)
		}
		crew.Wait()
		tally.once(t, 40)
	})
	t.Run("a sink that does not return does not hold a cancelled run", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		crew := &Crew{T: t, Beats: true}
		err := run(ctx, Options{Workers: 2, ChunkSize: 1, Crew: crew, Policy: backbones.Policy{Grace: time.Millisecond}},
			&source{count: 1 << 40, size: 64}, func(backbones.Outcomes) error {
				cancel()
				<-release
				return nil
			})
		close(release)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
		crew.Wait()
	})
}

// writer hands on what is written.
type writer func(string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}
