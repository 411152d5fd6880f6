package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// run is the default command.
func (a *app) run(ctx context.Context) error {
	f := &a.grammar.hostFlags
	if done, err := a.helpWithoutPlugin(ctx); done {
		return err
	}
	if !f.Help && !f.HelpBackbone {
		a.warm = &warm{log: a.log}
		defer a.warm.close()
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if f.Help {
		return s.taskHelp(ctx)
	}
	if f.HelpBackbone {
		return s.backboneHelp(ctx)
	}
	r, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	options, err := r.backboneOptions()
	if err != nil {
		return err
	}
	return r.do(ctx, options)
}

// helpWithoutPlugin answers -h and -hb of a command line that names no plugin.
func (a *app) helpWithoutPlugin(ctx context.Context) (bool, error) {
	f := &a.grammar.hostFlags
	if len(a.split.rest) > 0 || !f.Help && !f.HelpBackbone {
		return false, nil
	}
	if f.HelpBackbone {
		return true, a.printBackboneHelp(ctx, nil)
	}
	return true, a.hostHelp()
}

// backboneOptions fits the backbone's flags to the task, all problems at once.
func (r *resolved) backboneOptions() (backboneOptions, error) {
	options := r.options
	var wrong []string
	switch backbone := chooseBackbone(r.grammar.Backbone, r.task); {
	case backbone == "cuda" && r.task.Kind != schema.Device:
		wrong = append(wrong, fmt.Sprintf("%s is not a device task: --backbone mp runs it", r.task.Name))
	case backbone == "mp" && r.task.Kind == schema.Device:
		wrong = append(wrong, fmt.Sprintf("%s is a device task: --backbone cuda runs it, with --device cpu where there is no GPU", r.task.Name))
	case backbone == "cuda" && r.staged():
		options.devices = deviceList(options.device)
		options.stages.batchSize = cmp.Or(options.stages.batchSize, dataloaderNumber(r.tree, "batch_size", 1))
		if options.stages.postprocess == "apart" && !r.task.Has("finish") {
			r.log.Warn("the task does not say that what follows inference may run in other processes; --postprocess apart does it all the same")
		}
		if r.endurance.workerItems > 0 {
			r.log.Warn("--worker-max-items has no effect on a task whose stages run in processes of their own")
		}
	case backbone == "cuda":
		if len(options.stages.given) > 0 {
			r.log.Warn("this task's loading cannot run apart from its device: these flags have no effect", "flags", strings.Join(options.stages.given, " "))
		}
		if several := options.device == "all" || strings.Contains(options.device, ","); several {
			wrong = append(wrong, fmt.Sprintf("--device %s: %s makes up its batches itself, and so runs on one device: give cuda or cuda:N", options.device, r.task.Name))
		}
		options.workers, options.spawn = 1, true
		if options.chunkSize == 0 {
			options.chunkSize = deviceChunk(r.tree)
		}
		options.ahead = backbones.MaxInFlight
	default:
		options.device = ""
	}
	if len(wrong) == 0 {
		return options, nil
	}
	var problems problem.Errors
	for _, w := range wrong {
		problems = append(problems, problem.Problem{Message: w})
	}
	return options, exitcode.With(exitcode.Usage, problems)
}

// deviceChunk is a number of whole batches, so that batches are made up as the task's author wrote. A DataLoader keeps
// num_workers × prefetch_factor batches on their way; all but one of the chunks that a worker has at a time cover those.
func deviceChunk(tree *template.Node) int {
	number := func(name string, absent int) int { return dataloaderNumber(tree, name, absent) }
	const torchPrefetch, least = 2, 4
	size := number("batch_size", 1)
	batches := max(number("num_workers", 0)*number("prefetch_factor", torchPrefetch)/(backbones.MaxInFlight-1)+1, least)
	return min(size*batches, backbones.MaxChunkItems/size*size)
}

// dataloaderNumber is a number of the template's dataloader.
func dataloaderNumber(tree *template.Node, name string, absent int) int {
	loader, _ := tree.Get(template.RoleDataloader).Plain().(map[string]any)
	n, ok := loader[name].(json.Number)
	if !ok {
		return absent
	}
	v, err := strconv.Atoi(n.String())
	if err != nil || v < 1 {
		return absent
	}
	return v
}

// staged reports whether the task's stages run in processes of their own.
func (r *resolved) staged() bool { return r.task.Kind == schema.Device && r.task.Has("stages") }

// do drives the run.
func (r *resolved) do(ctx context.Context, options backboneOptions) error {
	began := time.Now()
	dir, err := r.warm.runtimeDir()
	if err != nil {
		return err
	}
	k, err := r.keep(began, options)
	if err != nil {
		return err
	}
	stop := keepPipes()
	defer stop()
	summary, err := r.drive(ctx, options, dir, began, k)
	return k.close(summary, r.unprinted(summary, inputExit(taskExit(err))))
}

func (r *resolved) drive(ctx context.Context, options backboneOptions, dir string, began time.Time, k *keep) (summary progress.Summary, err error) {
	l, err := r.launch(ctx, options, dir, k)
	if err != nil {
		return progress.Summary{}, err
	}
	defer func() { err = afterStart(summary, err, l.close(ctx)) }()
	source, listing := k.take(l.source, l.listing, l.shown, l.concluded())
	l.listing = listing
	source, done := l.mends(source)
	backbone, err := l.backbone(ctx)
	if err != nil {
		return progress.Summary{}, err
	}
	close(l.r.working)
	summary, err = run.Do(ctx, run.Job{
		Source: source, Listing: listing, Backbone: backbone, Ledger: k.recorder(),
		Printer: r.printer(), Began: began, Show: l.show, MaxFailures: r.endurance.maxFailures, Again: k.again(),
		Committed: l.committed(), Concluded: l.concluded(), Open: l.stillOpen(), Done: done,
	})
	r.summarised = true
	switch missing := k.unlisted(); {
	case missing == nil:
	case err == nil:
		err = missing
	case exitcode.Of(err) == exitcode.Partial:
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%w; %w", err, missing))
	}
	if summary.Failed > 0 && exitcode.Of(taskExit(err)) == exitcode.OK {
		err = exitcode.With(exitcode.Partial, err)
	}
	if summary.Unwritten.Count > 0 {
		r.log.Warn(unwritten(summary.Unwritten))
	}
	if err == nil && summary.Done+summary.Skipped == 0 {
		why := "the listing is empty"
		switch {
		case k.failed != nil:
			why = "the earlier run has no failed items"
		case r.template != nil && r.template.InputsFrom() != "":
			why = "the listing of " + r.template.InputsFrom() + " is empty"
		}
		r.log.Info("there was nothing to do: " + why)
	}
	if err == nil && summary.Done == 0 && summary.Skipped > 0 {
		r.log.Info("there was nothing to do: all items are finished")
	}
	return summary, err
}

// unwritten is the warning about items that are done without their output.
func unwritten(u progress.Unwritten) string {
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

// afterStart gives a run's error its exit code once tasks have been closed: that some could not be is the run's failure, and
// comes before items that failed. What is found wrong with the usage after items have an outcome is the run's failure, too.
func afterStart(s progress.Summary, err, closing error) error {
	if exitcode.Of(err) == exitcode.Usage && s.Done+s.Failed > 0 {
		err = exitcode.With(exitcode.Failed, err)
	}
	switch {
	case closing == nil:
		return err
	case err == nil:
		return closing
	case exitcode.Of(err) == exitcode.Partial:
		return exitcode.With(exitcode.Failed, errors.Join(closing, err))
	}
	return exitcode.With(exitcode.Of(err), errors.Join(err, closing))
}

// plainEvery is how often a run that is not watched on a terminal says how it goes.
const plainEvery = 10 * time.Second

func (a *app) printer() progress.Printer {
	verbose := a.grammar.Verbose > 0
	kind := a.grammar.Progress
	if kind == "auto" {
		kind = "plain"
		if a.streams.ErrTerminal && !dumb() {
			kind = "bar"
		}
	}
	switch kind {
	case "bar":
		return &progress.Bar{Screen: a.screen, Out: a.streams.Out, Verbose: verbose}
	case "json":
		return &progress.JSON{Out: a.out.JSON(), Every: time.Second}
	case "none":
		return &progress.None{Err: a.streams.Err, Out: a.streams.Out, Verbose: verbose}
	default:
		return &progress.Plain{Err: a.streams.Err, Out: a.streams.Out, Every: plainEvery, Verbose: verbose}
	}
}

// commandLine is how the user wrote the command, for messages.
func (a *app) commandLine() string {
	return lineOf(a.args)
}

func lineOf(words []string) string {
	words = slices.Clone(words)
	for i, w := range words {
		words[i] = quote(w)
	}
	return "kagurazaka " + strings.Join(words, " ")
}
