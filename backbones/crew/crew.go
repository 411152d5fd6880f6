// Package crew runs the workers of a backbone: their starts, time limits, health and deaths, and the run's signals. A Planner decides
// which worker does what.
package crew

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/relay"
)

// Seat is a place for one worker: its index within a stage. A backbone without stages has one, 0.
type Seat struct{ Stage, Index int }

// Stage is the seats of one kind.
type Stage struct {
	// Name is the name of the stage in messages: "load". It is empty in a backbone without stages.
	Name  string
	Seats int
	// Names are the names of the first seats: "cuda:0".
	Names []string
	// Apart: each seat is a device of its own. The others do the work of one that fails.
	Apart bool
}

// Planner decides which worker does what, and the outcome of every item. It starts nothing, waits for nothing and has no clock. A crew
// calls it from one goroutine, At first.
type Planner[Q, A any, W backbones.Process[Q, A]] interface {
	// At sets the time since the start of the run.
	At(now time.Duration)
	// Wake is the next time at which At has something to do; false: not known.
	Wake() (at time.Duration, ok bool)
	// Add adds a block, End says that no more come. Wants reports whether there should be another one.
	Add(b backbones.Block)
	End()
	Wants() bool
	// Wanted is the number of workers that each stage should have now.
	Wanted() []int
	// Opened adds a worker that has started.
	Opened(at Seat, w W)
	// Next is the next request to send; false: nothing is left, or no worker has room.
	Next() (at Seat, request Q, ok bool)
	// Answered takes an answer. An error describes a breach of the protocol, as the end of a sentence about the worker.
	Answered(at Seat, answer A) (backbones.Outcomes, error)
	// Died takes back the requests of a dead worker. byHost: the host ended it for a reason unrelated to its items.
	Died(at Seat, exit backbones.Exit, byHost bool) (backbones.Outcomes, Fate)
	// Where is the item that a worker is on; false: it has nothing to do. Describe names the item for messages.
	Where(at Seat) (Sighting, bool)
	Describe(at Seat, seen Sighting) string
	// Unnamed is the number of that item if Describe knows nothing else of it; false: it does, or the worker is on no single item.
	Unnamed(at Seat, seen Sighting) (number uint64, ok bool)
	// Late says that the host is about to end a worker that has been on an item for too long.
	Late(at Seat, seen Sighting)
	// Revoke drops items that wait and are in spans, which ascend. It returns the workers that have some of them: the crew ends these, and
	// Died reports nothing of those items.
	Revoke(spans []backbones.Span) []Seat
	// Retire gives a worker no more requests. Spent lists retired workers that have answered everything.
	Retire(at Seat)
	Spent() []Seat
	// Stop keeps items from being started. Abandon, after it, drops what waits for a stage without workers.
	Stop()
	Abandon(stage int)
	// Finished reports whether every item has its outcome.
	Finished() bool
	// InFlight is the number of unanswered requests, Busy the number of workers that have some.
	InFlight() int
	Busy() int
	// ItemsInFlight is the number of items of unanswered requests that are not known to have an outcome.
	ItemsInFlight() int
}

// Fate is what a worker's death means for its successors.
type Fate int

const (
	// Fruitless is a worker that finished no item, with no item to blame.
	Fruitless Fate = iota
	// Neutral is a worker that an item or the host ended.
	Neutral
	// Fruitful is a worker that finished at least one item.
	Fruitful
)

// Options are the settings of a crew.
type Options[W any] struct {
	Stages []Stage
	// Start starts the worker of a seat.
	Start  func(ctx context.Context, at Seat) (W, error)
	Policy backbones.Policy
	// Rule is the section of docs/protocol.md about answers.
	Rule string
}

// Crew is the workers of one run. It can be used once.
type Crew[Q, A any, W backbones.Process[Q, A]] struct {
	opts    Options[W]
	policy  backbones.Policy
	log     hclog.Logger
	planner Planner[Q, A, W]

	busy, running, closing atomic.Int64
	seats                  atomic.Pointer[[]backbones.Seat]
}

// New returns a crew. It starts nothing.
func New[Q, A any, W backbones.Process[Q, A]](opts Options[W], planner Planner[Q, A, W]) *Crew[Q, A, W] {
	policy := opts.Policy.WithDefaults()
	return &Crew[Q, A, W]{opts: opts, policy: policy, log: policy.Log, planner: planner}
}

// Status may be called during Run.
func (c *Crew[Q, A, W]) Status() backbones.Status {
	s := backbones.Status{Busy: int(c.busy.Load()), Running: int(c.running.Load()), Closing: int(c.closing.Load())}
	if seats := c.seats.Load(); seats != nil {
		s.Seats = *seats
	}
	return s
}

// Run implements backbones.Backbone.
func (c *Crew[Q, A, W]) Run(ctx context.Context, src backbones.Source, sink backbones.Sink) error {
	// Sources stop reading ahead when the loop ends, whatever the reason.
	readCtx, stopReading := context.WithCancel(ctx)
	startCtx, stopStarting := context.WithCancel(ctx)
	defer stopStarting()
	blocks, readerDone := relay.ReadAhead(readCtx, src)
	seats := 0
	for _, s := range c.opts.Stages {
		seats += s.Seats
	}
	r := &run[Q, A, W]{
		Crew: c, events: make(chan event[A, W], 4*seats), blocks: blocks, outbox: relay.NewOutbox(sink), clock: newClock(c.policy.Now),
		members: map[Seat]*member[W]{}, counts: make([]int, len(c.opts.Stages)), health: map[Seat]*health{},
		dog: watchdog{itemTimeout: c.policy.ItemTimeout, stallAfter: c.policy.StallAfter, every: c.policy.LookEvery, seen: map[Seat]Sighting{}},
	}
	r.leaving = newFarewell(c.policy.CloseTimeout, c.log, c.name)
	defer r.clock.stop()
	r.loop(ctx, startCtx, stopStarting)
	stopReading()
	// A worker that is still being opened has nothing to close.
	stopStarting()
	r.leave(ctx)
	r.end(r.outbox.Close(ctx, c.policy.Grace))
	// A source may wait for the same thing as the sink.
	relay.Within(ctx, c.policy.Grace, readerDone)
	if r.stop == nil && ctx.Err() != nil && !c.planner.Finished() {
		return ctx.Err()
	}
	return r.leaving.join(r.stop)
}

// name is a worker's name: "w3", "load 1", "cuda:0".
func (c *Crew[Q, A, W]) name(at Seat) string {
	s := c.opts.Stages[at.Stage]
	switch {
	case at.Index < len(s.Names):
		return s.Names[at.Index]
	case s.Name == "":
		return fmt.Sprintf("w%d", at.Index)
	default:
		return fmt.Sprintf("%s %d", s.Name, at.Index)
	}
}

// about are the fields of a log line about a worker: "w3, pid 812".
func (c *Crew[Q, A, W]) about(at Seat, w W, more ...any) []any {
	fields := []any{"worker", c.name(at) + ", " + w.Name()}
	if stage := c.opts.Stages[at.Stage].Name; stage != "" {
		fields = append([]any{"stage", stage}, fields...)
	}
	return append(fields, more...)
}
