package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/gpu"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/pack"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// PlaceOptions are what a Place needs of this process and machine.
type PlaceOptions struct {
	Log hclog.Logger
	// RuntimeDir is the folder for sockets and shared memory.
	RuntimeDir string
	// Warm may hold a process of the plugin, which then makes the workers; may be nil.
	Warm *Warm
	// Node: another process coordinates the run. It lists, and packs.
	Node bool
	// Drain is closed to begin nothing more.
	Drain <-chan struct{}
	// Owner is who writes the outputs; Shared takes another run at work on them, and what that means.
	Owner  outputs.Owner
	Shared func(other outputs.Owner, meaning string)
	// Made knows what made the outputs, where items are done again by that; nil: nothing does.
	Made plan.Made
	// Picker takes some of the items that this process lists; nil: all.
	Picker *plan.Picker
	// Sieve leaves out items before anything counts them; nil: none.
	Sieve *plan.Sieve
	// Stderr is Program.Stderr.
	Stderr io.Writer
	// Terminal is where items run in a debugger; empty: they do not.
	Terminal string
}

// Place is this machine as one run uses it: it lists the items of a Spec, and starts workers for them. It must be closed.
type Place struct {
	PlaceOptions
	spec *Spec
	// template is nil for a task without one.
	template *template.Template
	// listed: the listing has begun.
	listed bool
	// looks: it only lists. No worker is started, and nothing is made or removed below the output folder.
	looks bool
	// staging is where outputs are written before they are renamed; nil: they are written in place.
	staging *outputs.Staging
	// hold keeps the outputs of a node's items aside until their commit is granted; nil: workers commit.
	hold *outputs.Hold
	// journal tells which of the existing outputs are whole; nil: none. notes: workers note what they begin in it.
	journal *outputs.Journal
	notes   bool
	check   gpu.Check
	// archives knows which samples are packed, and packer packs more; nil: outputs are not packed.
	archives *pack.Archives
	packer   *pack.Packer
	// affinity is which CPUs the workers get.
	affinity affinity

	// batches are those that a device task makes itself; nil for others.
	batches *ownBatches

	nurseryOnce sync.Once
	nursery     *plugin.Nursery
	nurseryErr  error
	warnings    *listingWarnings
	closers     []func()
	// sifted is the task's own list behind the sieve; nil: there is none.
	sifted *plan.Sifted
	// lister is the process that lists; nil: none, or the nursery lists.
	lister *plugin.Lister
}

// items are what a run works on, as they are listed.
type items struct {
	backbones.Source
	figures func() run.Figures
	// counters are those of the host's own listing; nil: there is none.
	counters *plan.Counters
	// picked says that they are the chosen ones already.
	picked bool
	// concluded takes how many more items have their outcome, stillOpen tells how many others still work on; both may be nil.
	concluded func(int)
	stillOpen func() int64
	// done takes the items that are done; may be nil.
	done func([]backbones.Span)
	// accept takes outcomes before they count, and may change them; may be nil.
	accept func(backbones.Outcomes) (backbones.Outcomes, error)
}

// remaining is how many items are still to be yielded, once that is known.
func (i items) remaining() (int, bool) {
	f := i.figures()
	return f.Remaining, f.RemainingKnown
}

// NewPlace prepares a run's outputs. It starts a process only for a task that must be constructed before its outputs are looked at. The
// caller closes the place, also after an error.
func NewPlace(ctx context.Context, s *Spec, options PlaceOptions) (*Place, error) {
	p := &Place{PlaceOptions: options, spec: s, template: s.compiled(), warnings: &listingWarnings{log: options.Log}}
	p.check = gpu.Check{Devices: []string{s.Device}, Log: p.Log}
	var err error
	if p.affinity, err = s.affinity(ctx, p.Log); err != nil {
		return p, err
	}
	if s.cpuPolicy().Pins() && p.spawns() && !s.can("placement") {
		p.Log.Warn("--cpu_affinity has no effect: the plugin makes its workers itself and cannot give them CPUs; --start_method spawn starts each one anew")
	}
	if err := p.openFirst(ctx); err != nil {
		return p, err
	}
	if err = p.prepareOutputs(); err == nil {
		err = p.preparePacking(ctx)
	}
	return p, err
}

