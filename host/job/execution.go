package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/fleet"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/host/userdir"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Front is the command that starts a run.
type Front struct {
	// Words are its command line; Plain is the same without the flags that take up an earlier run.
	// Bare are the words for the same task without the choice of items and what is about a ledger, nil: the run is debugged already.
	Words, Plain, Bare []string
	// Whole is Plain without the flags that choose some of the items.
	Whole []string
	// ItemFlag is how --item is written for this task, MaxFailuresFlag how --max-failures is.
	ItemFlag, MaxFailuresFlag string
	Printer                   progress.Printer
	// ShowSeats: the printer shows what each worker is on.
	ShowSeats bool
	// NextShown: the printer shows the commands that help after the run, so errors do not.
	NextShown bool
	// RunLog is the log in the run's folder.
	RunLog *ledger.Log
	// Drain is closed to begin nothing more. Begins is called before the first item is begun.
	Drain  <-chan struct{}
	Begins func()
	// Unprinted is why stdout could not be written; nil: it could.
	Unprinted func() error
}

// execution is a run under way: its ledger, and what it resumes of an earlier run.
type execution struct {
	*Session
	Front
	spec *Spec
	// template is nil for a task without one.
	template *template.Template
	began    time.Time
	ledger   *ledger.Ledger
	earlier  *earlier
	// coordinator is this process's part in a run of several machines, fleet what identifies the run; nil: it is done on one.
	coordinator *fleet.Coordinator
	fleet       string
	// outputs says that outputs tell which items are finished.
	outputs bool
	// failed are the items of --retry-failed where nothing has to be listed for them; picked where it has.
	failed *ledger.FailedSource
	picked *ledger.Picked
	source *ledger.Source
	// picker finds the items of --item, nil: all are done; limited takes the first of those to do, nil: there is no limit.
	picker  *plan.Picker
	limited *plan.Limited
	// sieve leaves out what --include and --exclude say; nil: nothing.
	sieve *plan.Sieve
	// closed: the run could not be opened to nodes, so that nothing of it began.
	closed bool
	// lost counts the failed items that --retry-failed cannot know.
	lost int64
	// gate lets the items of a run that is debugged through one by one; nil: all pass.
	gate *oneByOne
	// firstFailed is the first failed item; nil: none has failed.
	firstFailed *backbones.FailedItem
	hashing     sync.WaitGroup
}

// begin makes the ledger of a run, and finds the run that it resumes.
func (s *Session) begin(ctx context.Context, spec *Spec, front Front) (_ *execution, err error) {
	f := &s.Flags.LedgerFlags
	t := spec.compiled()
	e := &execution{Session: s, Front: front, spec: spec, template: t, began: time.Now(), outputs: spec.native(t) && t.Finish != nil}
	e.picker, e.sieve = plan.NewPicker(spec.Select), plan.NewSieve(spec.Globs)
	if err := e.checkSelection(); err != nil {
		return nil, err
	}
	if f.NoLedger {
		return e, nil
	}
	info, err := e.info()
	if err != nil {
		return nil, err
	}
	dir, dirErr := e.ledgerDir(info.ID)
	if spec.Lent {
		if dirErr != nil {
			return nil, dirErr
		}
		if err := e.takeFleet(ctx, dir); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				e.coordinator.Discard()
			}
		}()
	}
	if e.earlier, err = e.findEarlier(info); err != nil {
		return nil, err
	}
	if err = dirErr; err == nil {
		err = e.create(dir, info)
	}
	if err != nil && !spec.Lent && e.earlier == nil && f.RunDir == "" {
		e.Log.Warn("the run keeps no ledger; --run-dir names another folder for it", "error", err)
		return e, nil
	}
	if err != nil && f.RunDir != "" {
		err = fmt.Errorf("--run-dir: %w", err)
	}
	return e, err
}

func (e *execution) ledgerDir(id string) (string, error) {
	if dir := e.Flags.RunDir; dir != "" {
		return filepath.Abs(dir)
	}
	_, note, err := userdir.State()
	if err != nil {
		return "", err
	}
	e.Note(note)
	root, err := ledger.Root()
	return filepath.Join(root, id), err
}

