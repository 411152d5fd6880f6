package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/relay"
)

// CoordinatorOptions are the settings of a coordinator.
type CoordinatorOptions struct {
	// Queue carries the leases. The coordinator alone publishes and ends there.
	Queue Queue
	// Generation counts the starts of this run's coordinator, from 1.
	Generation uint64
	// LeaseTime is how long a lease lasts without a renewal; 0: 30 s.
	LeaseTime time.Duration
	// Rejoin bounds how long a coordinator that was started again (Generation above 1) waits for the nodes of the former one, so that they
	// keep their items; 0: 5 s. Known: Expected is the number of those nodes, the coordinator's own included, and it stops waiting once that many
	// have joined and reported what they are on.
	Rejoin   time.Duration
	Known    bool
	Expected int
	// Gone is how long ago the former coordinator (Generation above 1) was last alive, if known. Its grants may be in use for GrantTime after that, and
	// nothing is granted before.
	Gone time.Duration
	// GrantTime is how long after its question a node may use what it was granted; 0: a lease's time.
	GrantTime time.Duration
	// WatchAfter is how long Book and queue may differ in the number of open leases until the queue is created again; 0: 30 s.
	WatchAfter time.Duration
	// Remaining is the number of items that the source has still to yield, if known; may be nil.
	Remaining func() (n int, known bool)
	// Now is a monotonic time; nil: time.Now.
	Now func() time.Time
	// Alone is called when the run has items left and no node has been there for aloneAfter; once, until a node comes. May be nil.
	Alone func()
	// Policy's Drain, Grace, StallAfter, Retry, CloseTimeout and Log are the coordinator's; the rest is the nodes'.
	Policy backbones.Policy
}

// The defaults of CoordinatorOptions.
const (
	defaultLeaseTime  = 30 * time.Second
	defaultRejoin     = 5 * time.Second
	defaultWatchAfter = 30 * time.Second
)

// Coordinator lends the items of a run to nodes. It is a backbone without workers, and the Desk of a queue. It is used once.
type Coordinator struct {
	o   CoordinatorOptions
	log hclog.Logger
	// kick wakes the loop after a node's message.
	kick chan struct{}

	mu sync.Mutex
	// mu guards book and what follows.
	book  *Book
	clock ticks
	// outcomes are on their way to the loop.
	outcomes []backbones.Outcomes
	// failed is why the coordinator's own node cannot work, replaced why this coordinator must end.
	failed, replaced error
	// unclosed counts the workers of all nodes that could not close their task; nil: all could.
	unclosed *backbones.CloseError
	// moved is the time of the last message of a node, joined that of the last join.
	moved, joined time.Duration
}

var (
	_ backbones.Backbone = (*Coordinator)(nil)
	_ Desk               = (*Coordinator)(nil)
)

// NewCoordinator returns a coordinator, which answers nodes at once and publishes leases in Run.
func NewCoordinator(o CoordinatorOptions) *Coordinator {
	o.LeaseTime, o.WatchAfter = cmp.Or(o.LeaseTime, defaultLeaseTime), cmp.Or(o.WatchAfter, defaultWatchAfter)
	o.Rejoin = cmp.Or(o.Rejoin, defaultRejoin)
	o.Policy = o.Policy.WithDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	var quiet time.Duration
	if o.Generation > 1 {
		quiet = max(cmp.Or(o.GrantTime, o.LeaseTime)-o.Gone, 0)
	}
	return &Coordinator{
		o: o, log: o.Policy.Log, kick: make(chan struct{}, 1), clock: ticks{time: o.Now, last: o.Now(), most: o.LeaseTime / 5},
		book: NewBook(BookOptions{Generation: o.Generation, LeaseTime: o.LeaseTime, GrantTime: o.GrantTime, Quiet: quiet, Remaining: o.Remaining, Attempts: o.Policy.Retry.Limit + 1, Log: o.Policy.Log}),
	}
}

// ticks is the time that a process has run. A long gap between two looks counts little: nodes cannot renew while the process is stopped or its
// machine sleeps.
type ticks struct {
	time   func() time.Time
	last   time.Time
	most   time.Duration
	passed time.Duration
}