// list begins to list the run's items, with a process only where the host cannot list them itself. failed are the items of an earlier
// run that are done again without a listing; nil: none.
func (p *Place) list(ctx context.Context, failed *ledger.FailedSource) (_ items, err error) {
	defer func() { p.listed = err == nil }()
	native := p.native()
	if err := p.checkMembers(); err != nil {
		return items{}, err
	}
	switch {
	case failed != nil && p.template == nil:
		return items{Source: p.sift(failed), figures: unknown}, nil
	case failed != nil:
		// The ledger knows the items, this command their outputs.
		again, err := plan.NewAgain(p.template, p.sift(failed), p.planOptions())
		return items{Source: again, figures: unknown}, err
	case native && p.template.Input != nil:
		return p.planItems(plan.New(ctx, p.template, p.planOptions()))
	case p.canList() != nil:
		return items{}, p.canList()
	case p.spec.makesBatches():
		b, err := p.startBatches(ctx)
		p.batches = b
		return items{Source: b, figures: b.figures}, err
	}
	lister, err := p.startLister(ctx)
	if err != nil {
		return items{}, err
	}
	shard := p.shard()
	if native && shard == nil && (p.template.Output != nil || !p.template.Shard.Whole()) {
		return p.planItems(plan.Wrap(ctx, p.template, p.sift(lister), p.planOptions()))
	}
	all := items{Source: p.sift(lister), figures: func() (f run.Figures) {
		if p.sifted != nil {
			return figuresOf(p.sifted)
		}
		n, known := lister.Total()
		f.Total, f.TotalKnown = int64(n), known
		f.Remaining, f.RemainingKnown = lister.Remaining()
		return f
	}}
	if shard == nil {
		return all, nil
	}
	whole := all.figures
	all.Source, all.figures = plan.Share(all.Source, shard), func() run.Figures {
		f := whole()
		f.Total = int64(plan.CountIn(shard, uint64(f.Total)))
		f.Remaining = int(plan.CountIn(shard, uint64(f.Remaining)))
		return f
	}
	return all, nil
}

// sift puts the sieve behind a listing that the host does not make itself.
func (p *Place) sift(inner backbones.Source) backbones.Source {
	if p.Sieve == nil {
		return inner
	}
	p.sifted = plan.Sift(inner, p.Sieve, p.show)
	return p.sifted
}

// figuresOf are the figures of a list that is known at its end alone.
func figuresOf(s *plan.Sifted) (f run.Figures) {
	n, all := s.Taken()
	f.Total, f.TotalKnown, f.RemainingKnown = n, all, all
	return f
}

// shard is the part of a task's own list that is found by number alone; nil: the template's shard has to read the items, or there is none.
func (p *Place) shard() *template.Shard {
	t := p.template
	switch {
	case p.spec.Shard != nil:
		return p.spec.Shard
	case t == nil || !p.native() || t.Input != nil || t.Output != nil || t.Shard.Whole() || t.Shard.ByHash:
		return nil
	}
	return t.Shard
}

// shared divides an indexed list behind the ledger, which knows it as a whole.
func (p *Place) shared(all items) items {
	shard := p.shard()
	if shard == nil && p.sifted == nil {
		return all
	}
	// The figures of picked items have those that are finished.
	listed, figures, picked := plan.ShareIndexed(all.Source, shard, p.sifted), all.figures, all.picked
	all.Source, all.figures = listed, func() run.Figures {
		f := figures()
		f.Remaining += int(listed.Left())
		if n, known := listed.LeftOut(); known && !picked {
			f.Skipped = n
		}
		return f
	}
	return all
}

