package cuda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// startFailed deals with a worker that did not start: it is tried again, and a device is given up sooner.
func (r *run) startFailed(e event) {
	if r.stop != nil {
		return
	}
	var fatal *backbones.FatalError
	if errors.As(e.err, &fatal) {
		if e.stage == device && !fatal.EndsRun && r.giveUp(e.index, fatal.Err) {
			return
		}
		r.end(fatal.Err)
		return
	}
	c := r.crews[e.stage]
	if e.stage != device && c.count() > 0 {
		// Often the machine has no room for one more process, and will not have any soon: this is told ever more seldom.
		if c.unstarted++; c.unstarted&(c.unstarted-1) == 0 {
			r.log.Warn("starting a worker failed; it is tried again later", "failures", c.unstarted, "worker", r.name(e.stage, e.index),
				"workers", len(c.workers), "error", e.err)
		}
		wait := backbones.Backoff{First: r.opts.StartDelay, Cap: maxUnstartedDelay}.After(c.unstarted)
		c.notBefore = max(c.notBefore, time.Since(r.began)+wait)
		return
	}
	r.log.Warn("starting a worker failed", "worker", r.name(e.stage, e.index), "error", e.err)
	r.fruitless(e, heavy, func(n int) error {
		return fmt.Errorf("no %s worker can be started, tried %d times: %w", e.stage, n, e.err)
	})
}

// giveUp goes on without a device, if there are others.
func (r *run) giveUp(index int, why error) bool {
	c := r.crews[device]
	if r.want[device]-len(c.gone) <= 1 {
		return false
	}
	c.gone[index] = true
	r.log.Error("a device is given up; the others do its items", "device", r.name(device, index), "error", why)
	return true
}

// name is what a worker is called in messages.
func (p *Pipeline) name(k stage, index int) string {
	if k == device && index < len(p.opts.DeviceNames) {
		return p.opts.DeviceNames[index]
	}
	return fmt.Sprintf("%s %d", k, index)
}

// fruitless counts a worker that went without having concluded anything. Too many of them end the run, or the use of one
// device of several.
func (r *run) fruitless(e event, weight int, why func(n int) error) {
	c := r.crews[e.stage]
	key := c.counter(e.stage, e.index)
	c.fruitless[key] += weight
	c.tries[key]++
	weight = c.fruitless[key]
	if e.stage == device && weight >= deviceLimit && r.giveUp(e.index, why(c.tries[key])) {
		return
	}
	limit := fruitlessLimit
	if e.kind == evStartFailed && c.count() == 0 {
		limit = deviceLimit
	}
	if weight >= limit {
		r.end(why(c.tries[key]))
	}
}

func (r *run) exited(e event) {
	c := r.crews[e.stage]
	w := c.workers[e.index]
	delete(c.workers, e.index)
	r.running.Add(-1)
	at := place{e.stage, e.index}
	exit := w.Exit()
	how, broke := c.broken[e.index]
	if broke {
		exit.Reason, exit.Rule = how.what, how.rule
		delete(c.broken, e.index)
	}
	closing := r.leaving.Has(at)
	if exit.Rule != "" && !broke && !closing {
		// The stream knew it before the loop did.
		broke = true
		r.breach(breach{what: exit.Reason, rule: exit.Rule})
	}
	r.sched.now = time.Since(r.began)
	out, died := r.sched.died(e.stage, e.index, exit, broke)
	r.leaving.Gone(at, exit, r.killed || broke && !how.closing)
	r.closing.Store(int64(r.leaving.Waiting()))
	r.report(out)
	if !died.busy && (exit.Code == 0 || closing) || r.stop != nil {
		return
	}
	r.log.Warn("a worker died and is replaced", "stage", e.stage, "worker", r.name(e.stage, e.index), "pid", w.PID(), "how", exit.String(),
		"stderr", exit.LastLine())
	if died.fruitful {
		c.fruitful(e.stage, e.index)
		return
	}
	weight := heavy
	if died.suspected {
		weight = light
	}
	r.fruitless(e, weight, func(n int) error {
		return fmt.Errorf("%d %s workers died one after another before they had done anything; the last one %s%s",
			n, e.stage, exit, exit.StderrNote())
	})
}

// finish tells a worker that no more work comes: it closes its task and leaves.
func (r *run) finish(at place) {
	r.leaving.Begin(at, time.Since(r.began))
	r.closing.Store(int64(r.leaving.Waiting()))
	r.crews[at.stage].workers[at.worker].Finish()
}

// leave lets all workers close their task, ends those that take too long, and waits until they are gone.
func (r *run) leave(ctx context.Context) {
	left := 0
	for k, c := range r.crews {
		left += c.count()
		for index := range c.workers {
			r.finish(place{stage(k), index})
		}
	}
	cancelled := ctx.Done()
	for left > 0 {
		next, _ := r.leaving.Next()
		select {
		case e := <-r.events:
			c := r.crews[e.stage]
			switch e.kind {
			case evStarted:
				delete(c.starting, e.index)
				c.workers[e.index] = e.worker
				r.running.Add(1)
				r.finish(place{e.stage, e.index})
				if r.killed {
					e.worker.Kill()
				}
			case evStartFailed:
				left--
			case evResult:
				r.answered(e)
			case evExited:
				left--
				r.exited(e)
			}
		case <-r.ringAt(next):
			for _, at := range r.leaving.Look(time.Since(r.began)) {
				r.crews[at.stage].workers[at.worker].Kill()
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
