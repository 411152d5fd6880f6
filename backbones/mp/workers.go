package mp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// fruitlessLimit is how many workers may die one after another without having concluded a single item.
const fruitlessLimit = 5

// unstartedLimit is how many starts may fail one after another while no worker is there.
const unstartedLimit = 3

// Bounds of the wait between starts: after workers that died before they had done anything, and after starts that failed
// while other workers are at work.
const (
	maxStartDelay     = 10 * time.Second
	maxUnstartedDelay = time.Minute
)

// health is how well workers start and do.
type health struct {
	backoff, unstartedBackoff backbones.Backoff
	// fruitless counts the workers that came to nothing, unstarted the starts that failed, each one after another.
	fruitless, unstarted int
	// fruitlessUntil and unstartedUntil are when the next worker may be started.
	fruitlessUntil, unstartedUntil time.Duration
}

func newHealth(delay time.Duration) health {
	return health{
		backoff:          backbones.Backoff{First: delay, Cap: maxStartDelay},
		unstartedBackoff: backbones.Backoff{First: delay, Cap: maxUnstartedDelay},
	}
}

// failed takes note of a worker that came to nothing.
func (h *health) failed(now time.Duration) {
	h.fruitless++
	h.fruitlessUntil = max(h.fruitlessUntil, now+h.backoff.After(h.fruitless))
}

func (h *health) well() { h.fruitless, h.fruitlessUntil = 0, 0 }

// refused takes note of a start that failed.
func (h *health) refused(now time.Duration) {
	h.unstarted++
	h.unstartedUntil = max(h.unstartedUntil, now+h.unstartedBackoff.After(h.unstarted))
}

func (h *health) started() { h.unstarted, h.unstartedUntil = 0, 0 }

func (h *health) notBefore() time.Duration { return max(h.fruitlessUntil, h.unstartedUntil) }

// breach is how a worker broke the protocol.
type breach struct {
	what, rule string
	// closing: it was to close its task by then, and has not.
	closing bool
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

func (r *run) handle(e event) {
	r.dog.move()
	switch e.kind {
	case evStarted:
		r.starting--
		r.health.started()
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
	r.health.refused(r.clock.now())
	n, there := r.health.unstarted, len(r.workers)+r.starting
	// Often the machine has no room for one more process, and will not have any soon: this is told ever more seldom.
	if n&(n-1) == 0 {
		r.log.Warn("starting a worker failed; it is tried again later", "failures", n, "workers", len(r.workers), "error", err)
	}
	if there == 0 && n >= unstartedLimit {
		r.stop = fmt.Errorf("no worker can be started: %w", err)
	}
}

func (r *run) answered(e event) {
	if _, broken := r.broken[e.index]; broken {
		return
	}
	out, err := r.sched.answered(e.index, e.result)
	if err != nil {
		r.broke(e.index, breach{what: err.Error(), rule: ruleRun})
		return
	}
	r.health.well()
	r.report(out)
	r.letLeave(e.index)
}

// broke ends a worker that broke the protocol.
func (r *run) broke(index int, how breach) {
	if _, before := r.broken[index]; before {
		return
	}
	how.closing = r.leaving.Has(index)
	r.broken[index] = how
	r.log.Error("a worker broke the protocol and is ended", "worker", index, "reason", how.what, "rule", how.rule)
	r.workers[index].Kill()
	r.breach(how)
}

// breach counts what broke the protocol, and ends the run with it when that goes on.
func (r *run) breach(how breach) {
	if r.breaches++; r.breaches >= backbones.MaxBreaches && r.stop == nil {
		r.stop = &backbones.BreachError{Times: r.breaches, What: how.what, Rule: how.rule}
	}
}

func (r *run) report(out backbones.Outcomes) {
	r.tellRetries()
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
	how, broke := r.broken[index]
	if broke {
		exit.Reason, exit.Rule = how.what, how.rule
		delete(r.broken, index)
	}
	l := r.sched.lanes[index]
	hadWork := l != nil && len(l.flights) > 0
	late := l != nil && l.late != nil
	closing := r.leaving.Has(index)
	if exit.Rule != "" && !broke && !closing {
		// The stream knew it before the loop did.
		broke = true
		r.breach(breach{what: exit.Reason, rule: exit.Rule})
	}
	out, fate := r.sched.died(index, w.Beats(), exit, r.killed || broke)
	r.dog.gone(index)
	r.leaving.Gone(index, exit, r.killed || broke && !how.closing)
	r.closing.Store(int64(r.leaving.Waiting()))
	r.report(out)
	if !hadWork && (exit.Code == 0 || closing) || r.stop != nil {
		return
	}
	if !late {
		r.log.Warn("a worker died and is replaced", "worker", index, "pid", w.PID(), "how", exit.String(), "stderr", exit.LastLine())
	}
	switch fate {
	case fruitful:
		r.health.well()
	case fruitless:
		r.health.failed(r.clock.now())
	case neutral:
	}
	if r.health.fruitless >= fruitlessLimit {
		r.stop = fmt.Errorf("%d workers died one after another before they had done anything; the last one %s%s",
			r.health.fruitless, exit, exit.StderrNote())
	}
}

func (r *run) killAll() {
	r.killed = true
	for _, w := range r.workers {
		w.Kill()
	}
}

// finish tells a worker that no more work comes: it closes its task and leaves.
func (r *run) finish(index int) {
	r.leaving.Begin(index, r.clock.now())
	r.closing.Store(int64(r.leaving.Waiting()))
	r.workers[index].Finish()
}

// leave lets all workers close their task, ends those that take too long, and waits until they are gone.
func (r *run) leave(ctx context.Context) {
	for index := range r.workers {
		if !r.leaving.Has(index) {
			r.finish(index)
		}
	}
	cancelled := ctx.Done()
	for r.starting+len(r.workers) > 0 {
		next, _ := r.leaving.Next()
		select {
		case e := <-r.events:
			switch e.kind {
			case evStarted:
				r.starting--
				r.workers[e.index] = e.worker
				r.finish(e.index)
				if r.killed {
					e.worker.Kill()
				}
			case evStartFailed:
				r.starting--
			case evResult:
				r.answered(e)
			case evExited:
				r.exited(e.index)
			}
		case <-r.clock.ring(next):
			r.clock.rang()
			for _, index := range r.leaving.Look(r.clock.now()) {
				r.workers[index].Kill()
			}
		case <-cancelled:
			cancelled = nil
			r.killAll()
		}
	}
	r.running.Store(0)
	r.busy.Store(0)
	r.closing.Store(0)
}