func (p *Place) planItems(source *plan.Source, err error) (items, error) {
	if err != nil {
		return items{}, err
	}
	p.closers = append(p.closers, source.Close)
	figures := func() (f run.Figures) {
		f.Total, f.TotalKnown = source.Total()
		f.Remaining, f.RemainingKnown = source.Remaining()
		f.Skipped, f.Unlisted = source.Skipped(), source.Unlisted()
		return f
	}
	return items{Source: source, figures: figures, counters: &source.Counters, picked: p.Picker != nil, concluded: source.Concluded, stillOpen: source.StillOpen}, nil
}

// unknown are the figures of a source before its end, if nothing is known of it.
func unknown() run.Figures { return run.Figures{} }

func (p *Place) native() bool { return p.spec.native(p.template) }

// openingTold is the time after which a log line says that a task is still being opened.
const openingTold = 5 * time.Second

// openFirst opens a task before the listing if its constructor may change what that sees: the list, files, the folder or the template.
func (p *Place) openFirst(ctx context.Context) error {
	able := p.spec.can("spawn") && !p.spec.Plugin.MTLS
	if !able || !p.native() || !p.spec.Task.Has("open_first") {
		return nil
	}
	slow := time.AfterFunc(openingTold, func() {
		p.Log.Info("the task is still being opened", "task", p.spec.Task.Name, "at most", p.spec.Plugin.OpenTimeout)
	})
	defer slow.Stop()
	nursery, err := p.startNursery(ctx)
	if err != nil {
		return err
	}
	if nursery.Has("own_template") {
		p.Log.Debug("the constructor has changed the template or the working folder, so the plugin applies the template itself")
		p.template = p.template.Plugins()
	}
	return nil
}

func (p *Place) planOptions() plan.Options {
	options := plan.Options{Patience: openPatience, Warn: p.warnings.met, Policy: p.spec.Listing, Picker: p.Picker, Sieve: p.Sieve, Made: p.Made, Inputs: inputJournal}
	if p.journal != nil {
		options.Journal = p.journal
	}
	if p.archives != nil {
		options.Packed = p.archives
	}
	return options
}

// spawns reports whether the plugin makes its workers itself. Those do not speak TLS.
func (p *Place) spawns() bool {
	return !p.spec.Spawn && !p.spec.Plugin.MTLS && p.spec.can("spawn")
}

func (p *Place) startLister(ctx context.Context) (*plugin.Lister, error) {
	warn := func(text string) { p.warnings.warn(text) }
	if p.spawns() {
		nursery, err := p.startNursery(ctx)
		if err != nil {
			return nil, err
		}
		return nursery.List(ctx, p.acceptsIndexed(), warn)
	}
	start := p.startOptions("lister")
	lister, err := plugin.StartLister(ctx, p.spec.Plugin.Command, start, p.open(0), warn)
	if err != nil {
		return nil, err
	}
	p.lister = lister
	return lister, nil
}

func (p *Place) startNursery(ctx context.Context) (*plugin.Nursery, error) {
	p.nurseryOnce.Do(func() {
		start := p.startOptions("plugin")
		command := p.spec.Plugin.Command
		p.nursery, p.nurseryErr = plugin.StartNursery(ctx, p.Warm.take(command), command, start, p.open(0))
		if p.nurseryErr == nil && p.nursery.Has("own_template") && p.listed && p.native() {
			p.nurseryErr = fmt.Errorf("%s changes its template or the working folder when it is constructed, and did not say that it may (open_first): "+
				"its items have been listed already", p.spec.Task.Name)
		}
	})
	return p.nursery, p.nurseryErr
}

func workerName(index int) string { return fmt.Sprintf("worker-%d", index) }