func (e *execution) create(dir string, info ledger.Info) error {
	options := ledger.Options{Broken: func(err error) {
		e.Log.Warn("the run's ledger cannot be written any more; the run goes on without it", "folder", dir, "error", err)
	}, Note: func(text string) { e.Log.Warn(text, "folder", dir) }}
	if e.spec.Lent {
		// A node does not hand in again what it has reported, and a coordinator that is killed forgets what it has not written.
		options.FlushEvery = 100 * time.Millisecond
	}
	if t := e.earlier; t != nil {
		// Where outputs tell which items are finished, or told it, the ledger's word on that counts for nothing.
		asked := !e.outputs && !t.run.Info.Outputs
		if err := t.read(e.Flags.RunDir, asked); err != nil {
			return err
		}
		info.Parent = &ledger.Parent{ID: t.run.Info.ID, Dir: t.run.Dir, How: t.how}
		if asked {
			options.Earlier = t.state
		}
		e.Log.Info("taking up an earlier run", "run", t.run.Info.ID, "folder", t.run.Dir)
		switch {
		case t.how != ledger.Resume:
		case e.outputs && e.template.Finish.Changed:
			e.Log.Info("outputs tell which items are finished, and the ledgers what made them")
		case e.outputs:
			e.Log.Info("the outputs tell which items are finished; the ledger of the earlier run is not needed")
		case t.run.Info.Outputs:
			e.Log.Warn("the run that is taken up had a finish check, so its ledger does not tell which items are done: all are done again", "run", t.run.Info.ID)
		}
	}
	var err error
	if e.ledger, err = ledger.Create(dir, info, options); err != nil {
		return err
	}
	if err := e.RunLog.Open(dir); err != nil {
		e.Log.Warn("the run has no log", "error", err)
	}
	e.Log.Debug("keeping a ledger", "folder", dir)
	e.hash()
	return e.carry()
}

// hash completes run.json by the plugin's hash while the run begins.
func (e *execution) hash() {
	e.hashing.Go(func() {
		pin := e.pin
		if pin == nil {
			hash, err := e.Found.Hash()
			if err != nil {
				e.Log.Debug("hashing the plugin", "error", err)
				return
			}
			pin = &hash
		}
		sum := pin.Sum
		if t := e.earlier; t != nil && t.run.Info.Plugin.SHA256 != "" && t.run.Info.Plugin.SHA256 != sum {
			e.Log.Warn("the plugin is not what it was in the run that is taken up", "run", t.run.Info.ID)
		}
		if err := e.ledger.SetPluginHash(sum, e.fingerprint(e.spec, sum)); err != nil {
			e.Log.Debug("keeping the plugin's hash", "error", err)
		}
	})
}

// notePlacement adds to run.json which CPUs the workers are given.
func (e *execution) notePlacement(a affinity) {
	placement := a.placement()
	if e.ledger == nil || len(placement) == 0 {
		return
	}
	if err := e.ledger.SetPlacement(placement); err != nil {
		e.Log.Debug("keeping the placement of workers", "error", err)
	}
}

// carry takes over the failed items of the run that is taken up.
func (e *execution) carry() error {
	t := e.earlier
	if t == nil {
		return nil
	}
	lost, err := ledger.FailedItems(t.run.Dir, t.state, func(f *ledger.FailedItem) error {
		e.ledger.Carry(*f)
		return nil
	})
	if err != nil || t.how == ledger.Resume {
		return err
	}
	if e.lost = lost; lost > 0 {
		e.Log.Warn("failed items of the run that is taken up are not in its failed.jsonl, so they cannot be run again alone: --resume does them",
			"items", e.lost, "run", t.run.Info.ID)
	}
	source, ok, err := ledger.NewFailedSource(t.run.Dir, t.state)
	if err != nil {
		return err
	}
	// Batches that a task makes itself are known by their number alone.
	if ok && !e.spec.makesBatches() {
		e.failed = source
		return nil
	}
	e.picked, err = ledger.Pick(t.run.Dir, t.state)
	return err
}

// info is the content of run.json before the run begins.
func (e *execution) info() (ledger.Info, error) {
	// Without a folder of runs, --run-dir may name one.
	root, _ := ledger.Root()
	host, _ := os.Hostname()
	folder, _ := os.Getwd()
	s := e.spec
	info := ledger.Info{
		ID: ledger.NewID(root, e.began), Task: s.Task.Name, Args: append([]string{}, s.Args...), Command: terminal.Command(e.Words),
		Folder: folder, Build: e.Build, Host: host, PID: os.Getpid(), Outputs: e.outputs, Selection: s.selected(), Filter: s.filter(), Began: e.began.UTC(),
		Plugin:   ledger.Plugin{Path: s.Plugin.Path, Name: s.Plugin.Name, Version: s.Plugin.Version, SDK: s.Plugin.SDK},
		Backbone: map[string]any{"name": s.Backbone, "num_process": s.Workers, "chunksize": s.ChunkSize},
	}
	if s.Shard != nil {
		info.Shard = part{int(s.Shard.Idx[0]), int(s.Shard.Num)}.String()
	}
	if s.Device != "" {
		info.Backbone["device"] = s.Device
	}
	if policy := s.Flags[cpuAffinity]; policy != "" {
		info.Backbone[cpuAffinity] = policy
	}
	if s.Template != nil {
		var err error
		if info.Template, err = json.Marshal(s.Template.Plain()); err != nil {
			return info, fmt.Errorf("writing down the template: %w", err)
		}
	}
	return info, nil
}

