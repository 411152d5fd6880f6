// Package mp is the process pool backbone: N workers, each fed ahead so that it never waits, replaced when it dies.
package mp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
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
	// Drain is closed to stop dispatching: what is in flight is finished, then Run returns backbones.ErrDrained. May be nil.
	Drain <-chan struct{}
	// Grace is how long workers may take to finish what they have after Drain, before they are killed; 0: 30 s.
	Grace time.Duration
	// CloseTimeout is how long a worker may take to close its task, at the end and when it is replaced, before it is killed
	// and the run has failed; 0: backbones.DefaultCloseTimeout.
	CloseTimeout time.Duration
	// Retry says which failed items are tried again and when.
	Retry backbones.Retry
	// ItemTimeout is how long an item may take before its worker is ended; 0: as long as it likes. A worker without a
	// heartbeat page has so long for each item of a chunk together.
	ItemTimeout time.Duration
	// StallAfter is how long nothing may move before a warning names what is in flight; 0: none is given.
	StallAfter time.Duration
	// WorkerMaxItems is how many items a worker concludes before it is replaced; 0: any number.
	WorkerMaxItems int
	// WorkerMaxRSS is how many bytes a worker and its children may have resident before it is replaced; 0: any number.
	// RSS measures them, by the workers' process numbers.
	WorkerMaxRSS int64
	RSS          func(pids []int) map[int]int64
	// StartDelay bounds the wait behind a worker that died without having concluded anything; it doubles with each further
	// one. 0: 100 ms.
	StartDelay time.Duration
	Log        hclog.Logger
}

var _ backbones.Backbone = (*Pool)(nil)

// Pool runs items through workers. It is a backbones.Backbone.
type Pool struct {
	opts Options
	log  hclog.Logger

	busy    atomic.Int64
	running atomic.Int64
	closing atomic.Int64
}

// New returns a pool that has started nothing yet.
func New(opts Options) *Pool {
	if opts.Grace == 0 {
		opts.Grace = 30 * time.Second
	}
	if opts.CloseTimeout == 0 {
		opts.CloseTimeout = backbones.DefaultCloseTimeout
	}
	if opts.StartDelay == 0 {
		opts.StartDelay = 100 * time.Millisecond
	}
	if opts.Log == nil {
		opts.Log = hclog.NewNullLogger()
	}
	return &Pool{opts: opts, log: opts.Log}
}

// Busy is the number of workers that have something in flight.
func (p *Pool) Busy() int { return int(p.busy.Load()) }

// Running is the number of workers that are started.
func (p *Pool) Running() int { return int(p.running.Load()) }

// Closing is the number of workers that are closing their task.
func (p *Pool) Closing() int { return int(p.closing.Load()) }

type eventKind int

const (
	evStarted eventKind = iota
	evStartFailed
	evResult
	evExited
)

type event struct {
	kind   eventKind
	index  int
	worker backbones.Worker
	result backbones.Result
	err    error
}

// run is the state of one Run; only its loop touches it.
type run struct {
	*Pool
	sched    *scheduler
	sink     backbones.Sink
	events   chan event
	blocks   <-chan backbones.Read
	workers  map[int]backbones.Worker
	starting int
	// broken holds the rule that a worker broke, and how.
	broken   map[int]breach
	breaches int
	// leaving are the workers that close their task.
	leaving   *backbones.Farewell[int]
	health    health
	dog       watchdog
	clock     clock
	retired   []int
	nextIndex int
	// stop is why nothing more is dispatched; nil while the run goes on.
	stop   error
	killed bool
}

