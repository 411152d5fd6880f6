package backbones

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
)

// DefaultCloseTimeout is how long a task may take to be closed where nobody says otherwise.
const DefaultCloseTimeout = 5 * time.Minute

// tellAfter is how long tasks may take to be closed before a line says what is waited for; each further line comes twice as
// long after the first.
const tellAfter = 3 * time.Second

// TellDrain says what a backbone waits for that was told to stop.
func TellDrain(log hclog.Logger, grace time.Duration) {
	log.Info("interrupted: what is in flight finishes first; a second Ctrl-C ends it at once", "grace", grace)
}

// CloseError says that tasks could not be closed: what they still had to write may be lost.
type CloseError struct {
	// Workers is how many workers could not close their task.
	Workers int
	// First is about the first of them.
	First error
}

func (e *CloseError) Error() string {
	if e.Workers == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d workers did not close their task; the first: %v", e.Workers, e.First)
}

func (e *CloseError) Unwrap() error { return e.First }

// Farewell keeps account of the workers that were told that no more work comes. Until they are gone they close their task. It
// has no clock: the backbone says what time it is.
type Farewell[K comparable] struct {
	limit  time.Duration
	log    hclog.Logger
	name   func(K) string
	since  map[K]time.Duration
	late   map[K]bool
	tell   time.Duration
	failed int
	first  error
}

// NewFarewell returns an account of nobody. limit is how long a task may take to be closed, name what a worker is called.
func NewFarewell[K comparable](limit time.Duration, log hclog.Logger, name func(K) string) *Farewell[K] {
	return &Farewell[K]{limit: limit, log: log, name: name, since: map[K]time.Duration{}, late: map[K]bool{}}
}

// Begin takes note of a worker that was told to finish.
func (f *Farewell[K]) Begin(worker K, now time.Duration) {
	if len(f.since) == 0 {
		f.tell = now + tellAfter
	}
	f.since[worker] = now
}

// Has reports whether the worker was told to finish and is not gone.
func (f *Farewell[K]) Has(worker K) bool { _, ok := f.since[worker]; return ok }

// Waiting is how many workers were told to finish and are not gone.
func (f *Farewell[K]) Waiting() int { return len(f.since) }

// Next is when Look has something to do; false: never.
func (f *Farewell[K]) Next() (at time.Duration, ok bool) {
	for worker, since := range f.since {
		if due := since + f.limit; !f.late[worker] && (!ok || due < at) {
			at, ok = due, true
		}
	}
	if ok {
		at = min(at, f.tell)
	}
	return at, ok
}

// Look says what is waited for when that takes long, and returns the workers whose time is over, each once: they are to be
// ended.
func (f *Farewell[K]) Look(now time.Duration) (late []K) {
	for worker, since := range f.since {
		if !f.late[worker] && now >= since+f.limit {
			f.late[worker] = true
			late = append(late, worker)
		}
	}
	if n := len(f.since) - len(f.late); n > 0 && now >= f.tell {
		f.tell = now + 2*max(now-f.oldest(), tellAfter)
		f.log.Info("waiting for workers to close their task", "workers", f.names(), "for", (now - f.oldest()).Round(time.Second), "close_timeout", f.limit)
	}
	return late
}

func (f *Farewell[K]) oldest() time.Duration {
	first := time.Duration(-1)
	for worker, since := range f.since {
		if !f.late[worker] && (first < 0 || since < first) {
			first = since
		}
	}
	return first
}

// namesShown bounds how many workers a line names.
const namesShown = 8

func (f *Farewell[K]) names() []string {
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

// Gone takes note of the end of a worker, whether it was told to finish or not. ended says that the backbone has ended it
// for a reason that has nothing to do with closing its task.
func (f *Farewell[K]) Gone(worker K, exit Exit, ended bool) {
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
	case !exit.Ended, exit.Rule != "":
		why = fmt.Errorf("before it had, the worker %s%s", exit, exit.StderrNote())
	default:
		return
	}
	err := fmt.Errorf("%s did not close its task, and what it still had to write may be lost: %w", f.name(worker), why)
	f.log.Error("a worker did not close its task: what it still had to write may be lost", "worker", f.name(worker), "error", why)
	if f.failed++; f.failed == 1 {
		f.first = err
	}
}

// Join adds to the error of a run that tasks could not be closed.
func (f *Farewell[K]) Join(err error) error {
	if f.failed == 0 {
		return err
	}
	closing := &CloseError{Workers: f.failed, First: f.first}
	if err == nil {
		return closing
	}
	return errors.Join(err, closing)
}