func (t *ticks) now() time.Duration {
	now := t.time()
	t.passed += min(now.Sub(t.last), t.most)
	t.last = now
	return t.passed
}

// Status implements backbones.Backbone.
func (c *Coordinator) Status() (s backbones.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Nodes = c.book.Figures()
	for _, n := range s.Nodes {
		if !n.Gone && !n.Lost {
			s.Running += n.Workers
			s.Busy += n.Busy
		}
	}
	return s
}

// Fail records that the coordinator's own node cannot work. If no other node is left, the run ends with the error.
func (c *Coordinator) Fail(err error) {
	c.at(func() {
		if c.failed == nil {
			c.failed = err
		}
	})
	c.wake()
}

// Settled reports whether no lease or grant is in use, of this coordinator or a former one.
func (c *Coordinator) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.book.Lent() == 0 && c.clock.now() >= c.book.o.Quiet
}

// Claim implements Desk.
func (c *Coordinator) Claim(claim Claim) (answer Claimed) {
	c.at(func() { answer = c.book.Claim(claim); c.heard(claim.Node) })
	return answer
}

// Report implements Desk.
func (c *Coordinator) Report(r Report) (answer Reported) {
	c.at(func() { answer = c.book.Report(r); c.heard(r.Node) })
	return answer
}

// Grant implements Desk.
func (c *Coordinator) Grant(a Ask) (answer Granted) {
	c.at(func() { answer = c.book.Grant(a); c.heard(a.Node) })
	return answer
}

// Joined implements Desk.
func (c *Coordinator) Joined(node Node) {
	c.at(func() { c.book.Joined(node); c.heard(node.Name); c.joined = c.book.now })
	c.wake()
}

// Left implements Desk.
func (c *Coordinator) Left(name string, lost bool) {
	c.at(func() { c.book.Left(name, lost) })
	c.wake()
}

// Refuse records why a node cannot work on the run.
func (c *Coordinator) Refuse(name, why string) {
	c.at(func() { c.book.Refused(name, why) })
}

// Farewell implements Desk.
func (c *Coordinator) Farewell(name string, f Farewell) {
	if f.Refused != "" {
		c.Refuse(name, f.Refused)
	}
	if f.Unclosed <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.book.members[name]
	if m == nil || !c.worked(m) {
		return
	}
	if c.unclosed == nil {
		c.unclosed = &backbones.CloseError{First: fmt.Errorf("%s: %s", name, bounded(f.First))}
	}
	c.unclosed.Workers += min(f.Unclosed, max(m.Workers, 1))
}

// worked reports whether a node has had items, so that its workers may have something to close. What a former coordinator has lent is not known.
func (c *Coordinator) worked(m *member) bool { return m.lent || c.o.Generation > 1 }

// bounded is the text of a node's error about a task that was not closed: its beginning and its end.
func bounded(text string) string {
	const first, last = 180, 120
	if len(text) > first+last {
		text = strings.ToValidUTF8(text[:first], "") + " … " + strings.ToValidUTF8(text[len(text)-last:], "")
	}
	return text
}

