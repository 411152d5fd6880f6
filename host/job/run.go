package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/pack"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Run does a Spec of this session until every item has its outcome. summarised reports whether the printer has shown how it ended.
func (s *Session) Run(ctx context.Context, spec *Spec, front Front) (summarised bool, err error) {
	backbone := s.Backbone()
	if err = backbone.Fits(&spec.Task); err == nil && backbone.Complete != nil {
		err = backbone.Complete(spec, s.Log)
	}
	if err != nil {
		return false, exitcode.With(exitcode.Usage, err)
	}
	if err := s.debuggable(spec); err != nil {
		return false, err
	}
	spec.alone()
	e, err := s.begin(ctx, spec, front)
	if err != nil {
		return false, err
	}
	front.Printer.Begin(e.beginning())
	if spec.Lent {
		s.tellLent(spec)
	}
	summary, summarised, err := e.drive(ctx)
	return summarised, e.close(summary, unprinted(front.Unprinted(), summary, summarised, err))
}

// drive takes the items from the listing through the ledger to the backbone, and their outcomes back to the ledger.
func (e *execution) drive(ctx context.Context) (summary progress.Summary, summarised bool, err error) {
	dir, err := e.Warm.RuntimeDir()
	if err != nil {
		return summary, false, err
	}
	made, err := e.made(e.spec)
	if err != nil {
		return summary, false, err
	}
	terminal := ""
	if e.spec.Debug == debugPdb {
		terminal = e.terminal()
		defer keepTerminal()()
	}
	place, err := NewPlace(ctx, e.spec, PlaceOptions{
		Log: e.Log, RuntimeDir: dir, Warm: e.Warm, Drain: e.Drain, Owner: e.owner(), Shared: e.warnShared, Picker: e.picker, Sieve: e.sieve, Made: made, Stderr: e.Stderr,
		Terminal: terminal,
	})
	defer func() { err = afterStart(summary, err, place.Close(ctx)) }()
	if err != nil {
		return summary, false, err
	}
	e.notePlacement(place.affinity)
	listed, err := place.list(ctx, e.failed)
	if err != nil {
		return summary, false, err
	}
	items := e.oneByOne(place.byLength(place.pack(place.mends(e.choose(place, listed)))))
	sizes := newSizes(e.began)
	defer sizes.close()
	items.Source = measured{items.Source, sizes}
	policy := e.spec.Policy
	stops := &run.Stops{Again: e.continues()}
	policy.RSS, policy.Drain, policy.Log, policy.Stopping = plugin.Resident, e.Drain, e.Log, stops.Tell
	if policy.ShowSeats = e.ShowSeats; policy.ShowSeats {
		policy.LookEvery = seatsEvery
	}
	backbone, err := e.newBackbone(ctx, place, items, policy)
	if err != nil {
		return summary, false, err
	}
	e.Begins()
	// Policy and flags have been read before.
	limit, err := run.ParseLimit(e.spec.MaxFailures)
	if err != nil {
		return summary, false, err
	}
	job := run.Job{
		Source: items.Source, Listing: items.figures, Backbone: backbone, Printer: e.Printer, Began: e.began,
		Stops: stops, AlikeHint: e.alikeHint(), Path: plan.PathOf,
		Show:        func(number uint64) string { text, _ := place.show(number); return text },
		MaxFailures: limit, Again: e.again(), Committed: place.committed(), Concluded: items.concluded, Open: items.stillOpen,
	}
	job.NextShown, job.Sizes = e.NextShown, sizes.total
	job.Done = func(done []backbones.Span) {
		sizes.done(done)
		if items.done != nil {
			items.done(done)
		}
	}
	job.Record, job.Accept = e.record, items.accept
	var unpacked error
	job.Complete = func(ctx context.Context) {
		unpacked = place.finishPacking(ctx)
		sizes.complete(ctx)
	}
	summary, err = run.Do(ctx, job)
	return summary, true, notPackedToo(e.conclude(summary, items.counters, err), unpacked)
}

// seatsEvery is the time between two looks at what the workers are on.
const seatsEvery = 200 * time.Millisecond

// beginning is what is known of the run before its first item.
func (e *execution) beginning() progress.Beginning {
	b := progress.Beginning{Version: e.Build.Version, Commit: e.Build.Commit, Modified: e.Build.Modified, Plugin: e.spec.Plugin.Path, Task: e.spec.Task.Name, Began: e.began.UTC(), Resume: e.again()}
	if e.ledger == nil {
		return b
	}
	info := e.ledger.Info()
	b.Run, b.Ledger, b.Show, b.Retry = info.ID, e.ledger.Dir(), e.showCommand(), e.retryCommand()
	if info.Parent != nil {
		b.Parent = info.Parent.ID
	}
	return b
}

// newBackbone makes what does the run's items: workers of this machine, or nodes.
func (e *execution) newBackbone(ctx context.Context, place *Place, items items, policy backbones.Policy) (backbones.Backbone, error) {
	if e.spec.Lent {
		l, err := e.lend(ctx, place, items, policy)
		if err != nil {
			e.closed = true
			return nil, err
		}
		return l, nil
	}
	return e.Backbone().New(ctx, e.spec, policy, Local{Place: place, Remaining: items.remaining})
}

