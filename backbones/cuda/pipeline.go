// Package cuda is the backbone for device tasks: loaders, one worker a device, and workers for what follows inference
// overlap, and pass tensors in shared memory. See docs/design/cuda.md.
package cuda

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

// Options say how a pipeline works.
type Options struct {
	// BatchSize is the number of consecutive items that make a batch, at least 1.
	BatchSize int
	// HalveBatches halves the batch size when a batch does not fit into the device's memory.
	HalveBatches bool
	// Loaders, Devices and Finishers are the numbers of workers. No Finishers: devices do what follows inference, too.
	Loaders, Devices, Finishers int
	// DeviceNames are for messages: "cuda:0".
	DeviceNames []string
	// Prefetch is how many batches may be with loaders or wait for a device; 0: enough for all of them.
	Prefetch int
	// Memory is the size of the shared memory; Budget how many bytes of it should be in use, 0: any number.
	Memory, Budget uint64
	// Discard frees the pages of a region that is not used again; may be nil.
	Discard func(backbones.Region)

	// Retry says which items that failed are tried again.
	Retry backbones.Retry
	// ItemTimeout is how long an item may take in each stage; 0: as long as it likes. A batch may take as long as all of its
	// items together.
	ItemTimeout time.Duration

	StartLoader, StartDevice, StartFinisher backbones.StageStarter

	// Drain is closed to stop loading: what is in flight is finished, then Run returns backbones.ErrDrained. May be nil.
	Drain <-chan struct{}
	// Grace is how long workers may take to finish what they have after Drain, before they are killed; 0: 30 s.
	Grace time.Duration
	// CloseTimeout is how long a worker may take to close its task at the end, before it is killed and the run has failed;
	// 0: backbones.DefaultCloseTimeout.
	CloseTimeout time.Duration
	// StartDelay bounds the wait behind a worker of a stage that could not be started while others of the stage are there; it
	// doubles with each further one. 0: 100 ms.
	StartDelay time.Duration
	Log        hclog.Logger
}

// maxUnstartedDelay bounds that wait.
const maxUnstartedDelay = time.Minute

// A worker that goes without having concluded anything weighs so much, less if the batch that it was on had killed another
// one before.
const (
	heavy = 4
	light = 1
)

const (
	// fruitlessLimit is what workers that go one after another without having concluded anything may weigh before the run
	// ends.
	fruitlessLimit = 5 * heavy
	// deviceLimit is the same for a device of several, which the others then go on without, and for a stage of which no
	// worker can be started.
	deviceLimit = 2 * heavy
)

var _ backbones.Backbone = (*Pipeline)(nil)

// Pipeline runs items through the stages of a device task. It is a backbones.Backbone.
type Pipeline struct {
	opts  Options
	log   hclog.Logger
	start [stages]backbones.StageStarter
	want  [stages]int

	busy    atomic.Int64
	running atomic.Int64
	closing atomic.Int64
	figures figures
}

// New returns a pipeline that has started nothing yet.
func New(opts Options) *Pipeline {
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
	opts.Loaders, opts.Devices = max(opts.Loaders, 1), max(opts.Devices, 1)
	if opts.Prefetch == 0 {
		opts.Prefetch = depth[load]*opts.Loaders + 4*opts.Devices
	}
	p := &Pipeline{opts: opts, log: opts.Log}
	p.start = [stages]backbones.StageStarter{opts.StartLoader, opts.StartDevice, opts.StartFinisher}
	p.want = [stages]int{opts.Loaders, opts.Devices, opts.Finishers}
	p.figures.workers, p.figures.final = p.want, device
	if opts.Finishers > 0 {
		p.figures.final = finish
	}
	return p
}

// Busy is the number of workers that have something in flight.
func (p *Pipeline) Busy() int { return int(p.busy.Load()) }

// Running is the number of workers that are started.
func (p *Pipeline) Running() int { return int(p.running.Load()) }

// Closing is the number of workers that are closing their task.
func (p *Pipeline) Closing() int { return int(p.closing.Load()) }

type eventKind int

const (
	evStarted eventKind = iota
	evStartFailed
	evResult
	evExited
)

type event struct {
	kind   eventKind
	stage  stage
	index  int
	worker backbones.StageWorker
	result backbones.BatchResult
	err    error
}

// crew is the workers of one stage.
type crew struct {
	workers map[int]backbones.StageWorker
	// starting holds those that are being started.
	starting map[int]bool
	// gone are devices that are not started again.
	gone map[int]bool
	// broken holds the rule that a worker broke, and how.
	broken map[int]breach
	// unstarted counts the starts that failed one after another while others of the stage were there; the next one waits
	// until notBefore.
	unstarted int
	notBefore time.Duration
	// fruitless weighs deaths and failed starts since something was concluded, for each device, and under 0 for all loaders
	// and for all finishers; tries counts them.
	fruitless, tries map[int]int
}

func (c *crew) count() int { return len(c.workers) + len(c.starting) }

