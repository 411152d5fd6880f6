package plugin

import (
	"errors"
	"sync"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// A worker's stream may break, which finishes it, at the moment in which the run sends it another chunk.
func TestSendingToAWorkerThatEnds(t *testing.T) {
	for range 1000 {
		w := &worker{chunks: make(chan backbones.Chunk, backbones.MaxInFlight)}
		var both sync.WaitGroup
		both.Go(w.Finish)
		both.Go(func() {
			if err := w.Send(backbones.Chunk{}); err != nil && !errors.Is(err, errGone) {
				t.Error(err)
			}
		})
		both.Wait()
		w.Finish()
		if err := w.Send(backbones.Chunk{}); !errors.Is(err, errGone) {
			t.Fatalf("a finished worker took a chunk: %v", err)
		}
	}
}
