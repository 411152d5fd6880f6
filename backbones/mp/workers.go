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

// maxStartDelay bounds the wait between starts of workers that come to nothing.
const maxStartDelay = 10 * time.Second

// health is how well workers start.
type health struct {
	backoff backbones.Backoff
	// fruitless counts the workers that came to nothing, one after another.
	fruitless int
	// notBefore is when the next worker may be started.
	notBefore time.Duration
}

// failed takes note of a worker that came to nothing.
func (h *health) failed(now time.Duration) {
	h.fruitless++
	h.notBefore = max(h.notBefore, now+h.backoff.After(h.fruitless))
}

func (h *health) well() { h.fruitless, h.notBefore = 0, 0 }

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
	r.health.failed(r.clock.now())
	if n := r.health.fruitless; n >= fruitlessLimit || len(r.workers) == 0 && r.starting == 0 && n >= 3 {
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
	r.health.well()
	r.report(out)
	r.letLeave(e.index)
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
	if why, ok := r.broken[index]; ok {
		exit.Reason = why
		delete(r.broken, index)
	}
	hadWork := r.sched.lanes[index] != nil && len(r.sched.lanes[index].flights) > 0
	late := r.sched.lanes[index] != nil && r.sched.lanes[index].late != nil
	out, fate := r.sched.died(index, w.Beats(), exit, r.killed)
	r.dog.gone(index)
	delete(r.leaving, index)
	r.report(out)
	if !hadWork && exit.Code == 0 || r.stop != nil {
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
				out, _ := r.sched.died(e.index, w.Beats(), w.Exit(), r.killed)
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
