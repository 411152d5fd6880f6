package lease

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// PullerOptions are the settings of a node.
type PullerOptions struct {
	Session Session
	// Workers is the number of workers that the node's backbone can have.
	Workers int
	// Least is how many items the node should have at least, to fill the batches of its backbone.
	Least int
	// Pause is for a backbone that batches items: after this long without a new block it gets an empty one, and completes its batches without
	// waiting; 0: never. The source does not end before all items have an outcome.
	Pause time.Duration
	// Prepare changes a block before the backbone gets it, so that outputs go aside. It must keep numbers and counts. The coordinator reports items as
	// they were before. May be nil.
	Prepare func(backbones.Block) (backbones.Block, error)
	// Settle is called with outcomes before they are reported, from several goroutines at once. May be nil.
	Settle Settle
	// Dropped is called with items that the node has lost after Prepare, and whose outcomes do not come to Settle. A worker may still be on them for a
	// moment. May be nil.
	Dropped func([]backbones.Span)
	// Close closes what the backbone leaves open, once all outcomes are reported: the coordinator hears in the goodbye if it fails. A cancelled node
	// does not call it. May be nil.
	Close func(ctx context.Context) error
	// IdleExit ends the node when it has had nothing to do for this long; 0: never.
	IdleExit time.Duration
	// Policy is that of the node's backbone, without the puller's signals: see Puller.Policy.
	Policy backbones.Policy
	// Now is a monotonic time, for the ends of leases; nil: time.Now.
	Now func() time.Time
}

// Puller pulls leases for a node's backbone and reports their outcomes: the Source and Sink of that backbone. It ends the workers of leases
// that were lost. It is used once.
type Puller struct {
	o      PullerOptions
	log    hclog.Logger
	now    func() time.Time
	drain  signal
	revoke chan backbones.Revocation
	// stopped: the backbone's Run has returned.
	stopped signal
	// The channels wake what waits for a change: the source, pull, report, fence and settle.
	source, pulls, reports, fences, told chan struct{}
	// open: the backbone has got items since the last empty block. Next alone uses it.
	open bool
	// settling are outcomes on their way through Settle.
	settling chan task
	cancel   context.CancelCauseFunc

	// mu guards what follows.
	mu    sync.Mutex
	holds map[holdID]*hold
	index []segment
	ready []ready
	// yielded counts the blocks that the backbone has read. revoking are items to revoke.
	yielded  int
	revoking []backbones.Span
	// generation is the coordinator's.
	generation uint64
	sequence   uint64
	perItem    time.Duration
	// pace is the time that it takes a worker's share of the node to give an item its outcome; 0: not known. has: there were items without one at
	// settledAt, when one last got it.
	pace      time.Duration
	settledAt time.Time
	has       bool
	// untold is the number of items whose outcome was not reported yet.
	untold int
	// looked: the backbone has looked at its workers since the last report.
	looked bool
	// over: no more leases come. tail and quarantined are the coordinator's.
	over, tail  bool
	quarantined string
	interrupted bool
	busy        func() int
}

// signal is a channel that is closed once.
type signal struct {
	c    chan struct{}
	once sync.Once
}

func (s *signal) close() { s.once.Do(func() { close(s.c) }) }

// NewPuller returns a puller. It pulls nothing before Run.
func NewPuller(o PullerOptions) *Puller {
	policy := o.Policy.WithDefaults()
	o.Workers = max(o.Workers, 1)
	o.Session = apart{o.Session}
	p := &Puller{
		o: o, log: policy.Log, now: o.Now, drain: signal{c: make(chan struct{})}, stopped: signal{c: make(chan struct{})},
		revoke: make(chan backbones.Revocation), settling: make(chan task, 16), holds: map[holdID]*hold{}, busy: func() int { return 0 },
	}
	for _, c := range []*chan struct{}{&p.source, &p.pulls, &p.reports, &p.fences, &p.told} {
		*c = make(chan struct{}, 1)
	}
	if p.now == nil {
		p.now = time.Now
	}
	return p
}

// Policy is the policy for the node's backbone: that of the options with the puller's signals to drain and to revoke lost leases.
func (p *Puller) Policy() backbones.Policy {
	policy := p.o.Policy
	policy.Drain, policy.Revoke, policy.Looked = p.drain.c, p.revoke, p.sawWorkers
	policy.LookEvery, policy.Stopping = lookEvery, p.stopping
	return policy
}

// stopping tells the user how this node is stopped: by the user, or at the coordinator. Why it ends otherwise is told elsewhere.
func (p *Puller) stopping(s backbones.Stop) {
	p.mu.Lock()
	stopped := p.interrupted || backbones.IsClosed(p.o.Policy.Drain)
	p.mu.Unlock()
	if !stopped {
		return
	}
	s.Node, s.Elsewhere = true, !backbones.IsClosed(p.o.Policy.Drain)
	p.o.Policy.WithDefaults().Stopping(s)
}

// lookEvery is how often the backbone looks at its workers: often enough for the shortest sensible lease time.
const lookEvery = time.Second

func (p *Puller) sawWorkers() {
	p.mu.Lock()
	p.looked = true
	p.mu.Unlock()
}

// QuarantinedError ends a node on which only failures occur.
type QuarantinedError struct{ Why string }

func (e *QuarantinedError) Error() string {
	return "the coordinator gives this node no more items: " + e.Why
}

// farewellTime bounds the last messages of a cancelled node.
const farewellTime = 3 * time.Second