// Run drives the workers until every item has its outcome.
func (p *Pool) Run(ctx context.Context, src backbones.Source, sink backbones.Sink) error {
	// Sources stop reading ahead when the loop ends, whatever the reason.
	readCtx, stopReading := context.WithCancel(ctx)
	startCtx, stopStarting := context.WithCancel(ctx)
	defer stopStarting()
	blocks, readerDone := backbones.ReadAhead(readCtx, src)
	r := &run{
		Pool: p, sink: sink, sched: newScheduler(p.opts.Workers, p.opts.ChunkSize),
		events: make(chan event, 4*p.opts.Workers), blocks: blocks,
		workers: map[int]backbones.Worker{}, broken: map[int]breach{},
		leaving: backbones.NewFarewell(p.opts.CloseTimeout, p.log, func(index int) string { return fmt.Sprintf("worker %d", index) }),
		health:  newHealth(p.opts.StartDelay),
		dog:     watchdog{itemTimeout: p.opts.ItemTimeout, stallAfter: p.opts.StallAfter, seen: map[int]sighting{}},
		clock:   newClock(),
	}
	defer r.clock.stop()
	r.sched.remaining = p.opts.Remaining
	r.sched.retry, r.sched.perWorker = p.opts.Retry, p.opts.WorkerMaxItems
	r.sched.sizer.queue = min(p.opts.Ahead, backbones.MaxInFlight)
	r.loop(ctx, startCtx, stopStarting)
	stopReading()
	// A worker that is still being opened has nothing to close.
	stopStarting()
	r.leave(ctx)
	<-readerDone
	if r.stop == nil && ctx.Err() != nil && !r.sched.finished() {
		return ctx.Err()
	}
	return r.leaving.Join(r.stop)
}

// loop brings events to the scheduler until everything has its outcome or the run stops.
func (r *run) loop(ctx, startCtx context.Context, stopStarting func()) {
	drain := r.opts.Drain
	var grace <-chan time.Time
	for {
		r.sched.at(r.clock.now())
		r.dispatch(startCtx)
		if r.done() {
			return
		}
		blocks := r.blocks
		if !r.sched.wants() || r.stop != nil {
			blocks = nil
		}
		select {
		case b := <-blocks:
			r.took(b)
		case e := <-r.events:
			r.handle(e)
		case <-r.clock.ring(r.wake()):
			r.tick()
		case <-drain:
			drain = nil
			if r.stop == nil {
				r.stop = backbones.ErrDrained
			}
			grace = time.After(r.opts.Grace)
			if r.sched.inFlight() > 0 {
				backbones.TellDrain(r.log, r.opts.Grace)
			}
			stopStarting()
		case <-grace:
			grace = nil
			r.log.Warn("what is in flight did not finish in time: ending the workers", "grace", r.opts.Grace)
			r.killAll()
		case <-ctx.Done():
			if r.stop == nil {
				r.stop = ctx.Err()
			}
			r.killAll()
			return
		}
	}
}

// done reports whether there is nothing left to wait for.
func (r *run) done() bool {
	if r.stop != nil {
		return r.sched.inFlight() == 0 || r.killed && len(r.workers) == 0
	}
	return r.sched.finished()
}

func (r *run) took(b backbones.Read) {
	r.dog.move()
	switch {
	case b.Err == nil:
		r.sched.add(b.Block)
	case errors.Is(b.Err, io.EOF):
		r.sched.ended = true
	default:
		r.sched.ended = true
		r.stop = b.Err
	}
}

// dispatch gives work to every worker that has room, and starts workers while there is work for them.
func (r *run) dispatch(ctx context.Context) {
	if r.stop != nil {
		return
	}
	busy := 0
	// One chunk a worker in turn, so that a short list is spread over all of them.
	for given := true; given; {
		given, busy = false, 0
		for index, w := range r.workers {
			if chunk, ok := r.sched.next(index); ok {
				given = true
				if err := w.Send(chunk); err != nil {
					r.log.Debug("sending a chunk", "worker", index, "error", err)
				}
			}
			if l := r.sched.lanes[index]; l != nil && len(l.flights) > 0 {
				busy++
			}
		}
	}
	r.busy.Store(int64(busy))
	for r.wantsWorker() && r.clock.now() >= r.health.notBefore() {
		r.start(ctx)
	}
}

// wantsWorker reports whether there is work for one more worker.
func (r *run) wantsWorker() bool {
	return r.stop == nil && r.starting+len(r.workers) < r.opts.Workers && r.sched.pending() > r.starting
}
