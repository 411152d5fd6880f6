package crew

import (
	"context"
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// member is a taken seat.
type member[W any] struct {
	worker W
	// open: its worker has started.
	open bool
	// broken is the worker's breach of the protocol; nil: none.
	broken *breach
	// late: the host ended it because it was on an item for too long.
	late bool
	// revoked: the host ended it because items that it had are another's.
	revoked bool
}

// breach is a breach of the protocol.
type breach struct {
	what, rule string
	// closing: the worker was closing its task.
	closing bool
}

func (r *run[Q, A, W]) start(ctx context.Context, at Seat) {
	r.members[at] = &member[W]{}
	r.counts[at.Stage]++
	r.starting++
	go func() {
		w, err := r.opts.Start(ctx, at)
		if err != nil {
			r.events <- event[A, W]{kind: evStartFailed, at: at, err: err}
			return
		}
		r.events <- event[A, W]{kind: evStarted, at: at, worker: w}
		for answer := range w.Results() {
			r.events <- event[A, W]{kind: evAnswer, at: at, answer: answer}
		}
		r.events <- event[A, W]{kind: evExited, at: at}
	}()
}

func (r *run[Q, A, W]) handle(e event[A, W]) {
	r.dog.move()
	switch e.kind {
	case evStarted:
		r.starting--
		r.members[e.at] = &member[W]{worker: e.worker, open: true}
		r.running.Add(1)
		if r.killed {
			e.worker.Kill()
		}
		r.healthOf(e.at).unstarted.end()
		r.planner.Opened(e.at, e.worker)
	case evStartFailed:
		r.starting--
		r.vacate(e.at)
		r.startFailed(e.at, e.err)
	case evAnswer:
		r.answered(e)
	case evExited:
		r.exited(e.at)
	}
}

func (r *run[Q, A, W]) vacate(at Seat) {
	delete(r.members, at)
	r.counts[at.Stage]--
}

func (r *run[Q, A, W]) answered(e event[A, W]) {
	if m := r.members[e.at]; m.broken != nil || m.revoked {
		return
	}
	out, err := r.planner.Answered(e.at, e.answer)
	if err != nil {
		r.violated(e.at, breach{what: err.Error(), rule: r.opts.Rule})
		return
	}
	r.healthOf(e.at).fruitless.end()
	r.report(e.at, out)
	r.letLeave()
}

// report passes on outcomes with the name of their worker.
func (r *run[Q, A, W]) report(at Seat, out backbones.Outcomes) {
	out.Worker = r.name(at)
	for i := range out.Failed {
		out.Failed[i].Failure.Worker = out.Worker
	}
	r.outbox.Put(out)
}

// violated ends a worker that broke the protocol.
func (r *run[Q, A, W]) violated(at Seat, how breach) {
	m := r.members[at]
	if m.broken != nil {
		return
	}
	how.closing = r.leaving.has(at)
	m.broken = &how
	r.log.Error("a worker broke the protocol and is ended", r.about(at, m.worker, "reason", how.what, "rule", how.rule)...)
	m.worker.Kill()
	r.breach(how)
}

// breach counts a breach, and ends the run after too many.
func (r *run[Q, A, W]) breach(how breach) {
	if r.breaches++; r.breaches >= backbones.MaxBreaches {
		r.end(&backbones.BreachError{Times: r.breaches, What: how.what, Rule: how.rule})
	}
}

func (r *run[Q, A, W]) exited(at Seat) {
	m := r.members[at]
	r.vacate(at)
	r.running.Add(-1)
	exit := m.worker.Exit()
	broke := m.broken != nil
	if broke {
		exit.Reason, exit.Rule = m.broken.what, m.broken.rule
	}
	closing := r.leaving.has(at)
	if exit.Rule != "" && !broke && !closing {
		// The stream found it before the loop.
		broke = true
		r.breach(breach{what: exit.Reason, rule: exit.Rule})
	}
	_, busy := r.planner.Where(at)
	out, fate := r.planner.Died(at, exit, r.killed || broke || m.revoked)
	r.dog.gone(at)
	r.leaving.gone(at, exit, r.killed || broke && (m.broken == nil || !m.broken.closing))
	r.closing.Store(int64(r.leaving.waiting()))
	r.report(at, out)
	if !busy && (exit.Code == 0 || closing) || r.stop != nil {
		return
	}
	if !m.late && !m.revoked {
		r.log.Warn("a worker died and is replaced", r.about(at, m.worker, "how", exit.String(), "stderr", exit.LastLine())...)
	}
	switch h := r.healthOf(at); fate {
	case Fruitful:
		h.fruitless.end()
	case Fruitless:
		h.fruitless.add(r.clock.now())
		r.judge(at, h.fruitless.length, fruitlessLimit, fmt.Errorf("%d %ss died one after another before they had done anything; the last one %s%s",
			h.fruitless.length, r.workerOf(at), exit, exit.StderrNote()))
	case Neutral:
	}
}

func (r *run[Q, A, W]) startFailed(at Seat, err error) {
	if r.stop != nil || r.left {
		return
	}
	var fatal *backbones.FatalError
	if errors.As(err, &fatal) {
		if fatal.EndsRun || !r.giveUp(at, err) {
			r.end(fatal.Err)
		}
		return
	}
	h := r.healthOf(at)
	h.unstarted.add(r.clock.now())
	n := h.unstarted.length
	// The machine may have no room for one more process for long: the wait for each further line doubles.
	if n&(n-1) == 0 {
		r.log.Warn("starting a worker failed; it is tried again later", "failures", n, "worker", r.name(at), "workers", len(r.members)-r.starting, "error", err)
	}
	if r.opts.Stages[at.Stage].Apart || r.counts[at.Stage] == 0 {
		r.judge(at, n, unstartedLimit, fmt.Errorf("no %s can be started, tried %d times: %w", r.workerOf(at), n, err))
	}
}

// judge ends the run, or gives up a seat that stands apart, after too many failures in a row.
func (r *run[Q, A, W]) judge(at Seat, failures, limit int, why error) {
	if failures >= apartLimit && r.giveUp(at, why) {
		return
	}
	if failures >= limit {
		r.end(why)
	}
}

// giveUp gives up a seat that stands apart, if there are others.
func (r *run[Q, A, W]) giveUp(at Seat, why error) bool {
	stage := r.opts.Stages[at.Stage]
	if !stage.Apart {
		return false
	}
	others := 0
	for index := range stage.Seats {
		if h := r.healthOf(Seat{at.Stage, index}); index != at.Index && !h.givenUp {
			others++
		}
	}
	if others == 0 {
		return false
	}
	r.healthOf(at).givenUp = true
	r.log.Error("a "+stage.Name+" is given up; the others do its items", stage.Name, r.name(at), "error", why)
	return true
}

func (r *run[Q, A, W]) workerOf(at Seat) string {
	if name := r.opts.Stages[at.Stage].Name; name != "" {
		return name + " worker"
	}
	return "worker"
}

func (r *run[Q, A, W]) killAll() {
	r.killed = true
	for _, m := range r.members {
		if m.open {
			m.worker.Kill()
		}
	}
}

// finish lets a worker close its task and leave.
func (r *run[Q, A, W]) finish(at Seat) {
	r.leaving.begin(at, r.clock.now())
	r.closing.Store(int64(r.leaving.waiting()))
	r.members[at].worker.Finish()
}

// leave lets all workers close their task, kills those that take too long, and waits until all are gone.
func (r *run[Q, A, W]) leave(ctx context.Context) {
	r.left = true
	cancelled := ctx.Done()
	for len(r.members) > 0 {
		for at, m := range r.members {
			if m.open && !r.leaving.has(at) {
				r.finish(at)
			}
		}
		next, _ := r.leaving.next()
		send, first := r.outbox.Next()
		select {
		case e := <-r.events:
			r.handle(e)
		case send <- first:
			r.outbox.Sent()
		case err := <-r.outbox.Failed:
			r.end(err)
		case <-r.clock.ring(next):
			r.clock.rang()
			r.endSlowClosers(r.clock.now())
		case <-cancelled:
			cancelled = nil
			r.killAll()
		}
	}
	r.busy.Store(0)
	r.closing.Store(0)
}
