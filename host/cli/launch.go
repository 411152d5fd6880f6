package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// launch is where a run's items come from and how its workers are started.
type launch struct {
	r          *resolved
	keep       *keep
	options    backboneOptions
	runtimeDir string
	source     backbones.Source
	listing    run.Listing
	// planned is the source where the host lists, or checks what the task lists; nil otherwise.
	planned *plan.Source
	// staging is where outputs are written before they are renamed; nil: they are written in place.
	staging *outputs.Staging
	// journal tells which of the outputs that are there are whole; nil: nobody does. notes: workers note what they begin in it.
	journal *outputs.Journal
	notes   bool
	layout  template.Staging
	// memory is what the stages of a device task share; nil for others.
	memory *plugin.Memory
	check  deviceCheck

	// stopWatch ends the watch over the devices, which begins with the first device's worker.
	watchOnce sync.Once
	stopWatch func()

	// batches is for a device task that makes its own; nil for others.
	batches *ownBatches

	nurseryOnce sync.Once
	nursery     *plugin.Nursery
	nurseryErr  error
	warnings    *listingWarnings
	closers     []func()
	// lister is the process that lists; nil: there is none, or the nursery lists.
	lister *plugin.Lister
}

// errNoItems is about a task from which no items can come.
var errNoItems = errors.New("the task lists no items: its template has no input_mode, and it has no List of its own (generate_tasks, in Python)")

// launch prepares a run. No process is started for a template that the host lists by itself.
func (r *resolved) launch(ctx context.Context, options backboneOptions, runtimeDir string, k *keep) (*launch, error) {
	l := &launch{r: r, keep: k, options: options, runtimeDir: runtimeDir, warnings: &listingWarnings{log: r.log}}
	if err := l.prepare(ctx); err != nil {
		_ = l.close(ctx)
		return nil, err
	}
	return l, nil
}

func (l *launch) prepare(ctx context.Context) error {
	if err := l.openFirst(ctx); err != nil {
		return err
	}
	native := l.r.native()
	if err := l.prepareOutputs(); err != nil {
		return err
	}
	if l.keep.failed != nil {
		l.source, l.listing = l.keep.failed, retried{}
		if l.r.template != nil {
			// The ledger says which items; where they write is this command's to say.
			again, err := plan.NewAgain(l.r.template, l.keep.failed, l.planOptions())
			if err != nil {
				return err
			}
			l.source = again
		}
		return nil
	}
	if native && l.r.template.HasInput() {
		source, err := plan.New(ctx, l.r.template, l.planOptions())
		if err != nil {
			return inputExit(err)
		}
		l.closers = append(l.closers, source.Close)
		l.source, l.listing, l.planned = source, source, source
		return nil
	}
	if !l.r.task.Has("list") && (native || l.r.template == nil) {
		return exitcode.With(exitcode.Usage, fmt.Errorf("%s: %w", l.r.task.Name, errNoItems))
	}
	if l.r.makesBatches() {
		batches, err := l.startBatches(ctx)
		if err != nil {
			return err
		}
		l.batches, l.source, l.listing = batches, batches, batches
		return nil
	}
	lister, err := l.startLister(ctx)
	if err != nil {
		return err
	}
	if native && (l.r.template.HasOutput() || !l.r.template.WholeShard()) {
		source, err := plan.Wrap(ctx, l.r.template, lister, l.planOptions())
		if err != nil {
			return inputExit(err)
		}
		l.closers = append(l.closers, source.Close)
		l.source, l.listing, l.planned = source, source, source
		return nil
	}
	l.source, l.listing = lister, listed{lister}
	return nil
}

// openFirst opens the task before its outputs are looked at and anything is listed, where its constructor may do what a listing
// sees: write the list, make or remove files, go to another folder, change the template.
func (l *launch) openFirst(ctx context.Context) error {
	able := slices.Contains(l.r.described.Capabilities, "spawn") && !l.r.grammar.MTLS
	if !able || !l.r.native() || !l.r.task.Has("open_first") {
		return nil
	}
	nursery, err := l.startNursery(ctx)
	if err != nil {
		return err
	}
	if nursery.Has("own_template") {
		l.r.log.Debug("the constructor has changed the template or the working folder, so the plugin applies the template itself")
		l.r.template = l.r.template.Plugins()
	}
	return nil
}

func (l *launch) planOptions() plan.Options {
	return plan.Options{Journal: l.planJournal(), Patience: openPatience, Warn: l.warnings.met, Policy: l.r.grammar.policy()}
}

// native reports whether the host does all that the template says. A task that lists its own items may do the rest
// itself, too, and then must: its items may be of a kind that only it can read.
func (r *resolved) native() bool {
	if r.template == nil || !r.template.Native() || r.makesBatches() {
		return false
	}
	return r.template.HasInput() || !slices.Contains(r.described.Capabilities, "template")
}

// inputExit gives what is wrong with the inputs its exit code.
func inputExit(err error) error {
	var collision *plan.CollisionError
	var input *template.InputError
	switch {
	case errors.As(err, &collision):
		return exitcode.With(exitcode.Usage, err)
	case errors.As(err, &input) && input.Line > 0:
		return exitcode.With(exitcode.Failed, fmt.Errorf("%w (--bad-lines count leaves such lines out)", err))
	case errors.As(err, &input):
		return exitcode.With(exitcode.Failed, err)
	default:
		return err
	}
}

// spawns reports whether workers are made by the plugin itself. Those speak no TLS.
func (l *launch) spawns() bool {
	return !l.options.spawn && !l.r.grammar.MTLS && slices.Contains(l.r.described.Capabilities, "spawn")
}

