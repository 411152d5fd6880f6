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
	r.log.Warn("starting a worker", "stage", e.stage, "worker", r.name(e.stage, e.index), "error", e.err)
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
	exit := w.Exit()
	if why, ok := c.broken[e.index]; ok {
		exit.Reason = why
		delete(c.broken, e.index)
	}
	r.sched.now = time.Since(r.began)
	out, how := r.sched.died(e.stage, e.index, exit)
	r.report(out)
	if !how.busy && exit.Code == 0 || r.stop != nil {
		return
	}
	r.log.Warn("a worker died and is replaced", "stage", e.stage, "worker", r.name(e.stage, e.index), "pid", w.PID(), "how", exit.String(),
		"stderr", exit.LastLine())
	if how.fruitful {
		c.fruitful(e.stage, e.index)
		return
	}
	weight := heavy
	if how.suspected {
		weight = light
	}
	r.fruitless(e, weight, func(n int) error {
		return fmt.Errorf("%d %s workers died one after another before they had done anything; the last one %s%s",
			n, e.stage, exit, exit.StderrNote())
	})
}

// leave lets all workers end, kills those that do not, and waits until they are gone.
func (r *run) leave(ctx context.Context) {
	left := 0
	for _, c := range r.crews {
		left += c.count()
		for _, w := range c.workers {
			w.Finish()
		}
	}
	timer := time.NewTimer(r.opts.Grace)
	defer timer.Stop()
	cancelled := ctx.Done()
	for left > 0 {
		select {
		case e := <-r.events:
			c := r.crews[e.stage]
			switch e.kind {
			case evStarted:
				delete(c.starting, e.index)
				c.workers[e.index] = e.worker
				e.worker.Finish()
				if r.killed {
					e.worker.Kill()
				}
			case evStartFailed:
				left--
			case evResult:
				r.answered(e)
			case evExited:
				left--
				w := c.workers[e.index]
				delete(c.workers, e.index)
				out, _ := r.sched.died(e.stage, e.index, w.Exit())
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