// Run runs the backbone on leases until the run or this node ends. It reports what is done, gives back what was not begun, and leaves. The
// error is the backbone's (backbones.ErrDrained after a drain), a *QuarantinedError, or why the coordinator was lost; nil: the run has ended, or
// IdleExit passed.
func (p *Puller) Run(ctx context.Context, b backbones.Backbone) error {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.cancel = cancel
	p.busy = func() int { return b.Status().Busy }
	var pulling, settling, reporting sync.WaitGroup
	pullCtx, stopPulling := context.WithCancel(work)
	defer stopPulling()
	reportCtx, stopReporting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReporting()
	start := func(group *sync.WaitGroup, do func()) {
		group.Add(1)
		go func() {
			defer group.Done()
			do()
		}()
	}
	finish := make(chan struct{})
	start(&pulling, func() { p.pull(pullCtx) })
	start(&pulling, func() { p.fence(work) })
	start(&pulling, func() { p.watchDrain(work, stopPulling) })
	for range min(8, p.o.Workers) {
		start(&settling, func() { p.settle(reportCtx) })
	}
	start(&reporting, func() { p.report(reportCtx, finish) })
	ended := make(chan struct{})
	defer close(ended)
	go p.boundDrain(ended, stopReporting)

	err := b.Run(work, p, p.take)
	p.stopped.close()
	p.drain.close()
	stopPulling()
	if work.Err() != nil {
		// Only the last messages are left.
		late := time.AfterFunc(farewellTime, stopReporting)
		defer late.Stop()
	}
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(farewellTime, stopReporting) })
	defer stop()
	settling.Wait()
	close(finish)
	reporting.Wait()
	lost := context.Cause(work)
	cancel(nil)
	pulling.Wait()
	if p.o.Close != nil && ctx.Err() == nil {
		err = unclosed(err, p.o.Close(ctx))
	}
	var last Farewell
	if closing := new(backbones.CloseError); errors.As(err, &closing) {
		last = Farewell{Unclosed: closing.Workers, First: brief(closing.First)}
	}
	leaveCtx := reportCtx
	if last.Unclosed > 0 && reportCtx.Err() != nil && ctx.Err() == nil {
		// The tasks of a drained node took long to close.
		var late context.CancelFunc
		leaveCtx, late = context.WithTimeout(ctx, farewellTime)
		defer late()
	}
	if leaveErr := p.o.Session.Leave(leaveCtx, last); leaveErr != nil {
		p.log.Debug("leaving", "error", leaveErr)
	}
	return p.ended(ctx, err, lost)
}

// brief is an error in one line: the first of its text, and the last, which has the reason where a process wrote the others.
func brief(err error) string {
	first, rest, _ := strings.Cut(err.Error(), "\n")
	rest = strings.TrimSpace(rest)
	return strings.TrimSpace(first + " " + strings.TrimSpace(rest[strings.LastIndex(rest, "\n")+1:]))
}

// unclosed adds a task that was not closed to the error of a backbone.
func unclosed(err, closing error) error {
	if closing == nil {
		return err
	}
	if workers := new(backbones.CloseError); errors.As(err, &workers) {
		workers.Workers++
		return err
	}
	return errors.Join(err, &backbones.CloseError{Workers: 1, First: closing})
}

// ended is the error of a run.
func (p *Puller) ended(ctx context.Context, err, lost error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quarantined != "" && (err == nil || errors.Is(err, backbones.ErrDrained)):
		return &QuarantinedError{Why: p.quarantined}
	case lost != nil && ctx.Err() == nil:
		return lost
	case p.interrupted && err == nil:
		return backbones.ErrDrained
	}
	return err
}

// fail ends the node's run.
func (p *Puller) fail(err error) { p.cancel(err) }

// watchDrain drains the node when its policy does.
func (p *Puller) watchDrain(ctx context.Context, stopPulling func()) {
	select {
	case <-p.o.Policy.Drain:
		p.drain.close()
	case <-p.drain.c:
	case <-ctx.Done():
	}
	stopPulling()
}

// boundDrain bounds the last messages of a drained node, whose coordinator may not answer.
func (p *Puller) boundDrain(ended <-chan struct{}, stopReporting func()) {
	var late <-chan time.Time
	for drain := p.o.Policy.Drain; ; {
		select {
		case <-drain:
			drain, late = nil, time.After(p.o.Policy.WithDefaults().Grace+farewellTime)
		case <-late:
			stopReporting()
			return
		case <-ended:
			return
		}
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Next implements backbones.Source.
func (p *Puller) Next(ctx context.Context) (backbones.Block, error) {
	var late <-chan time.Time
	if p.o.Pause > 0 && p.open {
		timer := time.NewTimer(p.o.Pause)
		defer timer.Stop()
		late = timer.C
	}
	for {
		b, ok, over := p.next()
		switch {
		case ok:
			p.open = true
			wake(p.pulls)
			return b, nil
		case over:
			return backbones.Block{}, io.EOF
		}
		select {
		case <-p.source:
		case <-late:
			p.open = false
			p.mu.Lock()
			p.yielded++
			p.mu.Unlock()
			return backbones.Block{}, nil
		case <-ctx.Done():
			return backbones.Block{}, ctx.Err()
		}
	}
}

// next is the next block that waits, unless items must be revoked first.
func (p *Puller) next() (b backbones.Block, ok, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.revoking) > 0 {
		return b, false, false
	}
	for len(p.ready) > 0 {
		first := p.ready[0]
		p.ready[0] = ready{}
		p.ready = p.ready[1:]
		if first.hold.dropped {
			continue
		}
		p.yielded++
		return first.block, true, false
	}
	p.ready = nil
	return b, false, p.over
}

// Remaining is the number of items that wait here, known if no more come. It is the backbone's Remaining.
func (p *Puller) Remaining() (n int, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.ready {
		n += r.block.Count
	}
	return n, p.tail || p.over
}
