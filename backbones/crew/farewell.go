package crew

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// warnAfter is the time until a log line names the workers that still close their task. It doubles each time.
const warnAfter = 3 * time.Second

// farewell tracks the workers that are closing their task. It has no clock.
type farewell struct {
	limit       time.Duration
	log         hclog.Logger
	name        func(Seat) string
	since       map[Seat]time.Duration
	late        map[Seat]bool
	nextWarning time.Duration
	failed      int
	first       error
}

func newFarewell(limit time.Duration, log hclog.Logger, name func(Seat) string) *farewell {
	return &farewell{limit: limit, log: log, name: name, since: map[Seat]time.Duration{}, late: map[Seat]bool{}}
}

// begin records a worker that was told to finish.
func (f *farewell) begin(worker Seat, now time.Duration) {
	if len(f.since) == 0 {
		f.nextWarning = now + warnAfter
	}
	f.since[worker] = now
}

// has reports whether the worker was told to finish and is not gone.
func (f *farewell) has(worker Seat) bool { _, ok := f.since[worker]; return ok }

func (f *farewell) waiting() int { return len(f.since) }

// next is the next time at which look has something to do; false: never.
func (f *farewell) next() (at time.Duration, ok bool) {
	for worker, since := range f.since {
		if due := since + f.limit; !f.late[worker] && (!ok || due < at) {
			at, ok = due, true
		}
	}
	if ok {
		at = min(at, f.nextWarning)
	}
	return at, ok
}

// look logs which workers take long, and returns those whose time is over, each once. The caller ends them.
func (f *farewell) look(now time.Duration) (late []Seat) {
	for worker, since := range f.since {
		if !f.late[worker] && now >= since+f.limit {
			f.late[worker] = true
			late = append(late, worker)
		}
	}
	if n := len(f.since) - len(f.late); n > 0 && now >= f.nextWarning {
		f.nextWarning = now + 2*max(now-f.oldest(), warnAfter)
		f.log.Info("waiting for workers to close their task", "workers", f.names(), "for", (now - f.oldest()).Round(time.Second), "close_timeout", f.limit)
	}
	return late
}

func (f *farewell) oldest() time.Duration {
	first := time.Duration(-1)
	for worker, since := range f.since {
		if !f.late[worker] && (first < 0 || since < first) {
			first = since
		}
	}
	return first
}

// namesShown is the most workers that a log line names.
const namesShown = 8

func (f *farewell) names() []string {
	var names []string
	for worker := range f.since {
		if !f.late[worker] {
			names = append(names, f.name(worker))
		}
	}
	slices.Sort(names)
	if more := len(names) - namesShown; more > 0 {
		names = append(names[:namesShown], fmt.Sprintf("and %d more", more))
	}
	return names
}

// gone records the end of any worker. ended: the backbone has ended it for a reason unrelated to closing its task.
func (f *farewell) gone(worker Seat, exit backbones.Exit, ended bool) {
	_, told := f.since[worker]
	late := f.late[worker]
	delete(f.since, worker)
	delete(f.late, worker)
	var why error
	switch {
	case exit.Close != nil:
		why = exit.Close
	case !told || ended && !late:
		return
	case late:
		why = fmt.Errorf("it took longer than %s, and the worker was ended; --close-timeout gives it longer", f.limit)
	case !exit.Ended && (exit.Code != 0 || exit.Signal != 0 || exit.Reason != ""), exit.Rule != "":
		// A worker that exits with 0 has closed its task, even if its last message was lost.
		why = fmt.Errorf("before it had, the worker %s%s", exit, exit.StderrNote())
	default:
		return
	}
	err := fmt.Errorf("worker %s did not close its task, and what it still had to write may be lost: %w", f.name(worker), why)
	f.log.Error("a worker did not close its task: what it still had to write may be lost", "worker", f.name(worker), "error", why)
	if f.failed++; f.failed == 1 {
		f.first = err
	}
}

// join adds the error of tasks that could not be closed to the error of a run.
func (f *farewell) join(err error) error {
	if f.failed == 0 {
		return err
	}
	return errors.Join(err, &backbones.CloseError{Workers: f.failed, First: f.first})
}
