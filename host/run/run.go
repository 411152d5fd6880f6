// Package run drives items through a backbone and counts their outcomes.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Figures are what is known of a listing so far.
type Figures struct {
	// Total is the number of all items, finished ones included.
	Total      int64
	TotalKnown bool
	// Remaining is how many items the source has still to yield.
	Remaining      int
	RemainingKnown bool
	// Skipped is how many items were found finished before they were dispatched, Unlisted how many folders and files could not be listed.
	Skipped, Unlisted int64
}

// Job is one run.
type Job struct {
	Source backbones.Source
	// Listing tells of the source while that works.
	Listing func() Figures
	// Backbone is the execution model, ready to be run.
	Backbone backbones.Backbone
	Printer  progress.Printer
	// Began is when the run began; zero: now.
	Began time.Time
	// MaxFailures ends the run when it is exceeded; the zero Limit never is.
	MaxFailures Limit
	// Stops passes on how the backbone is stopped; nil: nobody is told.
	Stops *Stops
	// AlikeHint is what to write about a run whose first items all fail in the same way.
	AlikeHint string
	// Path is that of an item's input, by its printable form; empty: it has none. May be nil.
	Path func(item string) string
	// Show returns the printable form of an item of which only the number is known; may be nil.
	Show func(number uint64) string
	// NextShown: the printer shows what to do after the run, so errors do not.
	NextShown bool
	// Sizes are the sizes of the inputs and outputs so far; nil: unknown.
	Sizes func() *progress.Bytes
	// Committed reports whether an item's output is in place and whole, for items whose worker died; nil: not known.
	Committed func(item string) bool
	// Concluded takes how many more items have their outcome; may be nil.
	Concluded func(n int)
	// Done takes the items that are done; may be nil.
	Done func([]backbones.Span)
	// Accept takes outcomes of the backbone before they count, and may change them. An error ends the run. May be nil.
	Accept func(backbones.Outcomes) (backbones.Outcomes, error)
	// Complete does what is left once every item has its outcome, or no more is begun, unless the run has to end at once; may be nil.
	Complete func(context.Context)
	// Open is how many items another run was still working on when everything else was done; nil: none.
	Open func() int64
	// Record keeps outcomes, and cannot fail; nil: none are kept. One goroutine at a time calls it.
	Record func(backbones.Outcomes)
	// Again is the command line that resumes this run, for messages; empty: none.
	Again string
}

// Do runs the job until every item has its outcome. The error carries its exit code: failed items are an error, too.
func Do(ctx context.Context, job Job) (progress.Summary, error) {
	names := names{job: &job}
	reporter := progress.Start(job.Printer, progress.Sources{Began: job.Began, AlikeHint: job.AlikeHint, Fill: func(s *progress.Snapshot) {
		status := job.Backbone.Status()
		listed := job.Listing()
		if listed.TotalKnown {
			s.Total = &listed.Total
		} else {
			s.Listed = listed.Total
		}
		s.Skipped += listed.Skipped
		s.WorkersBusy, s.Workers, s.WorkersClosing = status.Busy, status.Running, status.Closing
		s.Stages = progress.StagesOf(status.Stages)
		s.Seats = names.seats(status.Seats)
		if job.Sizes != nil {
			s.Bytes = job.Sizes()
		}
		s.SetNodes(status.Nodes, silentAfter)
	}})
	job.Stops.reach(reporter)
	// Outcomes come from the backbone and from the listing, which are goroutines of their own.
	var mu sync.Mutex
	take := func(o backbones.Outcomes) error {
		mu.Lock()
		defer mu.Unlock()
		job.count(reporter, o)
		c := &reporter.Counters
		return job.MaxFailures.check(c.Failed.Load(), c.Done.Load()+c.Skipped.Load()+c.Failed.Load())
	}
	source := &listing{source: job.Source, sink: take}
	err := job.Backbone.Run(ctx, source, func(o backbones.Outcomes) error {
		o = job.settle(o)
		if job.Accept == nil {
			return take(o)
		}
		o, err := job.Accept(o)
		return errors.Join(err, take(o))
	})
	if job.Complete != nil && ctx.Err() == nil {
		job.Complete(ctx)
	}
	open := int64(0)
	if job.Open != nil {
		open = job.Open()
	}
	interrupted := errors.Is(err, backbones.ErrDrained) || ctx.Err() != nil
	summary := reporter.Finish(job.Listing().Unlisted, open, interrupted)
	switch {
	case interrupted:
		why := job.interrupted(summary)
		if closing := new(backbones.CloseError); errors.As(err, &closing) {
			why = errors.Join(why, closing)
		}
		return summary, exitcode.With(exitcode.Interrupted, why)
	case errors.Is(err, errEndedEarly) && job.Again != "" && job.NextShown:
		return summary, fmt.Errorf("%w%s", err, job.left(summary))
	case errors.Is(err, errEndedEarly) && job.Again != "":
		return summary, fmt.Errorf("%w%s; hint: this continues where it stopped: %s", err, job.left(summary), job.Again)
	case err != nil:
		return summary, err
	case source.broken != nil && summary.Done+summary.Skipped+summary.Failed > 0:
		return summary, fmt.Errorf("%w\n  what was listed before is done", source.broken)
	case source.broken != nil:
		return summary, source.broken
	case summary.Failed > 0:
		return summary, exitcode.With(exitcode.Partial, fmt.Errorf("%d of %s failed", summary.Failed,
			count.Of(summary.Done+summary.Skipped+summary.Failed, "item")))
	case summary.Open > 0:
		return summary, exitcode.With(exitcode.Partial, fmt.Errorf("%s again", count.Of(summary.Open,
			"item is left to another run that is still working on it: the same command looks at it",
			"items are left to another run that is still working on them: the same command looks at them")))
	case summary.Unlisted > 0:
		return summary, exitcode.With(exitcode.Partial, Unlisted(summary.Unlisted))
	}
	return summary, nil
}