func (p *Place) startOptions(name string) plugin.StartOptions {
	from := &p.spec.Plugin
	o := plugin.StartOptions{
		Log: p.Log.Named(name), RuntimeDir: p.RuntimeDir, Timeout: from.StartTimeout, OpenTimeout: from.OpenTimeout, MTLS: from.MTLS,
	}
	if p.spec.Debug != "" {
		o.Messages, o.Stderr = true, p.Stderr
	}
	return o
}

func (p *Place) open(index int) plugin.OpenOptions {
	return plugin.OpenOptions{
		Task: p.spec.Task.Name, Args: p.spec.Args, Template: p.spec.Template, MixinJSON: p.spec.Mixin, Native: p.native(),
		WorkerIndex: index, Workers: p.spec.Workers, Device: p.spec.Device, Debug: p.spec.debug(p.Terminal),
		OutputsOutside: p.spec.Listing.OutputsOutside, ListOutputs: p.spec.Listing.ListOutputs,
		Members: p.native() && p.template.HasMembers(),
	}
}

// Start starts the worker with an index. It is a backbones.Starter.
func (p *Place) Start(ctx context.Context, index int) (backbones.Worker, error) {
	if p.batches != nil {
		return p.batches.start(ctx, p, index)
	}
	open := p.open(index)
	open.CPUs = p.tell(setOf(p.affinity.workers, index))
	return begin(p, &open, index, func() (backbones.Worker, error) { return p.unpacked(p.startWith(ctx, open, index)) })
}

// tell is what of a worker's set the plugin is told.
func (p *Place) tell(set cpu.Set) cpu.Set {
	if !p.spec.can("placement") {
		return cpu.Set{}
	}
	return set
}

func (p *Place) startWith(ctx context.Context, open plugin.OpenOptions, index int) (backbones.Worker, error) {
	if p.spawns() {
		nursery, err := p.startNursery(ctx)
		if err != nil {
			return nil, &backbones.FatalError{Err: err}
		}
		if p.spec.can("stderr") {
			open.Log = p.Log.Named(workerName(index))
		}
		return nursery.Spawn(ctx, open)
	}
	options := p.startOptions(workerName(index))
	options.CPUs = setOf(p.affinity.workers, index)
	return checked(ctx, &p.check, func(ctx context.Context) (backbones.Worker, error) {
		return plugin.StartWorker(ctx, p.spec.Plugin.Command, options, open, p.spec.can("heartbeat"))
	})
}

// show is the printable form of an item that is an index to the host, with what the item is known by in a later run; 0: its text.
func (p *Place) show(number uint64) (text string, key uint64) {
	if p.batches != nil {
		return fmt.Sprintf("batch %d", number), 0
	}
	if p.nursery == nil {
		return "", 0
	}
	return p.nursery.Show(number)
}

// closeTask closes the task in the processes that list and make workers. Only the first call returns an error.
func (p *Place) closeTask(ctx context.Context) (err error) {
	patience := p.spec.Policy.CloseTimeout
	if p.lister != nil {
		err = p.lister.Close(ctx, patience)
	}
	if p.nursery != nil {
		err = errors.Join(err, p.nursery.Close(ctx, patience))
	}
	return err
}

// Close ends what is left of the run and removes its staging. Its error says that a task was not closed.
func (p *Place) Close(ctx context.Context) error {
	err := p.closeTask(ctx)
	for _, c := range slices.Backward(p.closers) {
		c()
	}
	p.warnings.end()
	if err := p.closeOutputs(); err != nil {
		p.Log.Warn("cleaning up", "error", err)
	}
	return err
}

// checked starts a device's worker, and checks meanwhile that the device exists: that is a better reason than the worker's death.
func checked[W any](ctx context.Context, check *gpu.Check, start func(context.Context) (W, error)) (W, error) {
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		err := check.Wrong(ctx)
		if err != nil {
			cancel()
		}
		answer <- err
	}()
	w, err := start(starting)
	if err != nil {
		if wrong := <-answer; wrong != nil {
			return w, &backbones.FatalError{Err: wrong, EndsRun: true}
		}
	}
	return w, err
}
