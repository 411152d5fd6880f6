package mp

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// rssEvery is how often the workers' memory is looked at.
const rssEvery = time.Second

// wake is when the loop has to look at the clock again; 0: not before something happens.
func (r *run) wake() time.Duration {
	next := time.Duration(0)
	sooner := func(at time.Duration) {
		// 0 stands for never.
		if at = max(at, 1); next == 0 || at < next {
			next = at
		}
	}
	if due, ok := r.sched.waiting.next(); ok && r.stop == nil {
		sooner(due)
	}
	if r.wantsWorker() {
		sooner(r.health.notBefore())
	}
	if len(r.workers) > 0 || r.dog.stallAfter > 0 {
		sooner(r.clock.watched + r.dog.interval())
	}
	if r.opts.WorkerMaxRSS > 0 && len(r.workers) > 0 {
		sooner(r.clock.weighed + rssEvery)
	}
	if at, ok := r.leaving.Next(); ok {
		sooner(at)
	}
	return next
}

// tick does what is due.
func (r *run) tick() {
	r.clock.rang()
	now := r.clock.now()
	if now >= r.clock.watched+r.dog.interval() {
		r.dog.pass(now - r.clock.watched)
		r.clock.watched = now
		r.watch()
	}
	if r.opts.WorkerMaxRSS > 0 && now >= r.clock.weighed+rssEvery {
		r.clock.weighed = now
		r.weigh()
	}
	for _, index := range r.leaving.Look(now) {
		r.workers[index].Kill()
	}
}

// watch looks at where every worker is, and ends those that are on one item for too long.
func (r *run) watch() {
	for index, w := range r.workers {
		at, ok := r.sched.where(index, w.Beats(), r.opts.ItemTimeout)
		if !ok {
			r.dog.gone(index)
			continue
		}
		if at.first {
			at.why = backbones.WhyStill(w)
		}
		at, late := r.dog.look(index, at)
		if !late {
			continue
		}
		if at.index == answered {
			r.broke(index, breach{what: fmt.Sprintf("it has finished chunk %d, and did not answer it within %s", at.chunk, at.limit.Round(time.Millisecond)), rule: ruleRun})
			r.dog.gone(index)
			continue
		}
		r.log.Warn("an item takes longer than --item-timeout allows: its worker is ended", at.withWhy("worker", index, "pid", w.PID(),
			"item", r.sched.describe(index, at), "for", at.elapsed.Round(time.Millisecond))...)
		r.sched.late(index, at)
		r.dog.gone(index)
		w.Kill()
	}
	if still, due := r.dog.stalled(); due {
		r.warnOfStall(still)
	}
}

// withWhy adds what may keep the worker from its item to what is logged.
func (s sighting) withWhy(fields ...any) []any {
	if s.why == "" {
		return fields
	}
	return append(fields, "hint", s.why)
}

// stallNames is how many workers a warning about a stall names.
const stallNames = 8

func (r *run) warnOfStall(still time.Duration) {
	still = still.Round(100 * time.Millisecond)
	switch {
	case r.sched.inFlight() > 0:
		for _, index := range r.dog.longest(stallNames) {
			at := r.dog.seen[index]
			r.log.Warn("nothing has moved: a worker is still on the same item", at.withWhy("still", still, "worker", index,
				"pid", r.workers[index].PID(), "item", r.sched.describe(index, at), "for", (r.dog.clock-at.since).Round(100*time.Millisecond))...)
		}
		if more := len(r.dog.seen) - stallNames; more > 0 {
			r.log.Warn(fmt.Sprintf("nothing has moved: %d more workers are on items", more), "still", still)
		}
	case r.starting > 0:
		r.log.Warn("nothing has moved: workers are still starting", "still", still, "workers", r.starting)
	case r.sched.waiting.items() == 0 && !r.sched.ended:
		r.log.Warn("nothing has moved: the listing yields nothing", "still", still)
	}
}

// weigh replaces workers that have grown too large, once they have answered what they have.
func (r *run) weigh() {
	pids := make([]int, 0, len(r.workers))
	for index, w := range r.workers {
		if !r.leaving.Has(index) {
			pids = append(pids, w.PID())
		}
	}
	if len(pids) == 0 {
		return
	}
	sizes := r.opts.RSS(pids)
	for index, w := range r.workers {
		if l := r.sched.lanes[index]; l == nil || l.spent || sizes[w.PID()] <= r.opts.WorkerMaxRSS {
			continue
		}
		r.log.Info("a worker has grown over --worker-max-rss and is replaced", "worker", index, "pid", w.PID(),
			"resident", hclog.Fmt("%d MiB", sizes[w.PID()]>>20))
		r.sched.retire(index)
		r.letLeave(index)
	}
}

// letLeave lets a worker that is to be replaced go when it has answered what it had.
func (r *run) letLeave(index int) {
	if r.leaving.Has(index) || !r.sched.idle(index) {
		return
	}
	r.finish(index)
}

// tellRetries says which items are tried again.
func (r *run) tellRetries() {
	for _, one := range r.sched.retrying {
		r.log.Debug("an item failed and is tried again", "item", one.item, "kind", one.failure.Kind, "error", one.failure.Message,
			"failures", one.failure.Attempts, "in", one.delay.Round(time.Millisecond))
	}
	r.sched.retrying = r.sched.retrying[:0]
}