// run is the state of one Run; only its loop touches it.
type run struct {
	*Pipeline
	sched  *scheduler
	sink   backbones.Sink
	events chan event
	blocks <-chan backbones.Read
	crews  [stages]*crew
	// leaving are the workers that close their task.
	leaving  *backbones.Farewell[place]
	breaches int
	// stop is why nothing more is loaded; nil while the run goes on.
	stop   error
	killed bool
	warned int
	began  time.Time
	alarm  *time.Timer
}

// Run drives the workers until every item has its outcome.
func (p *Pipeline) Run(ctx context.Context, src backbones.Source, sink backbones.Sink) error {
	readCtx, stopReading := context.WithCancel(ctx)
	startCtx, stopStarting := context.WithCancel(ctx)
	defer stopStarting()
	o := p.opts
	blocks, readerDone := backbones.ReadAhead(readCtx, src)
	r := &run{
		Pipeline: p, sink: sink, sched: newScheduler(max(o.BatchSize, 1), o.Prefetch, o.Finishers > 0, o.Memory, o.Budget),
		events: make(chan event, 4*(o.Loaders+o.Devices+o.Finishers)), blocks: blocks,
		began: time.Now(), alarm: time.NewTimer(time.Hour),
	}
	defer r.alarm.Stop()
	r.leaving = backbones.NewFarewell(o.CloseTimeout, p.log, func(at place) string { return p.name(at.stage, at.worker) })
	r.sched.auto, r.sched.retry, r.sched.limit = o.HalveBatches, o.Retry, o.ItemTimeout
	for k := range r.crews {
		r.crews[k] = &crew{
			workers: map[int]backbones.StageWorker{}, starting: map[int]bool{}, gone: map[int]bool{}, broken: map[int]breach{},
			fruitless: map[int]int{}, tries: map[int]int{},
		}
	}
	r.loop(ctx, startCtx, stopStarting)
	stopReading()
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
		r.tick()
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
		case <-r.ring():
		case <-drain:
			drain = nil
			r.end(backbones.ErrDrained)
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
			r.end(ctx.Err())
			r.killAll()
			return
		}
	}
}

// tick tells the scheduler the time, and ends workers that have been on a batch for too long.
func (r *run) tick() {
	r.sched.now = time.Since(r.began)
	r.sched.wake()
	for _, p := range r.sched.overdue() {
		w := r.crews[p.stage].workers[p.worker]
		about := []any{"stage", p.stage, "worker", r.name(p.stage, p.worker)}
		if l := r.sched.lane(p.stage, p.worker); l != nil && l.concluded == 0 {
			if why := backbones.WhyStill(w); why != "" {
				about = append(about, "hint", why)
			}
		}
		r.log.Warn("a worker has been on a batch for longer than --item-timeout allows, and is ended", about...)
		w.Kill()
	}
}

// ring rings when there is something to do at a time; nil where there is not.
func (r *run) ring() <-chan time.Time {
	at := r.sched.rings()
	for _, c := range r.crews {
		if c.notBefore > r.sched.now && (at == 0 || c.notBefore < at) {
			at = c.notBefore
		}
	}
	return r.ringAt(at)
}

// ringAt rings at a time; never for 0.
func (r *run) ringAt(at time.Duration) <-chan time.Time {
	if at == 0 {
		return nil
	}
	r.alarm.Reset(at - time.Since(r.began))
	return r.alarm.C
}

// end keeps anything more from being loaded. The first reason counts.
func (r *run) end(why error) {
	if r.stop == nil {
		r.stop = why
	}
	r.sched.stopped = true
}

// done reports whether there is nothing left to wait for.
func (r *run) done() bool {
	if r.stop == nil {
		return r.sched.finished()
	}
	for _, k := range []stage{device, finish} {
		if r.crews[k].count() == 0 {
			r.sched.abandon(k)
		}
	}
	return r.sched.inFlight() == 0 || r.killed && len(r.crews[load].workers)+len(r.crews[device].workers)+len(r.crews[finish].workers) == 0
}

func (r *run) took(b backbones.Read) {
	switch {
	case b.Err == nil:
		r.sched.add(b.Block)
	case errors.Is(b.Err, io.EOF):
		r.sched.ended = true
	default:
		r.sched.ended = true
		r.end(b.Err)
	}
}

// dispatch starts workers while there is work for them and gives work to every worker that has room.
func (r *run) dispatch(ctx context.Context) {
	if r.stop == nil {
		r.startWorkers(ctx)
	}
	for {
		l, ok := r.sched.next()
		if !ok {
			break
		}
		if err := r.crews[l.stage].workers[l.worker].Send(l.batch); err != nil {
			r.log.Debug("sending a batch", "stage", l.stage, "worker", l.worker, "error", err)
		}
	}
	for _, pool := range []*regions{r.sched.in, r.sched.out} {
		for _, region := range pool.dropped {
			if r.opts.Discard != nil {
				r.opts.Discard(region)
			}
		}
		pool.dropped = nil
	}
	var busy [stages]int
	all := 0
	for k := range busy {
		busy[k] = r.sched.busy(stage(k))
		all += busy[k]
	}
	r.busy.Store(int64(all))
	r.figures.look(time.Now(), busy, len(r.crews[device].workers), r.sched.starved, len(r.sched.waiting[device]))
}

