// Package mp is the process pool: N workers that get chunks ahead, so that they never wait, and are replaced when they die.
package mp

import (
	"context"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// Options are the settings of a pool.
type Options struct {
	// Workers is the number of worker processes, at least 1.
	Workers int
	// ChunkSize is the number of items sent together; 0 chooses it from measured item times.
	ChunkSize int
	// Ahead is the number of chunks of ChunkSize that a worker has at a time; 0: two. A worker that prepares many items at once needs
	// more.
	Ahead int
	// Start starts a worker.
	Start backbones.Starter
	// Forked: one process forks all workers and lists the items. No more of them start than the work is worth.
	Forked bool
	// Remaining is the number of items that the source has still to yield, if it is known; may be nil.
	Remaining func() (n int, known bool)
	Policy    backbones.Policy
}

// New returns a pool. It starts nothing.
func New(opts Options) backbones.Backbone {
	policy := opts.Policy.WithDefaults()
	s := newScheduler(opts.Workers, opts.ChunkSize)
	s.log, s.remaining, s.retry, s.perWorker, s.itemTimeout = policy.Log, opts.Remaining, policy.Retry, policy.WorkerMaxItems, policy.ItemTimeout
	s.ramp.on = opts.Forked
	s.sizer.queue = min(opts.Ahead, backbones.MaxInFlight)
	return crew.New(crew.Options[backbones.Worker]{
		Stages: []crew.Stage{{Seats: opts.Workers}}, Policy: policy, Rule: "Run",
		Start: func(ctx context.Context, at crew.Seat) (backbones.Worker, error) { return opts.Start(ctx, at.Index) },
	}, crew.Planner[backbones.Chunk, backbones.Result, backbones.Worker](s))
}