// owner identifies the run to others that write to the same outputs.
func (e *execution) owner() outputs.Owner {
	host, _ := os.Hostname()
	o := outputs.Owner{Host: host, PID: os.Getpid(), Since: time.Now().UTC(), Fleet: e.fleet}
	if e.ledger != nil {
		o.Run = e.ledger.Info().ID
	}
	switch {
	case e.spec.Shard != nil:
		o.Shard = part{int(e.spec.Shard.Idx[0]), int(e.spec.Shard.Num)}.String()
	case e.template != nil && e.template.Shard.Count() > 1:
		shard, _ := json.Marshal(e.spec.Template.Get("soft_shard").Plain())
		o.Shard = string(shard)
	}
	return o
}

// warnShared warns that another run works on the same outputs, and what that means.
func (e *execution) warnShared(other outputs.Owner, meaning string) {
	mine := e.owner()
	if mine.Shard != "" && other.Shard != "" && mine.Shard != other.Shard {
		e.Log.Debug("another shard is being worked on", "host", other.Host, "process", other.PID, "shard", other.Shard)
		return
	}
	e.Log.Warn("another run is at work on the same outputs: "+meaning,
		"host", other.Host, "process", other.PID, "run", other.Run, "since", other.Since.Format(time.RFC3339))
}

// filter puts the ledger after a listing: it leaves out items that the earlier run did. show describes items that the host cannot read.
func (e *execution) filter(all items, show func(uint64) (string, uint64)) items {
	if e.ledger == nil {
		return all
	}
	var chosen ledger.Chosen
	if t := e.earlier; t != nil && t.how == ledger.Resume && !e.outputs && !t.run.Info.Outputs {
		chosen.Finished = t.state
	}
	chosen.Only, chosen.Part = e.picked, e.failed != nil || all.picked || e.refiltered()
	e.source = e.ledger.Source(all.Source, chosen, ledger.About{Warn: e.warnChanged, Show: show, LeftOut: all.concluded})
	all.Source, all.figures = e.source, e.without(all.figures)
	return all
}

// warnChanged warns of a listing that is not the earlier run's. That of a run of some items alone is never the same.
func (e *execution) warnChanged(text string) {
	if e.spec.selected() == "" && (e.earlier == nil || e.earlier.run.Info.Selection == "") && !e.refiltered() {
		e.Log.Warn(text)
	}
}

// refiltered reports whether the run that is taken up listed by other --include and --exclude, so that this one may list a part of its items.
func (e *execution) refiltered() bool {
	return e.earlier != nil && e.earlier.run.Info.Filter != e.spec.filter()
}

// without are the figures of a listing from which the ledger leaves items out.
func (e *execution) without(listing func() run.Figures) func() run.Figures {
	var again int64
	switch {
	case e.failed != nil:
		again = int64(e.failed.Count())
	case e.picked != nil:
		again = int64(e.picked.Len())
	}
	return func() run.Figures {
		f := listing()
		taken, all := e.source.Taken()
		if e.failed == nil && e.picked == nil {
			f.Skipped += e.source.Resumed()
		} else {
			f.Total, f.TotalKnown, f.Skipped = again, true, 0
			f.Remaining, f.RemainingKnown = int(max(again-taken, 0)), true
			if all {
				f.Total = taken
			}
		}
		if all {
			f.Remaining, f.RemainingKnown = 0, true
		}
		return f
	}
}

// again is the command that resumes the run; empty: none.
func (e *execution) again() string {
	own := e.outputs || e.spec.Task.Has("is_executed") || e.spec.Template != nil && !e.spec.native(e.template)
	retry := e.earlier != nil && e.earlier.how == ledger.RetryFailed
	words := e.Plain
	switch {
	case e.ledger == nil && !own:
		return ""
	case own && !retry && e.Flags.RunDir == "":
		return terminal.Command(words)
	}
	flag := "--resume"
	if retry {
		flag = "--retry-failed"
	}
	// With --run-dir the run continues in its folder.
	if e.Flags.RunDir == "" {
		flag += "=" + e.name()
	}
	// In front: what follows -- is the task's.
	return terminal.Command(append([]string{flag}, words...))
}

// continues says how to continue a run that is being stopped.
func (e *execution) continues() string {
	switch again := e.again(); again {
	case "":
		return "it has no ledger, so the same command starts from the beginning"
	case terminal.Command(e.Words):
		return "run the same command again to continue"
	default:
		return "this continues: " + again
	}
}