// startLister starts the process that lists the task's own items.
func (l *launch) startLister(ctx context.Context) (*plugin.Lister, error) {
	warn := func(text string) { l.warnings.warn(text) }
	if l.spawns() {
		nursery, err := l.startNursery(ctx)
		if err != nil {
			return nil, err
		}
		return nursery.List(ctx, warn)
	}
	start := l.r.startOptions(l.runtimeDir)
	start.Log = l.r.log.Named("lister")
	lister, err := plugin.StartLister(ctx, l.r.found.Command, start, l.open(0), warn)
	if err != nil {
		return nil, err
	}
	l.lister = lister
	return lister, nil
}

func (l *launch) startNursery(ctx context.Context) (*plugin.Nursery, error) {
	l.nurseryOnce.Do(func() {
		start := l.r.startOptions(l.runtimeDir)
		start.Log = l.r.log.Named("plugin")
		if proc := l.r.warm.take(l.r.found.Command); proc != nil {
			l.nursery, l.nurseryErr = plugin.NurseryFrom(ctx, proc, start, l.open(0))
		} else {
			l.nursery, l.nurseryErr = plugin.StartNursery(ctx, l.r.found.Command, start, l.open(0))
		}
		if l.nurseryErr == nil && l.nursery.Has("own_template") && l.listing != nil && l.r.native() {
			l.nurseryErr = fmt.Errorf("%s changes its template or the working folder when it is constructed, and did not say that it may (open_first): "+
				"its items have been listed already", l.r.task.Name)
		}
	})
	return l.nursery, l.nurseryErr
}

// open is how the task is opened in a process of this run.
func (l *launch) open(index int) plugin.OpenOptions {
	return plugin.OpenOptions{
		Task: l.r.task.Name, Args: l.r.args, Template: l.r.tree, MixinJSON: l.r.mixinJSON, Native: l.r.native(),
		WorkerIndex: index, Workers: l.options.workers, Device: l.options.device,
		OutputsOutside: l.r.grammar.OutputsOutside, ListOutputs: l.r.grammar.ListOutputs,
	}
}

// backbone is the execution model that the run uses.
func (l *launch) backbone(ctx context.Context) (backbones.Backbone, error) {
	l.check.devices = []string{l.options.device}
	if l.r.staged() {
		return l.pipeline(ctx)
	}
	return mp.New(mp.Options{
		Workers: l.options.workers, ChunkSize: l.options.chunkSize, Ahead: l.options.ahead, Start: l.start,
		Remaining: l.listing.Remaining, Policy: l.policy(),
	}), nil
}

// policy is what the run does about items that fail and workers that do not do well.
func (l *launch) policy() backbones.Policy {
	e := l.r.endurance
	return backbones.Policy{
		Retry: e.retry, ItemTimeout: e.itemTimeout, StallAfter: e.stallAfter, WorkerMaxItems: e.workerItems,
		WorkerMaxRSS: e.workerRSS, RSS: plugin.Resident,
		Drain: l.r.signals.Drain, Grace: l.r.grammar.Grace, CloseTimeout: l.r.grammar.CloseTimeout, Log: l.r.log,
	}
}

// start starts a worker.
func (l *launch) start(ctx context.Context, index int) (backbones.Worker, error) {
	if l.batches != nil {
		return l.batches.start(ctx, l, index)
	}
	open := l.open(index)
	return begin(l, &open, index, func() (backbones.Worker, error) { return l.startWith(ctx, open, index) })
}

func (l *launch) startWith(ctx context.Context, open plugin.OpenOptions, index int) (backbones.Worker, error) {
	if l.spawns() {
		nursery, err := l.startNursery(ctx)
		if err != nil {
			return nil, &backbones.FatalError{Err: err}
		}
		if slices.Contains(l.r.described.Capabilities, "stderr") {
			open.Log = l.r.log.Named(fmt.Sprintf("worker-%d", index))
		}
		return nursery.Spawn(ctx, open)
	}
	options := l.r.startOptions(l.runtimeDir)
	options.Log = l.r.log.Named(fmt.Sprintf("worker-%d", index))
	heartbeats := slices.Contains(l.r.described.Capabilities, "heartbeat")
	return checked(ctx, l, func(ctx context.Context) (backbones.Worker, error) {
		return plugin.StartWorker(ctx, l.r.found.Command, options, open, heartbeats)
	})
}

// show is the printable form of an item that is an index to the host.
func (l *launch) show(number uint64) string {
	text, _ := l.shown(number)
	return text
}

// shown is the same, with what the item is known by in a later run; 0: its text.
func (l *launch) shown(number uint64) (text string, key uint64) {
	if l.batches != nil {
		return fmt.Sprintf("batch %d", number), 0
	}
	if l.nursery == nil {
		return "", 0
	}
	shown := l.nursery.Show(number)
	return shown.Item, shown.ContentKey
}

// close ends what is left of the run and removes its staging. Its error says that a task was not closed.
func (l *launch) close(ctx context.Context) (err error) {
	if l.stopWatch != nil {
		l.stopWatch()
	}
	patience := l.r.grammar.CloseTimeout
	if l.lister != nil {
		err = l.lister.Close(ctx, patience)
	}
	if l.nursery != nil {
		err = errors.Join(err, l.nursery.Close(ctx, patience))
	}
	for _, c := range slices.Backward(l.closers) {
		c()
	}
	l.warnings.end()
	if err := l.closeOutputs(); err != nil {
		l.r.log.Warn("cleaning up", "error", err)
	}
	return err
}

// listed is the listing of a task's own items: nothing is found finished before it is dispatched.
type listed struct{ *plugin.Lister }

func (l listed) Total() (int64, bool) {
	n, known := l.Lister.Total()
	return int64(n), known
}

func (l listed) Skipped() int64  { return 0 }
func (l listed) Unlisted() int64 { return 0 }
