// Package mp is the process pool backbone: N workers, each fed ahead so that it never waits, replaced when it dies.
package mp

import (
	"context"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// Options say how a pool works.
type Options struct {
	// Workers is the number of worker processes, at least 1.
	Workers int
	// ChunkSize is the number of items sent together; 0 chooses it from measured item times.
	ChunkSize int
	// Ahead is how many chunks of ChunkSize a worker has at a time; 0: two. A worker that prepares many items at once,
	// such as a device task's, wants more.
	Ahead int
	// Start starts a worker.
	Start backbones.Starter
	// Remaining tells how many items the source has still to yield, once it knows; may be nil.
	Remaining func() (n int, known bool)
	Policy    backbones.Policy
}

// New returns a pool that has started nothing yet.
func New(opts Options) backbones.Backbone {
	policy := opts.Policy.WithDefaults()
	s := newScheduler(opts.Workers, opts.ChunkSize)
	s.log, s.remaining, s.retry, s.perWorker, s.itemTimeout = policy.Log, opts.Remaining, policy.Retry, policy.WorkerMaxItems, policy.ItemTimeout
	s.sizer.queue = min(opts.Ahead, backbones.MaxInFlight)
	return crew.New(crew.Options[backbones.Worker]{
		Stages: []crew.Stage{{Seats: opts.Workers}}, Policy: policy, Rule: "Run",
		Start: func(ctx context.Context, at crew.Seat) (backbones.Worker, error) { return opts.Start(ctx, at.Index) },
	}, crew.Planner[backbones.Chunk, backbones.Result, backbones.Worker](s))
}
