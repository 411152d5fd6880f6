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
	// Grace is how long workers may take to finish after Drain and to leave at the end before they are killed; 0: 30 s.
	Grace time.Duration
	Log   hclog.Logger
}

// fruitlessLimit is how many workers may die one after another without having concluded a single item.
const fruitlessLimit = 5

var _ backbones.Backbone = (*Pool)(nil)

// Pool runs items through workers. It is a backbones.Backbone.
type Pool struct {
	opts Options
	log  hclog.Logger

	busy    atomic.Int64
	running atomic.Int64
}

// New returns a pool that has started nothing yet.
func New(opts Options) *Pool {
	if opts.Grace == 0 {
		opts.Grace = 30 * time.Second
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

type readBlock struct {
	block backbones.Block
	err   error
}

// run is the state of one Run; only its loop touches it.
type run struct {
	*Pool
	sched    *scheduler
	sink     backbones.Sink
	events   chan event
	blocks   chan readBlock
	workers  map[int]backbones.Worker
	starting int
	// broken holds why the host ended a worker.
	broken    map[int]string
	fruitless int
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
	r := &run{
		Pool: p, sink: sink, sched: newScheduler(p.opts.Workers, p.opts.ChunkSize),
		events: make(chan event, 4*p.opts.Workers), blocks: make(chan readBlock, 2),
		workers: map[int]backbones.Worker{}, broken: map[int]string{},
	}
	r.sched.remaining = p.opts.Remaining
	r.sched.sizer.queue = min(p.opts.Ahead, backbones.MaxInFlight)
	readerDone := make(chan struct{})
	go func() {
		defer close(readerDone)
		r.read(readCtx, src)
	}()
	r.loop(ctx, startCtx, stopStarting)
	stopReading()
	r.leave(ctx)
	<-readerDone
	if r.stop == nil && ctx.Err() != nil && !r.sched.finished() {
		return ctx.Err()
	}
	return r.stop
}

func (r *run) read(ctx context.Context, src backbones.Source) {
	for {
		b, err := src.Next(ctx)
		select {
		case r.blocks <- readBlock{b, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// loop brings events to the scheduler until everything has its outcome or the run stops.
func (r *run) loop(ctx, startCtx context.Context, stopStarting func()) {
	drain := r.opts.Drain
	var grace <-chan time.Time
	for {
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
			r.handle(startCtx, e)
		case <-drain:
			drain = nil
			if r.stop == nil {
				r.stop = backbones.ErrDrained
			}
			grace = time.After(r.opts.Grace)
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

func (r *run) took(b readBlock) {
	switch {
	case b.err == nil:
		r.sched.add(b.block)
	case errors.Is(b.err, io.EOF):
		r.sched.ended = true
	default:
		r.sched.ended = true
		r.stop = b.err
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
	for r.starting+len(r.workers) < r.opts.Workers && r.sched.pending() > r.starting {
		r.start(ctx)
	}
}

func (r *run) start(ctx context.Context) {
	index := r.nextIndex
	if n := len(r.retired); n > 0 {
		index = r.retired[n-1]
		r.retired = r.retired[:n-1]
	} else {
		r.nextIndex++
	}
	r.starting++
	go func() {
		w, err := r.opts.Start(ctx, index)
		if err != nil {
			r.events <- event{kind: evStartFailed, index: index, err: err}
			return
		}
		r.events <- event{kind: evStarted, index: index, worker: w}
		for res := range w.Results() {
			r.events <- event{kind: evResult, index: index, result: res}
		}
		r.events <- event{kind: evExited, index: index}
	}()
}

func (r *run) handle(ctx context.Context, e event) {
	switch e.kind {
	case evStarted:
		r.starting--
		r.workers[e.index] = e.worker
		r.running.Store(int64(len(r.workers)))
		r.sched.opened(e.index)
		if r.killed {
			e.worker.Kill()
		}
	case evStartFailed:
		r.starting--
		r.retired = append(r.retired, e.index)
		r.startFailed(e.err)
	case evResult:
		r.answered(e)
	case evExited:
		r.exited(e.index)
	}
}

func (r *run) startFailed(err error) {
	if r.stop != nil {
		return
	}
	var fatal *backbones.FatalError
	if errors.As(err, &fatal) {
		r.stop = fatal.Err
		return
	}
	r.log.Warn("starting a worker", "error", err)
	if r.fruitless++; r.fruitless >= fruitlessLimit || len(r.workers) == 0 && r.starting == 0 && r.fruitless >= 3 {
		r.stop = fmt.Errorf("no worker can be started: %w", err)
	}
}

func (r *run) answered(e event) {
	if _, broken := r.broken[e.index]; broken {
		return
	}
	out, err := r.sched.answered(e.index, e.result)
	if err != nil {
		r.broken[e.index] = err.Error()
		r.log.Error("a worker broke the protocol and is ended", "worker", e.index, "reason", err)
		r.workers[e.index].Kill()
		return
	}
	r.fruitless = 0
	r.report(out)
}

func (r *run) report(out backbones.Outcomes) {
	if len(out.Done)+len(out.Skipped)+len(out.Failed) == 0 {
		return
	}
	if err := r.sink(out); err != nil && r.stop == nil {
		r.stop = err
	}
}

func (r *run) exited(index int) {
	w := r.workers[index]
	delete(r.workers, index)
	r.running.Store(int64(len(r.workers)))
	r.retired = append(r.retired, index)
	exit := w.Exit()
	if why, ok := r.broken[index]; ok {
		exit.Reason = why
		delete(r.broken, index)
	}
	hadWork := r.sched.lanes[index] != nil && len(r.sched.lanes[index].flights) > 0
	out, progress := r.sched.died(index, w.Beats(), exit)
	r.report(out)
	if !hadWork && exit.Code == 0 {
		return
	}
	if r.stop != nil {
		return
	}
	r.log.Warn("a worker died and is replaced", "worker", index, "pid", w.PID(), "how", exit.String(), "stderr", tail(exit.Stderr))
	if progress {
		r.fruitless = 0
		return
	}
	if r.fruitless++; r.fruitless >= fruitlessLimit {
		r.stop = fmt.Errorf("%d workers died one after another before they had done anything; the last one %s%s",
			r.fruitless, exit, stderrNote(exit.Stderr))
	}
}

func tail(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

func stderrNote(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	note := "; its stderr ended with:"
	for _, l := range lines {
		note += "\n  " + l
	}
	return note
}

func (r *run) killAll() {
	r.killed = true
	for _, w := range r.workers {
		w.Kill()
	}
}

// leave lets all workers end, kills those that do not, and waits until they are gone.
func (r *run) leave(ctx context.Context) {
	for _, w := range r.workers {
		w.Finish()
	}
	timer := time.NewTimer(r.opts.Grace)
	defer timer.Stop()
	cancelled := ctx.Done()
	for r.starting+len(r.workers) > 0 {
		select {
		case e := <-r.events:
			switch e.kind {
			case evStarted:
				r.starting--
				r.workers[e.index] = e.worker
				e.worker.Finish()
				if r.killed {
					e.worker.Kill()
				}
			case evStartFailed:
				r.starting--
			case evResult:
				r.answered(e)
			case evExited:
				w := r.workers[e.index]
				delete(r.workers, e.index)
				out, _ := r.sched.died(e.index, w.Beats(), w.Exit())
				r.report(out)
			}
		case <-timer.C:
			r.killAll()
		case <-cancelled:
			cancelled = nil
			r.killAll()
		}
	}
	r.running.Store(0)
	r.busy.Store(0)
}
