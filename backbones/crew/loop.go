package crew

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/relay"
)

type eventKind int

const (
	evStarted eventKind = iota
	evStartFailed
	evAnswer
	evExited
)

type event[A, W any] struct {
	kind   eventKind
	at     Seat
	worker W
	answer A
	err    error
}

// run is the state of one Run; only its loop touches it.
type run[Q, A any, W backbones.Process[Q, A]] struct {
	*Crew[Q, A, W]
	events chan event[A, W]
	blocks <-chan relay.Read
	outbox *relay.Outbox
	clock  clock
	// members are the taken seats, counts their number by stage. starting of them have no worker yet.
	members  map[Seat]*member[W]
	counts   []int
	starting int
	health   map[Seat]*health
	breaches int
	leaving  *farewell
	dog      watchdog
	// ended: the source yields nothing more. taken is the number of blocks that it has yielded, revoked what later ones of those lose.
	ended   bool
	taken   int
	revoked []backbones.Revocation
	// stop is why nothing more is begun; nil while the run continues.
	stop error
	// left: nothing is left to do but to close the tasks.
	left, killed bool
}

// loop passes events to the planner until every item has its outcome or the run stops.
func (r *run[Q, A, W]) loop(ctx, startCtx context.Context, stopStarting func()) {
	drain := r.policy.Drain
	var grace <-chan time.Time
	for {
		r.planner.At(r.clock.now())
		r.abandon()
		if !r.outbox.Full() {
			r.dispatch(startCtx)
		}
		if r.done() {
			return
		}
		blocks := r.blocks
		if r.stop != nil || r.outbox.Full() || !r.planner.Wants() {
			blocks = nil
		}
		send, first := r.outbox.Next()
		select {
		case b := <-blocks:
			r.took(b)
		case e := <-r.events:
			r.handle(e)
		case send <- first:
			r.outbox.Sent()
		case err := <-r.outbox.Failed:
			r.end(err)
		case <-r.clock.ring(r.wake()):
			r.tick()
		case what := <-r.policy.Revoke:
			r.revoke(what)
		case <-drain:
			drain = nil
			r.end(backbones.ErrDrained)
			grace = time.After(r.policy.Grace)
			r.stopping(backbones.Stopping)
			stopStarting()
		case <-grace:
			grace = nil
			r.stopping(backbones.StopLate)
			r.killAll()
		case <-ctx.Done():
			r.end(ctx.Err())
			if drain == nil && r.policy.Drain != nil && !r.killed {
				r.stopping(backbones.StopNow)
			}
			r.killAll()
			return
		}
	}
}

// stopping tells the user how the run is stopped.
func (r *run[Q, A, W]) stopping(step backbones.StopStep) {
	r.policy.Stopping(backbones.Stop{Step: step, Items: r.planner.ItemsInFlight(), Grace: r.policy.Grace})
}

// end stops the run. The first reason counts.
func (r *run[Q, A, W]) end(why error) {
	if why == nil {
		return
	}
	if r.stop == nil {
		r.stop = why
	}
	r.planner.Stop()
}

// abandon drops what waits for stages without workers after a stop. It comes before dispatch: earlier stages may have waited for room.
func (r *run[Q, A, W]) abandon() {
	if r.stop == nil {
		return
	}
	for stage, n := range r.counts {
		if n == 0 {
			r.planner.Abandon(stage)
		}
	}
}

// done reports whether the loop has nothing left to wait for.
func (r *run[Q, A, W]) done() bool {
	if r.stop != nil {
		return r.planner.InFlight() == 0 || r.killed && len(r.members) == r.starting
	}
	return r.planner.Finished()
}

func (r *run[Q, A, W]) took(b relay.Read) {
	r.dog.move()
	if b.Err == nil {
		r.add(b.Block)
		return
	}
	r.ended = true
	r.planner.End()
	if !errors.Is(b.Err, io.EOF) {
		r.end(b.Err)
	}
}

// dispatch sends requests to workers that have room, and starts workers while there is work for them.
func (r *run[Q, A, W]) dispatch(ctx context.Context) {
	for {
		at, request, ok := r.planner.Next()
		if !ok {
			break
		}
		if err := r.members[at].worker.Send(request); err != nil {
			r.log.Debug("sending work", "worker", r.name(at), "error", err)
		}
	}
	r.busy.Store(int64(r.planner.Busy()))
	if r.stop != nil {
		return
	}
	for stage, wanted := range r.planner.Wanted() {
		for index := 0; index < r.opts.Stages[stage].Seats && r.counts[stage] < wanted; index++ {
			at := Seat{stage, index}
			if h := r.healthOf(at); r.members[at] == nil && !h.givenUp && h.notBefore() <= r.clock.now() {
				r.start(ctx, at)
			}
		}
	}
}

// wake is the time at which the loop must look at the clock again; 0: only after an event.
func (r *run[Q, A, W]) wake() time.Duration {
	next := time.Duration(0)
	sooner := func(at time.Duration) {
		// 0 stands for never.
		if at = max(at, 1); next == 0 || at < next {
			next = at
		}
	}
	if at, ok := r.planner.Wake(); ok && r.stop == nil {
		sooner(at)
	}
	for _, h := range r.health {
		if at := h.notBefore(); r.stop == nil && at > r.clock.now() {
			sooner(at)
		}
	}
	if len(r.members) > r.starting || r.dog.stallAfter > 0 || r.policy.Looked != nil && len(r.members) > 0 {
		sooner(r.clock.watched + r.dog.interval())
	}
	if r.policy.WorkerMaxRSS > 0 && len(r.members) > r.starting {
		sooner(r.clock.weighed + rssEvery)
	}
	if at, ok := r.leaving.next(); ok {
		sooner(at)
	}
	return next
}

// tick makes the checks that are due.
func (r *run[Q, A, W]) tick() {
	r.clock.rang()
	now := r.clock.now()
	if now >= r.clock.watched+r.dog.interval() {
		r.dog.pass(now - r.clock.watched)
		r.clock.watched = now
		r.watch()
	}
	if r.policy.WorkerMaxRSS > 0 && now >= r.clock.weighed+rssEvery {
		r.clock.weighed = now
		r.weigh()
	}
	r.endSlowClosers(now)
}

func (r *run[Q, A, W]) endSlowClosers(now time.Duration) {
	for _, at := range r.leaving.look(now) {
		r.members[at].worker.Kill()
	}
}