// closing are the names of the nodes whose workers may still be closing their tasks.
func (c *Coordinator) closing() string {
	const most = 8
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, m := range c.book.members {
		if !m.gone && !m.lost && c.worked(m) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

func (c *Coordinator) heard(name string) {
	c.moved = c.book.now
	c.book.Heard(name, c.clock.last)
}

// at calls do with the book at the present time, and carries out the effects.
func (c *Coordinator) at(do func()) {
	c.mu.Lock()
	c.book.At(c.clock.now())
	do()
	effects := c.book.Take()
	c.outcomes = append(c.outcomes, effects.Outcomes...)
	waits := len(c.book.again) > 0
	c.mu.Unlock()
	if len(effects.Done) > 0 {
		c.o.Queue.Done(effects.Done...)
	}
	if len(effects.Back) > 0 {
		c.o.Queue.Back(effects.Back...)
	}
	if waits || len(effects.Done)+len(effects.Outcomes) > 0 {
		c.wake()
	}
}

func (c *Coordinator) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Run implements backbones.Backbone. A run without any node waits for one.
func (c *Coordinator) Run(ctx context.Context, src backbones.Source, sink backbones.Sink) error {
	readCtx, stopReading := context.WithCancel(ctx)
	defer stopReading()
	publishCtx, stopPublishing := context.WithCancel(ctx)
	defer stopPublishing()
	blocks, readerDone := relay.ReadAhead(readCtx, src)
	l := &loop{Coordinator: c, blocks: blocks, outbox: relay.NewOutbox(sink), publisher: newPublisher(c)}
	publisherDone := make(chan struct{})
	go func() {
		defer close(publisherDone)
		l.publisher.run(publishCtx)
	}()
	l.run(ctx)
	c.at(c.book.notices.sum)
	stopReading()
	stopPublishing()
	<-publisherDone
	c.sayEnd(ctx)
	l.takeOutcomes()
	l.end(l.outbox.Close(ctx, c.o.Policy.Grace))
	relay.Within(ctx, c.o.Policy.Grace, readerDone)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unclosed != nil {
		return errors.Join(l.stop, c.unclosed)
	}
	return l.stop
}

// endTime bounds how long the end of a run waits for nodes to leave, besides the time that their workers may take to close their tasks.
const endTime = 5 * time.Second

// sayEnd tells the nodes that the run has ended, and waits until they have left: what their workers still write belongs to the run. A node that does
// not hear it ends when it cannot reach the coordinator any more.
func (c *Coordinator) sayEnd(ctx context.Context) {
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Policy.CloseTimeout+endTime)
	defer cancel()
	late := time.AfterFunc(endTime, func() {
		if names := c.closing(); names != "" {
			c.log.Info("the run's items have their outcomes; the run waits for nodes that close their tasks", "nodes", names, "at most", c.o.Policy.CloseTimeout)
		}
	})
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endTime, cancel) })()
	if err := c.o.Queue.End(endCtx); err != nil {
		c.log.Warn("nodes did not leave at the end of the run; what their workers did not close may be lost", "error", err)
	}
}

// loop is the state of one Run.
type loop struct {
	*Coordinator
	blocks    <-chan relay.Read
	outbox    *relay.Outbox
	publisher *publisher
	// ended: the source yields nothing more.
	ended bool
	// stop is why nothing more is lent; nil while the run continues.
	stop error
	// told is when the last warning about a run that stands still was, by the clock.
	told time.Duration
	wait time.Duration
	// alone is since when no node is there, by the clock; saidAlone: that was told.
	alone     time.Duration
	saidAlone bool
	// opened: leases are published. began is when the loop did.
	opened bool
	began  time.Duration
}

// saidTime is how long a node takes, after it has joined, to report what it is on.
const saidTime = 2 * lingering

// open reports whether leases are published: once the nodes of a former coordinator have reported what they are on.
func (l *loop) open() bool {
	if l.opened {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.now()
	all := l.o.Known && l.book.fleet().nodes >= l.o.Expected && (l.o.Expected == 0 || now >= l.joined+saidTime)
	l.opened = all || now >= l.began+l.o.Rejoin
	return l.opened
}

func (l *loop) run(ctx context.Context) {
	const look = 100 * time.Millisecond
	clock := time.NewTicker(min(look, l.o.LeaseTime/20))
	defer clock.Stop()
	drain := l.o.Policy.Drain
	var grace <-chan time.Time
	l.opened = l.o.Generation <= 1
	l.began = l.now()
	if l.alone = l.began; !l.open() {
		l.log.Info("the run waits until the nodes of the former coordinator have joined and said which items they have", "at most", l.o.Rejoin)
	}
	for {
		l.takeOutcomes()
		if l.done() {
			return
		}
		blocks := l.blocks
		full := l.outbox.Full()
		if l.stop == nil && !full && l.open() {
			l.publish()
		}
		if l.ended || l.stop != nil || full || !l.wants() {
			blocks = nil
		}
		send, first := l.outbox.Next()
		select {
		case b := <-blocks:
			l.took(b)
		case <-l.kick:
		case send <- first:
			l.outbox.Sent()
		case err := <-l.outbox.Failed:
			l.end(err)
		case <-clock.C:
			l.at(func() {})
			l.tell()
		case <-drain:
			drain = nil
			l.end(backbones.ErrDrained)
			grace = time.After(l.o.Policy.Grace)
			l.stopping(backbones.Stopping)
		case <-grace:
			l.stopping(backbones.StopLate)
			return
		case <-ctx.Done():
			l.end(ctx.Err())
			if drain == nil && l.o.Policy.Drain != nil {
				l.stopping(backbones.StopNow)
			}
			return
		}
	}
}

// stopping tells the user how the run is stopped.
func (l *loop) stopping(step backbones.StopStep) {
	l.mu.Lock()
	items, nodes := l.book.inFlight()
	l.mu.Unlock()
	l.o.Policy.Stopping(backbones.Stop{Step: step, Items: items, Nodes: nodes, Grace: l.o.Policy.Grace})
}

func (l *loop) now() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.now()
}

