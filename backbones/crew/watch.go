package crew

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Sighting is where a worker was seen working.
type Sighting struct {
	// Request is the worker's request, Index the position of its item. Negative values belong to the planner.
	Request uint64
	Index   int
	// Elapsed is the watched time at that position.
	Elapsed time.Duration
	// Limit bounds Elapsed; 0: no limit.
	Limit time.Duration
	// Owed is the breach of the protocol after Limit, to follow the worker in a sentence; empty: an item takes too long.
	Owed string
	// First: the worker has finished no item yet.
	First bool
	// Why is a possible cause; empty: not known.
	Why string

	since time.Duration
}

// AnswerLimit is the longest time that a worker may owe an answer.
const AnswerLimit = time.Minute

// watchdog finds workers that are on one item for too long. It has no clock: its caller says how much time has passed.
type watchdog struct {
	// itemTimeout bounds an item; 0: no limit.
	itemTimeout time.Duration
	// stallAfter is the time without progress until a warning; 0: no warning.
	stallAfter time.Duration

	// every bounds the time between two looks; 0: no bound.
	every time.Duration

	// clock is the watched time. A long gap between two looks counts little: this process or the machine stood still, and so did
	// the workers.
	clock time.Duration
	seen  map[Seat]Sighting
	// moved is the time of the last progress, nextStall the time from there to the next warning.
	moved, nextStall time.Duration
}

// interval is the time between two looks.
func (w *watchdog) interval() time.Duration {
	const parts, shortest, longest = 8, 5 * time.Millisecond, 5 * time.Second
	shorter := AnswerLimit
	for _, limit := range []time.Duration{w.itemTimeout, w.stallAfter} {
		if limit > 0 {
			shorter = min(shorter, limit)
		}
	}
	interval := min(max(shorter/parts, shortest), longest)
	if w.every > 0 {
		interval = min(interval, w.every)
	}
	return interval
}

// pass lets time pass.
func (w *watchdog) pass(since time.Duration) { w.clock += min(since, 2*w.interval()) }

// move records progress: an answer, a start or end of a worker, a block of the listing.
func (w *watchdog) move() { w.moved, w.nextStall = w.clock, w.stallAfter }

// gone forgets a worker.
func (w *watchdog) gone(at Seat) { delete(w.seen, at) }

// look records where a worker is, and reports whether it has been there for too long.
func (w *watchdog) look(at Seat, now Sighting) (Sighting, bool) {
	before, known := w.seen[at]
	if known && before.Request == now.Request && before.Index == now.Index {
		now.since = before.since
	} else {
		now.since = w.clock
		w.move()
	}
	now.Elapsed = w.clock - now.since
	w.seen[at] = now
	return now, now.Limit > 0 && now.Elapsed >= now.Limit
}

// stalled reports whether a warning about missing progress is due. The wait for each further one doubles.
func (w *watchdog) stalled() (time.Duration, bool) {
	still := w.clock - w.moved
	if w.stallAfter == 0 || still < max(w.nextStall, w.stallAfter) {
		return 0, false
	}
	w.nextStall = 2 * still
	return still, true
}

// longest returns up to n workers, those that have been at one item the longest first.
func (w *watchdog) longest(n int) []Seat {
	seats := slices.SortedFunc(maps.Keys(w.seen), func(a, b Seat) int {
		return cmp.Or(cmp.Compare(w.seen[a].since, w.seen[b].since), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Index, b.Index))
	})
	return seats[:min(n, len(seats))]
}