// showCommand shows the run, retryCommand runs its failed items again.
func (e *execution) showCommand() string { return terminal.Command([]string{"show", e.name()}) }
func (e *execution) retryCommand() string {
	return terminal.Command(append([]string{"--retry-failed=" + e.name()}, e.Whole...))
}

// name identifies the run on a command line.
func (e *execution) name() string {
	if e.Flags.RunDir != "" {
		return pathOf(strings.TrimRight(e.Flags.RunDir, string(filepath.Separator)))
	}
	return e.ledger.Info().ID
}

// unlisted is the error about failed items to run again that the listing does not have any more; nil: it has all.
func (e *execution) unlisted() error {
	if e.picked == nil || e.source == nil || e.sieve != nil {
		return nil
	}
	if _, all := e.source.Taken(); !all {
		return nil
	}
	missing, err := e.picked.Missing(e.earlier.run.Dir, e.earlier.state)
	if err != nil || len(missing.Items) == 0 {
		return err
	}
	id := e.earlier.run.Info.ID
	text := count.Of(missing.Count, "failed item of the run "+id+" is not in the listing any more, or is not known again, so it was not done: ",
		"failed items of the run "+id+" are not in the listing any more, or are not known again, so they were not done: ")
	return exitcode.With(exitcode.Partial, errors.New(text+missing.Text()))
}

// close writes how the run ended. It returns the error that the run ends with.
func (e *execution) close(s progress.Summary, err error) error {
	hint := e.debugHint()
	if e.coordinator != nil {
		defer func() {
			if e.coordinator == nil {
				return
			}
			if closeErr := e.coordinator.Close(true); closeErr != nil {
				e.Log.Debug("closing the coordinator's folder", "error", closeErr)
			}
		}()
	}
	if e.ledger == nil {
		if hint != "" && s.Failed > 0 {
			err = exitcode.With(exitcode.Of(err), fmt.Errorf("%w; hint: %s", err, hint))
		}
		return err
	}
	e.hashing.Wait()
	if e.failed != nil {
		e.failed.Close()
	}
	// A folder that holds an earlier run, moved aside, keeps this run's record: it stays the folder of a run.
	inPlace := e.earlier != nil && e.Flags.RunDir != ""
	if never := e.closed || e.source == nil && exitcode.Of(err) == exitcode.Usage; never && !inPlace {
		e.RunLog.Close()
		if e.coordinator != nil {
			e.coordinator.Discard()
			e.coordinator = nil
		}
		if abandonErr := e.ledger.Abandon(); abandonErr != nil {
			e.Log.Debug("removing the ledger of a run that never began", "error", abandonErr)
		}
		return err
	}
	if err == nil && e.lost > 0 {
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%s of the run %s not run again; hint: --resume does what is left", count.Of(e.lost, "failed item"), e.earlier.run.Info.ID))
	}
	end := ledger.End{
		Time: time.Now(), Seconds: s.Seconds, Exit: exitcode.Of(err),
		Counts: ledger.Counts{Done: s.Done, Skipped: s.Skipped, Failed: s.Failed, Unlisted: s.Unlisted},
	}
	if err != nil {
		end.Message = err.Error()
		e.Log.Debug("the run ended", "error", err)
	}
	e.RunLog.Close()
	closeErr := e.ledger.Close(end)
	if t := e.earlier; t != nil && t.state != nil {
		// It was only read.
		_ = t.state.Close()
	}
	if hint != "" {
		hint = "; " + hint
	}
	switch code := exitcode.Of(err); {
	case s.Failed > 0 && e.NextShown:
		if hint != "" {
			err = exitcode.With(code, fmt.Errorf("%w; hint: %s", err, strings.TrimPrefix(hint, "; ")))
		}
	case s.Failed > 0 && code == exitcode.Partial:
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%w; hint: %s tells why, and %s runs them again%s", err, e.showCommand(), e.retryCommand(), hint))
	case s.Failed > 0:
		err = exitcode.With(code, fmt.Errorf("%w\n  %s tells why %s failed%s", err, e.showCommand(), count.Of(s.Failed, "item"), hint))
	}
	if closeErr != nil && err == nil {
		return exitcode.With(exitcode.Partial, fmt.Errorf("the run is done, but its ledger in %s is not complete: %w", e.ledger.Dir(), closeErr))
	}
	if closeErr != nil {
		return exitcode.With(exitcode.Of(err), errors.Join(err, fmt.Errorf("its ledger in %s is not complete: %w", e.ledger.Dir(), closeErr)))
	}
	return err
}