func (l *loop) wants() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book.Wants()
}

// end stops the run. The first reason counts.
func (l *loop) end(why error) {
	if why == nil {
		return
	}
	if l.stop == nil {
		l.stop = why
	}
	l.at(l.book.Stop)
}

func (l *loop) took(b relay.Read) {
	if b.Err != nil {
		l.ended = true
		l.at(l.book.End)
		if !errors.Is(b.Err, io.EOF) {
			l.end(b.Err)
		}
		return
	}
	var err error
	l.at(func() { err = l.book.Add(b.Block) })
	l.end(err)
}

// takeOutcomes passes reported outcomes to the sink.
func (l *loop) takeOutcomes() {
	l.mu.Lock()
	outcomes := l.outcomes
	l.outcomes = nil
	l.mu.Unlock()
	for _, o := range outcomes {
		l.outbox.Put(o)
	}
}

// done reports whether the loop has nothing left to wait for.
func (l *loop) done() bool {
	l.mu.Lock()
	failed, replaced, nodes := l.failed, l.replaced, l.book.fleet().nodes
	finished, lent := l.book.Finished(), l.book.Lent()
	l.mu.Unlock()
	if replaced != nil {
		l.end(replaced)
		return true
	}
	if failed != nil && nodes == 0 && !finished {
		l.end(failed)
		return true
	}
	if l.stop != nil {
		return lent == 0
	}
	return finished
}

// publish hands leases to the publisher while it has room.
func (l *loop) publish() {
	for l.publisher.room() {
		var next Lease
		var ok bool
		l.at(func() { next, ok = l.book.Next() })
		if !ok {
			return
		}
		l.publisher.leases <- next
	}
}

// aloneAfter is how long a run waits for a node before it says so.
const aloneAfter = 3 * time.Second

// tellAlone says that the run waits for a node.
func (l *loop) tellAlone() {
	l.mu.Lock()
	now, nodes := l.clock.now(), l.book.fleet().nodes
	l.mu.Unlock()
	switch {
	case nodes > 0:
		l.alone, l.saidAlone = now, false
	case !l.saidAlone && now >= l.alone+aloneAfter && l.stop == nil && l.o.Alone != nil:
		l.saidAlone = true
		l.o.Alone()
	}
}

// tell warns of a run without progress, with growing pauses.
func (l *loop) tell() {
	l.tellAlone()
	if l.o.Policy.StallAfter == 0 || l.stop != nil {
		return
	}
	l.mu.Lock()
	now, moved := l.clock.now(), l.moved
	nodes, lent, open := l.book.fleet().nodes, l.book.Lent(), l.book.Open()
	l.mu.Unlock()
	if moved > l.told {
		l.told, l.wait = moved, 0
	}
	l.wait = max(l.wait, l.o.Policy.StallAfter)
	if now-l.told < l.wait {
		return
	}
	still := (now - moved).Round(time.Second)
	l.told, l.wait = now, 2*l.wait
	switch {
	case nodes == 0:
		l.log.Warn("no node is there: the run waits for one", "for", still)
	case lent+open > 0:
		l.log.Warn("nothing has moved: no node has said anything", "for", still, "nodes", nodes, "lent", lent, "open", open)
	}
}
