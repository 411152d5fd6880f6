package job

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// ownBatches is the source of batches that a device task makes itself. The worker that makes them works on them: it starts before the
// listing, and is the first that the backbone gets.
type ownBatches struct {
	count int

	mu     sync.Mutex
	listed bool
	first  backbones.Worker
}

func (p *Place) startBatches(ctx context.Context) (*ownBatches, error) {
	b := &ownBatches{}
	w, count, err := p.batchWorker(ctx, 0)
	if err != nil {
		return nil, err
	}
	b.first, b.count = w, count
	p.closers = append(p.closers, b.close)
	return b, nil
}

// batchWorker starts a worker that makes its batches itself, and says how many there are.
func (p *Place) batchWorker(ctx context.Context, index int) (backbones.Worker, int, error) {
	open := p.open(index)
	options := p.startOptions(workerName(index))
	options.CPUs = setOf(p.affinity.workers, index)
	count := 0
	w, err := begin(p, &open, index, func() (backbones.Worker, error) {
		return checked(ctx, &p.check, func(ctx context.Context) (w backbones.Worker, err error) {
			w, count, err = plugin.StartBatchWorker(ctx, p.spec.Plugin.Command, options, open, p.spec.can("heartbeat"), func(text string) { p.warnings.warn(text) })
			return w, err
		})
	})
	return w, count, err
}

// start hands out the first worker, then starts further ones. They must make as many batches, or a number would mean another batch.
func (b *ownBatches) start(ctx context.Context, p *Place, index int) (backbones.Worker, error) {
	if w := b.takeFirst(); w != nil {
		return w, nil
	}
	w, n, err := p.batchWorker(ctx, index)
	if err != nil {
		return nil, err
	}
	if n != b.count {
		discard(w)
		return nil, &backbones.FatalError{EndsRun: true, Err: fmt.Errorf("the task's loader made %s when the run began, and %d for the worker that replaces the first, "+
			"so nobody knows which of them are left: run it again", count.Of(b.count, "batch", "batches"), n)}
	}
	return w, nil
}

func (b *ownBatches) takeFirst() backbones.Worker {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.first
	b.first = nil
	return w
}

func (b *ownBatches) close() {
	if w := b.takeFirst(); w != nil {
		discard(w)
	}
}

// discard ends a worker that has no items.
func discard(w backbones.Worker) {
	w.Finish()
	for range w.Results() {
		continue
	}
}

// Next yields all batches at once, by their numbers.
func (b *ownBatches) Next(context.Context) (backbones.Block, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ended := b.listed || b.count == 0
	b.listed = true
	if ended {
		return backbones.Block{}, io.EOF
	}
	return backbones.Block{Encoding: backbones.Indexed, Count: b.count}, nil
}

func (b *ownBatches) figures() run.Figures {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := run.Figures{Total: int64(b.count), TotalKnown: true, RemainingKnown: true}
	if !b.listed {
		f.Remaining = b.count
	}
	return f
}