func (r *run) startWorkers(ctx context.Context) {
	if r.sched.idle() {
		return
	}
	// A run of few batches starts few workers; a device is started at once, since that takes longest.
	want := r.want
	want[load] = min(want[load], r.sched.busy(load)+r.sched.toLoad())
	if r.sched.ended {
		want[device] = min(want[device], r.sched.inFlight()+r.sched.toLoad())
	}
	want[finish] = min(want[finish], r.sched.begun)
	for k := range want {
		c := r.crews[k]
		if r.sched.now < c.notBefore {
			continue
		}
		for index := 0; index < r.want[k] && c.count() < want[k]; index++ {
			if c.workers[index] == nil && !c.starting[index] && !c.gone[index] {
				r.startOne(ctx, stage(k), index)
			}
		}
	}
}

func (r *run) startOne(ctx context.Context, k stage, index int) {
	r.crews[k].starting[index] = true
	go func() {
		w, err := r.start[k](ctx, index)
		if err != nil {
			r.events <- event{kind: evStartFailed, stage: k, index: index, err: err}
			return
		}
		r.events <- event{kind: evStarted, stage: k, index: index, worker: w}
		for res := range w.Results() {
			r.events <- event{kind: evResult, stage: k, index: index, result: res}
		}
		r.events <- event{kind: evExited, stage: k, index: index}
	}()
}

func (r *run) handle(e event) {
	c := r.crews[e.stage]
	switch e.kind {
	case evStarted:
		delete(c.starting, e.index)
		c.workers[e.index] = e.worker
		c.unstarted, c.notBefore = 0, 0
		r.running.Add(1)
		r.sched.opened(e.stage, e.index)
		r.figures.opened(e.stage, time.Now())
		r.log.Debug("a worker is ready", "stage", e.stage, "worker", e.index, "pid", e.worker.PID())
		if r.killed {
			e.worker.Kill()
		}
	case evStartFailed:
		delete(c.starting, e.index)
		r.startFailed(e)
	case evResult:
		r.answered(e)
	case evExited:
		r.exited(e)
	}
}

func (r *run) answered(e event) {
	c := r.crews[e.stage]
	if _, broken := c.broken[e.index]; broken {
		return
	}
	r.sched.now = time.Since(r.began)
	out, t, err := r.sched.answered(e.stage, e.index, e.result)
	if err != nil {
		how := breach{what: err.Error(), rule: ruleStages, closing: r.leaving.Has(place{e.stage, e.index})}
		c.broken[e.index] = how
		r.log.Error("a worker broke the protocol and is ended", "worker", r.name(e.stage, e.index), "reason", how.what, "rule", how.rule)
		c.workers[e.index].Kill()
		r.breach(how)
		return
	}
	c.fruitful(e.stage, e.index)
	if e.result.Err == nil {
		r.figures.answered(e.stage, e.result, time.Now())
	}
	r.tell(t)
	r.report(out)
}

// ruleStages is the section of docs/protocol.md about answers of stages.
const ruleStages = "The stages of device tasks"

// breach is how a worker broke the protocol.
type breach struct {
	what, rule string
	// closing: it was to close its task by then, and has not.
	closing bool
}

// breach counts what broke the protocol, and ends the run with it when that goes on.
func (r *run) breach(how breach) {
	if r.breaches++; r.breaches >= backbones.MaxBreaches {
		r.end(&backbones.BreachError{Times: r.breaches, What: how.what, Rule: how.rule})
	}
}

// counter is the key of crew.fruitless.
func (c *crew) counter(k stage, index int) int {
	if k == device {
		return index
	}
	return 0
}

// fruitful takes note that a worker has concluded something.
func (c *crew) fruitful(k stage, index int) {
	key := c.counter(k, index)
	c.fruitless[key], c.tries[key] = 0, 0
}

// tell warns of a batch that the device's memory did not hold: once for each size.
func (r *run) tell(t trouble) {
	if !t.outOfMemory || r.warned != 0 && t.count >= r.warned {
		return
	}
	r.warned = t.count
	if r.opts.HalveBatches {
		r.log.Warn("the device's memory does not hold a batch: smaller ones from now on", "items", t.count, "batch_size", t.size, "error", t.message)
		return
	}
	r.log.Warn("the device's memory does not hold a batch: it is tried again in two halves",
		"items", t.count, "hint", fmt.Sprintf("--batch_size %d, or --batch_size auto, spares the run from that", max(t.count/2, 1)), "error", t.message)
}

func (r *run) report(out backbones.Outcomes) {
	if len(out.Done)+len(out.Skipped)+len(out.Failed) == 0 {
		return
	}
	if err := r.sink(out); err != nil {
		r.end(err)
	}
}

func (r *run) killAll() {
	r.killed = true
	for _, c := range r.crews {
		for _, w := range c.workers {
			w.Kill()
		}
	}
}
