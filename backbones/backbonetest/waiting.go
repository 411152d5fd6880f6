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
		tally := newTally()
		err := run(t.Context(), Options{
			Workers: 1, ChunkSize: 1, Start: starter(crew), Crew: crew, Policy: backbones.Policy{StallAfter: 50 * time.Millisecond, Log: log},
		}, &source{count: 20, size: 64}, tally.sink)
		if err != nil {
			t.Fatal(err)
		}
		crew.Wait()
		tally.once(t, 20)
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
		tally := newTally()
		err := run(t.Context(), Options{
			Workers: 1, ChunkSize: 1, Start: starter(crew), Crew: crew, Policy: backbones.Policy{ItemTimeout: 2 * time.Second, Now: now},
		}, &source{count: 20, size: 64}, tally.sink)
		if err != nil {
			t.Fatal(err)
		}
		crew.Wait()
		tally.once(t, 20)
		if len(tally.failed) != 0 || crew.Starts() != 1 {
			t.Errorf("%d items failed, and %d workers were started", len(tally.failed), crew.Starts())
		}
	})
	t.Run("a slow sink does not hold the workers", func(t *testing.T) {
		begun := make(chan struct{})
		crew := &Crew{T: t, Beats: true, Script: func(s string, _ int) Act {
			if number(s) == 20 {
				close(begun)
			}
			return Do
		}}
		tally := newTally()
		err := run(t.Context(), Options{Workers: 1, ChunkSize: 1, Start: starter(crew), Crew: crew}, &source{count: 40, size: 64},
			func(o backbones.Outcomes) error {
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
		err := run(ctx, Options{Workers: 2, ChunkSize: 1, Start: starter(crew), Crew: crew, Policy: backbones.Policy{Grace: time.Millisecond}},
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
