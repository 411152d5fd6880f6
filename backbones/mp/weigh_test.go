package mp_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

// lines yields the same item until it is told to stop.
type lines struct {
	stop atomic.Bool
	next uint64
}

func (l *lines) Next(context.Context) (backbones.Block, error) {
	if l.stop.Load() {
		return backbones.Block{}, io.EOF
	}
	const count = 16
	first := l.next
	l.next += count
	return backbones.Block{First: first, Count: count, Payload: []byte(strings.TrimSuffix(strings.Repeat("{}\n", count), "\n"))}, nil
}

// A worker that is over its memory is replaced, and everything that it had is done.
func TestAWorkerThatGrowsIsReplaced(t *testing.T) {
	crew := &backbonetest.Crew{T: t, Beats: true}
	src := &lines{}
	asked := 0
	pool := mp.New(mp.Options{
		Workers: 1, ChunkSize: 4,
		Start: crew.Start,
		Policy: backbones.Policy{WorkerMaxRSS: 100, RSS: func(pids []int) map[int]int64 {
			asked++
			if asked > 1 {
				src.stop.Store(true)
				return nil
			}
			return map[int]int64{pids[0]: 101}
		}},
	})
	done := 0
	err := pool.Run(t.Context(), src, func(o backbones.Outcomes) error {
		for _, s := range o.Done {
			done += s.Count
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	crew.Wait()
	if crew.Starts() != 2 {
		t.Errorf("%d workers were started, want 2", crew.Starts())
	}
	if uint64(done) != src.next {
		t.Errorf("%d of %d items are done", done, src.next)
	}
}