// conclude adds to the end of a run what its items do not tell: missing items, missing outputs, or that there was nothing to do.
func (e *execution) conclude(summary progress.Summary, counters *plan.Counters, err error) error {
	switch missing := e.unlisted(); {
	case missing == nil:
	case err == nil:
		err = missing
	case exitcode.Of(err) == exitcode.Partial:
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%w; %w", err, missing))
	}
	switch wrong := unmatched(e.picker, summary.Done+summary.Skipped+summary.Failed > 0); {
	case wrong == nil:
	case err == nil:
		err = wrong
	case exitcode.Of(err) == exitcode.Partial:
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%w; %w", err, wrong))
	}
	if summary.Failed > 0 && exitcode.Of(err) == exitcode.OK {
		err = exitcode.With(exitcode.Partial, err)
	}
	if summary.Unwritten.Count > 0 {
		e.Log.Warn(unwritten(summary.Unwritten))
	}
	e.tellLimit(summary)
	if n := e.sieve.Dropped(); n > 0 {
		e.Log.Info(e.spec.filter() + ": " + count.Of(n, "item was left out", "items were left out"))
	}
	if err != nil || summary.Done > 0 {
		return err
	}
	e.tellNothing(summary, counters)
	return nil
}

// unwritten is the warning about items that are done without their output.
func unwritten(u backbones.Unwritten) string {
	text := count.Of(u.Count, "item was done without the output that the finish check looks for, so the next run will do it again",
		"items were done without the output that the finish check looks for, so the next run will do them again")
	switch {
	case u.Found != "":
		text += fmt.Sprintf("; one of them has %s where %s was expected", u.Found, u.Expected)
	case u.Expected != "":
		text += fmt.Sprintf("; one of them is without %s", u.Expected)
	}
	return text
}

// afterStart adds to a run's error that tasks could not be closed. A wrong usage that is found after items have an outcome is a
// failure of the run, too.
func afterStart(s progress.Summary, err, closing error) error {
	if exitcode.Of(err) == exitcode.Usage && s.Done+s.Failed > 0 {
		err = exitcode.With(exitcode.Failed, err)
	}
	return also(err, closing)
}

// unprinted adds the reason why the output of a run did not reach stdout.
func unprinted(cause error, s progress.Summary, summarised bool, err error) error {
	if cause == nil {
		return err
	}
	told := fmt.Errorf("stdout cannot be written: %w", regular.Cause(cause))
	if summarised {
		told = fmt.Errorf("%w; the run itself: %s", told, s.Line())
	}
	return also(err, told)
}

// also adds another error to that of a run. It makes the run itself a failure, which comes before failed items.
func also(err, other error) error {
	switch code := exitcode.Of(err); {
	case other == nil:
		return err
	case err == nil:
		return exitcode.With(exitcode.Failed, other)
	case code == exitcode.Partial:
		return exitcode.With(exitcode.Failed, errors.Join(other, err))
	default:
		return exitcode.With(cmp.Or(code, exitcode.Failed), errors.Join(err, other))
	}
}

// Plan summarises what a run of the spec would do, with the first items to do, and starts no worker. unfinished takes the paths of outputs
// that exist and are not whole. After an error the summary is of what was listed before.
func (s *Session) Plan(ctx context.Context, spec *Spec, first int, unfinished func(path string)) (plan.Summary, error) {
	t := spec.compiled()
	if !spec.native(t) || t.Input == nil {
		return plan.Summary{}, exitcode.Usagef("%s: it lists its items itself, so only a run can tell what there is to do: its template has no input_mode that the host knows", spec.Task.Name)
	}
	options := plan.Options{Policy: spec.Listing, Unfinished: unfinished, Picker: plan.NewPicker(spec.Select), Sieve: plan.NewSieve(spec.Globs), Inputs: inputJournal}
	var err error
	if options.Made, err = s.made(spec); err != nil {
		return plan.Summary{}, err
	}
	if spec.Limit > 0 {
		first = min(first, spec.Limit)
	}
	if t.CanBeDirect() {
		journal, err := newJournal(t.OutputPath, spec.Outputs, outputs.Owner{}, nil)
		if err != nil {
			return plan.Summary{}, err
		}
		options.Journal = journal
	}
	if t.Packs() {
		archives, err := pack.Read(t.OutputPath)
		if err != nil {
			return plan.Summary{}, err
		}
		options.Packed = archives
	}
	summary, err := plan.Summarise(ctx, t, first, options)
	if err == nil {
		err = unmatched(options.Picker, false)
	}
	if spec.Task.Has("open_first") {
		note := plan.Warning{Note: true, Message: "a run constructs " + spec.Task.Name +
			" before it lists, and the constructor may change what there is to do; a plan does not construct it"}
		summary.Warnings, summary.WarningCount = append([]plan.Warning{note}, summary.Warnings...), summary.WarningCount+1
	}
	return summary, err
}