// watch ends workers that are on an item for too long, and warns of a stall.
func (r *run[Q, A, W]) watch() {
	for at, m := range r.members {
		if !m.open {
			continue
		}
		seen, ok := r.planner.Where(at)
		if !ok {
			r.dog.gone(at)
			continue
		}
		if seen.First {
			seen.Why = backbones.WhyStill(m.worker)
		}
		seen, late := r.dog.look(at, seen)
		if !late {
			continue
		}
		if seen.Owed != "" {
			r.violated(at, breach{what: seen.Owed, rule: r.opts.Rule})
			r.dog.gone(at)
			continue
		}
		r.log.Warn("an item takes longer than --item-timeout allows: its worker is ended", r.about(at, m.worker,
			seen.withWhy("item", r.planner.Describe(at, seen), "for", seen.Elapsed.Round(time.Millisecond))...)...)
		m.late = true
		r.planner.Late(at, seen)
		r.dog.gone(at)
		m.worker.Kill()
	}
	if r.policy.ShowSeats {
		r.showSeats()
	}
	if r.policy.Looked != nil && len(r.members) > 0 {
		r.policy.Looked()
	}
	if still, due := r.dog.stalled(); due {
		r.warnOfStall(still.Round(100 * time.Millisecond))
	}
}

// showSeats writes down what the workers are on.
func (r *run[Q, A, W]) showSeats() {
	seats := make([]backbones.Seat, 0, len(r.members))
	for _, at := range slices.SortedFunc(maps.Keys(r.members), func(a, b Seat) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Index, b.Index))
	}) {
		seat := backbones.Seat{Worker: r.name(at)}
		switch seen, busy := r.dog.seen[at]; {
		case !r.members[at].open:
			seat.Item = "starting"
		case r.leaving.has(at):
			seat.Item = "closing its task"
		case busy:
			seat.Item, seat.For = r.planner.Describe(at, seen), r.dog.clock-seen.since
			seat.Number, seat.Unnamed = r.planner.Unnamed(at, seen)
		}
		seats = append(seats, seat)
	}
	r.seats.Store(&seats)
}

// withWhy adds the possible cause to the fields of a log line.
func (s Sighting) withWhy(fields ...any) []any {
	if s.Why == "" {
		return fields
	}
	return append(fields, "hint", s.Why)
}

// stallNames is the most workers that a warning about a stall names.
const stallNames = 8

func (r *run[Q, A, W]) warnOfStall(still time.Duration) {
	_, waits := r.planner.Wake()
	switch {
	case r.planner.InFlight() > 0:
		for _, at := range r.dog.longest(stallNames) {
			seen := r.dog.seen[at]
			r.log.Warn("nothing has moved: a worker is still on the same item", r.about(at, r.members[at].worker,
				seen.withWhy("still", still, "item", r.planner.Describe(at, seen), "for", (r.dog.clock-seen.since).Round(100*time.Millisecond))...)...)
		}
		if more := len(r.dog.seen) - stallNames; more > 0 {
			r.log.Warn(fmt.Sprintf("nothing has moved: %d more workers are on items", more), "still", still)
		}
	case r.starting > 0:
		r.log.Warn("nothing has moved: workers are still starting", "still", still, "workers", r.starting)
	case !waits && !r.ended:
		r.log.Warn("nothing has moved: the listing yields nothing", "still", still)
	}
}

// rssEvery is the time between two looks at the workers' memory.
const rssEvery = time.Second

// weigh retires workers that use too much memory.
func (r *run[Q, A, W]) weigh() {
	pids := map[Seat]int{}
	for at, m := range r.members {
		// Only a worker of this machine has a process to measure.
		local, ok := any(m.worker).(interface{ PID() int })
		if m.open && ok && !r.leaving.has(at) {
			pids[at] = local.PID()
		}
	}
	if len(pids) == 0 {
		return
	}
	sizes := r.policy.RSS(slices.Collect(maps.Values(pids)))
	for at, pid := range pids {
		if sizes[pid] <= r.policy.WorkerMaxRSS {
			continue
		}
		r.log.Info("a worker has grown over --worker-max-rss and is replaced", r.about(at, r.members[at].worker,
			"resident", hclog.Fmt("%d MiB", sizes[pid]>>20))...)
		r.planner.Retire(at)
	}
	r.letLeave()
}

// letLeave lets retired workers leave that have answered everything.
func (r *run[Q, A, W]) letLeave() {
	for _, at := range r.planner.Spent() {
		if !r.leaving.has(at) {
			r.finish(at)
		}
	}
}