// silentAfter is how long a node with items may say nothing until the progress names it: a little longer than the time between two reports.
const silentAfter = 7 * time.Second

// Unlisted is the error about folders, files and lines that could not be listed.
func Unlisted[T count.Integer](n T) error {
	return errors.New(count.Of(n, "folder, file or line could not be listed", "folders, files or lines could not be listed"))
}

// left is a text with the number of items without an outcome; empty: none, or unknown.
func (job Job) left(s progress.Summary) string {
	listed := job.Listing()
	if n := listed.Total - s.Done - s.Skipped - s.Failed; listed.TotalKnown && n > 0 {
		return "; " + count.Of(n, "item is left", "items are left")
	}
	return ""
}

// slowItem is the time from which on it is worth asking the plugin for an item's name.
const slowItem = time.Second

// name is an item in short.
func (job Job) name(item string) string {
	if job.Path == nil {
		return item
	}
	return cmp.Or(job.Path(item), item)
}

func (job Job) interrupted(s progress.Summary) error {
	if job.Again == "" {
		return errors.New("the run was interrupted, and has no ledger; hint: the same command starts from the beginning")
	}
	if job.NextShown {
		return fmt.Errorf("the run was interrupted%s", job.left(s))
	}
	return fmt.Errorf("the run was interrupted%s; hint: this continues where it stopped: %s", job.left(s), job.Again)
}

func (job Job) count(r *progress.Reporter, o backbones.Outcomes) {
	var done, skipped int
	for _, s := range o.Done {
		done += s.Count
	}
	for _, s := range o.Skipped {
		skipped += s.Count
	}
	if job.Concluded != nil {
		job.Concluded(done + skipped + len(o.Failed))
	}
	r.Counters.Done.Add(int64(done))
	r.Counters.Skipped.Add(int64(skipped))
	// A plugin may report any number.
	if n := min(o.Unwritten.Count, done); n > 0 {
		r.Unwritten(n, o.Unwritten)
	}
	r.Counters.Failed.Add(int64(len(o.Failed)))
	for i := range o.Failed {
		if f := &o.Failed[i]; f.Item == "" && job.Show != nil {
			f.Item = job.Show(f.Number)
		}
	}
	r.Slow(o.Slow, func(slow backbones.Slow) string {
		if slow.Item == "" && job.Show != nil && slow.Time >= slowItem {
			slow.Item = job.Show(slow.Number)
		}
		return job.name(slow.Item)
	})
	if job.Record != nil {
		job.Record(o)
	}
	if job.Done != nil {
		job.Done(o.Done)
	}
	for i := range o.Failed {
		r.Failed(job.shown(&o.Failed[i]))
	}
}
