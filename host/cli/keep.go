package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/userdir"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// keep is what a run keeps, and what it takes up of an earlier one.
type keep struct {
	r      *resolved
	ledger *ledger.Ledger
	takeUp *takeUp
	// outputs says that outputs tell which items are finished.
	outputs bool
	// failed are the items of --retry-failed where nothing has to be listed for them; picked where it has.
	failed *ledger.FailedSource
	picked *ledger.Picked
	source *ledger.Source
	// lost counts the failed items that --retry-failed cannot know.
	lost   int64
	hashed chan struct{}
}

// keep makes the ledger of a run, and finds what it takes up.
func (r *resolved) keep(began time.Time, options backboneOptions) (*keep, error) {
	if err := r.checkLedgerFlags(); err != nil {
		return nil, err
	}
	k := &keep{r: r, outputs: r.native() && r.template.HasFinishCheck(), hashed: make(chan struct{})}
	close(k.hashed)
	f := &r.grammar.hostFlags
	if f.NoLedger {
		return k, nil
	}
	info, err := r.info(began, options, k.outputs)
	if err != nil {
		return nil, err
	}
	if k.takeUp, err = r.takesUp(info); err != nil {
		return nil, err
	}
	dir, err := r.ledgerDir(info.ID)
	if err == nil {
		err = k.create(dir, info)
	}
	if err != nil && k.takeUp == nil && f.RunDir == "" {
		r.log.Warn("the run keeps no ledger; --run-dir names another folder for it", "error", err)
		return k, nil
	}
	if err != nil {
		return nil, ledgerExit(err)
	}
	return k, nil
}

func (r *resolved) ledgerDir(id string) (string, error) {
	if dir := r.grammar.RunDir; dir != "" {
		return filepath.Abs(dir)
	}
	_, note, err := userdir.State()
	if err != nil {
		return "", err
	}
	r.note(note)
	root, err := ledger.Root()
	return filepath.Join(root, id), err
}

func (k *keep) create(dir string, info ledger.Info) error {
	options := ledger.Options{Keys: !k.outputs, Broken: func(err error) {
		k.r.log.Warn("the run's ledger cannot be written any more; the run goes on without it", "folder", dir, "error", err)
	}, Note: func(text string) { k.r.log.Warn(text, "folder", dir) }}
	if t := k.takeUp; t != nil {
		if err := t.read(k.r.grammar.RunDir); err != nil {
			return err
		}
		info.Parent = &ledger.Parent{ID: t.run.Info.ID, Dir: t.run.Dir, How: t.how}
		options.Earlier = t.state
		options.Keys = options.Keys || t.how == ledger.RetryFailed
		k.r.log.Info("taking up an earlier run", "run", t.run.Info.ID, "folder", t.run.Dir)
		switch {
		case t.how != ledger.Resume:
		case k.outputs:
			k.r.log.Info("outputs tell which items are finished: the ledger is not asked")
		case t.run.Info.Outputs:
			k.r.log.Warn("the run that is taken up had a finish check, so its ledger does not tell which items are done: all are done again", "run", t.run.Info.ID)
		}
	}
	var err error
	if k.ledger, err = ledger.Create(dir, info, options); err != nil {
		return err
	}
	if err := k.r.kept.Open(dir); err != nil {
		k.r.log.Warn("the run has no log", "error", err)
	}
	k.r.log.Debug("keeping a ledger", "folder", dir)
	k.hash()
	return k.carry()
}

// hash completes run.json by the plugin's hash while the run begins.
func (k *keep) hash() {
	k.hashed = make(chan struct{})
	go func() {
		defer close(k.hashed)
		pin := k.r.pin
		if pin == nil {
			hash, err := k.r.found.Hash()
			if err != nil {
				k.r.log.Debug("hashing the plugin", "error", err)
				return
			}
			pin = &hash
		}
		sum := pin.Sum
		if t := k.takeUp; t != nil && t.run.Info.Plugin.SHA256 != "" && t.run.Info.Plugin.SHA256 != sum {
			k.r.log.Warn("the plugin is not what it was in the run that is taken up", "run", t.run.Info.ID)
		}
		if err := k.ledger.SetPluginHash(sum); err != nil {
			k.r.log.Debug("keeping the plugin's hash", "error", err)
		}
	}()
}

// carry takes over the failed items of the run that is taken up.
func (k *keep) carry() error {
	t := k.takeUp
	if t == nil {
		return nil
	}
	var kept int64
	err := ledger.FailedItems(t.run.Dir, t.state, func(f *ledger.FailedItem) error {
		if !f.Carried {
			kept++
		}
		k.ledger.Carry(*f)
		return nil
	})
	if err != nil || t.how == ledger.Resume {
		return err
	}
	if k.lost = t.state.Lost(kept); k.lost > 0 {
		k.r.log.Warn("failed items of the run that is taken up are not in its failed.jsonl, so they cannot be run again alone: --resume does them",
			"items", k.lost, "run", t.run.Info.ID)
	}
	source, ok, err := ledger.NewFailedSource(t.run.Dir, t.state)
	if err != nil {
		return err
	}
	// Batches that a task makes itself are known by their number alone.
	if ok && !k.r.makesBatches() {
		k.failed = source
		return nil
	}
	k.picked, err = ledger.Pick(t.run.Dir, t.state)
	return err
}

// info is what run.json says of the run before it has begun.
func (r *resolved) info(began time.Time, options backboneOptions, outputs bool) (ledger.Info, error) {
	root, err := ledger.Root()
	id := ""
	if err == nil {
		id, err = ledger.NextID(root, began)
	}
	if err != nil {
		// There is no folder of runs, and --run-dir may do without.
		id, err = ledger.NewID(began)
	}
	if err != nil {
		return ledger.Info{}, err
	}
	host, _ := os.Hostname()
	folder, _ := os.Getwd()
	info := ledger.Info{
		ID: id, Task: r.task.Name, Args: slices.Clone(r.args), Command: r.commandLine(), Folder: folder, Version: r.version,
		Host: host, PID: os.Getpid(), Outputs: outputs, Began: began.UTC(),
		Plugin: ledger.Plugin{Path: r.found.Path, Name: r.described.Name, Version: r.described.Version, SDK: r.described.SDK},
		Backbone: map[string]any{
			"name": chooseBackbone(r.grammar.Backbone, r.task), "num_process": options.workers, "chunksize": options.chunkSize,
		},
	}
	if r.tree != nil {
		if info.Template, err = json.Marshal(r.tree.Plain()); err != nil {
			return info, fmt.Errorf("writing down the template: %w", err)
		}
	}
	if options.device != "" {
		info.Backbone["device"] = options.device
	}
	if info.Args == nil {
		info.Args = []string{}
	}
	return info, nil
}

// owner is who the run is to others that write to the same outputs.
func (k *keep) owner() outputs.Owner {
	host, _ := os.Hostname()
	o := outputs.Owner{Host: host, PID: os.Getpid(), Since: time.Now().UTC()}
	if k.ledger != nil {
		o.Run = k.ledger.Info().ID
	}
	if k.r.template.ShardCount() > 1 {
		shard, err := json.Marshal(k.r.tree.Get("soft_shard").Plain())
		if err == nil {
			o.Shard = string(shard)
		}
	}
	return o
}

// shared tells of another run that stages the same outputs.
func (k *keep) shared(other outputs.Owner) {
	k.tellOf(other, "what both do is done twice, and harms nothing")
}

// tellOf tells of another run at work on the same outputs, and what that means.
func (k *keep) tellOf(other outputs.Owner, meaning string) {
	mine := k.owner()
	if mine.Shard != "" && other.Shard != "" && mine.Shard != other.Shard {
		k.r.log.Debug("another shard is being worked on", "host", other.Host, "process", other.PID, "shard", other.Shard)
		return
	}
	k.r.log.Warn("another run is at work on the same outputs: "+meaning,
		"host", other.Host, "process", other.PID, "run", other.Run, "since", other.Since.Format(time.RFC3339))
}

// take puts the ledger between a listing and those who work on it.
// leftOut takes how many items were left out; it may be nil.
func (k *keep) take(source backbones.Source, listing run.Listing, show func(uint64) (string, uint64), leftOut func(int)) (backbones.Source, run.Listing) {
	if k.ledger == nil {
		return source, listing
	}
	var chosen ledger.Chosen
	if t := k.takeUp; t != nil && t.how == ledger.Resume && !k.outputs {
		chosen.Finished = t.state
	}
	chosen.Only, chosen.Part = k.picked, k.failed != nil
	k.source = k.ledger.Source(source, chosen, ledger.About{Warn: func(text string) { k.r.log.Warn(text) }, Show: show, LeftOut: leftOut})
	kept := keptListing{Listing: listing, source: k.source, only: -1}
	switch {
	case k.failed != nil:
		kept.only = int64(k.failed.Count())
	case k.picked != nil:
		kept.only = int64(k.picked.Len())
	}
	return k.source, kept
}

// keptListing is a listing from which the ledger leaves items out.
type keptListing struct {
	run.Listing
	source *ledger.Source
	// only is how many failed items are run again; -1: it is not about them.
	only int64
}

func (l keptListing) Total() (int64, bool) {
	if l.only < 0 {
		return l.Listing.Total()
	}
	if n, all := l.source.Taken(); all {
		return n, true
	}
	return l.only, true
}

func (l keptListing) Skipped() int64 {
	if l.only >= 0 {
		return 0
	}
	return l.Listing.Skipped() + l.source.Resumed()
}

func (l keptListing) Remaining() (int, bool) {
	n, all := l.source.Taken()
	switch {
	case all:
		return 0, true
	case l.only >= 0:
		return int(max(l.only-n, 0)), true
	}
	return l.Listing.Remaining()
}

// retried is the listing of failed items that need not be listed: nothing of it is known but their number.
type retried struct{}

func (retried) Total() (int64, bool)   { return 0, false }
func (retried) Skipped() int64         { return 0 }
func (retried) Remaining() (int, bool) { return 0, false }
func (retried) Unlisted() int64        { return 0 }

// again is the command that goes on where the run stopped; empty: there is none.
func (k *keep) again() string {
	own := k.outputs || k.r.task.Has("is_executed") || !k.r.native() && k.r.template != nil
	retry := k.takeUp != nil && k.takeUp.how == ledger.RetryFailed
	words := k.withoutTakeUp()
	switch {
	case k.ledger == nil && !own:
		return ""
	case own && !retry:
		return lineOf(words)
	}
	flag := "--resume"
	if retry {
		flag = "--retry-failed"
	}
	// With --run-dir alone the run goes on in its folder.
	if k.r.grammar.RunDir == "" {
		flag += "=" + k.name()
	}
	// In front: what follows -- is the task's.
	return lineOf(append([]string{flag}, words...))
}

// name is what the run is found by.
func (k *keep) name() string {
	if k.r.grammar.RunDir != "" {
		return pathOf(strings.TrimRight(k.r.grammar.RunDir, string(filepath.Separator)))
	}
	return k.ledger.Info().ID
}

// withoutTakeUp are the words of the command line without --resume and --retry-failed.
func (k *keep) withoutTakeUp() []string {
	var out []string
	args := k.r.app.args
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(out, args[i:]...)
		}
		name, _, hasValue := flagOf(args[i])
		if name = strings.TrimPrefix(name, "kg-"); name != "resume" && name != "retry-failed" {
			out = append(out, args[i])
			continue
		}
		if !hasValue && i+1 < len(args) && isRunWord(args[i+1]) {
			i++
		}
	}
	return out
}

// unlisted is the error of a run of failed items alone, some of which the listing does not have any more; nil: it had them all.
func (k *keep) unlisted() error {
	if k.picked == nil || k.source == nil {
		return nil
	}
	if _, all := k.source.Taken(); !all {
		return nil
	}
	missing, err := k.picked.Missing(k.takeUp.run.Dir, k.takeUp.state)
	if err != nil || len(missing.Items) == 0 {
		return err
	}
	id := k.takeUp.run.Info.ID
	text := count.Of(missing.Count, "failed item of the run "+id+" is not in the listing any more, or is not known again, so it was not done: ",
		"failed items of the run "+id+" are not in the listing any more, or are not known again, so they were not done: ")
	return exitcode.With(exitcode.Partial, errors.New(text+missing.Text()))
}

// recorder keeps outcomes; nil: nothing does.
func (k *keep) recorder() run.Ledger {
	if k.ledger == nil {
		return nil
	}
	return k.ledger
}

// close writes how the run ended. It returns the error that the run ends with.
func (k *keep) close(s progress.Summary, err error) error {
	if k.ledger == nil {
		return err
	}
	<-k.hashed
	if k.failed != nil {
		k.failed.Close()
	}
	// A folder that holds what was moved aside keeps the record of this run, so that it is still one of a run.
	inPlace := k.takeUp != nil && k.r.grammar.RunDir != ""
	if k.source == nil && exitcode.Of(err) == exitcode.Usage && !inPlace {
		k.r.kept.Close()
		if abandonErr := k.ledger.Abandon(); abandonErr != nil {
			k.r.log.Debug("removing the ledger of a run that never began", "error", abandonErr)
		}
		return err
	}
	if err == nil && k.lost > 0 {
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%s of the run %s not run again: --resume does what is left", count.Of(k.lost, "failed item"), k.takeUp.run.Info.ID))
	}
	end := ledger.End{
		Time: time.Now(), Seconds: s.Seconds, Exit: exitcode.Of(err),
		Counts: ledger.Counts{Done: s.Done, Skipped: s.Skipped, Failed: s.Failed, Unlisted: s.Unlisted},
	}
	if err != nil {
		end.Message = err.Error()
		k.r.log.Debug("the run ended", "error", err)
	}
	k.r.kept.Close()
	closeErr := k.ledger.Close(end)
	switch code := exitcode.Of(err); {
	case s.Failed > 0 && code == exitcode.Partial:
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%w; kagurazaka show %s tells why, and %s runs them again", err, quote(k.name()),
			lineOf(append([]string{"--retry-failed=" + k.name()}, k.withoutTakeUp()...))))
	case s.Failed > 0:
		err = exitcode.With(code, fmt.Errorf("%w; kagurazaka show %s tells why %s failed", err, quote(k.name()), count.Of(s.Failed, "item")))
	}
	if closeErr != nil && err == nil {
		return exitcode.With(exitcode.Partial, fmt.Errorf("the run is done, but its ledger in %s is not complete: %w", k.ledger.Dir(), closeErr))
	}
	if closeErr != nil {
		return exitcode.With(exitcode.Of(err), errors.Join(err, fmt.Errorf("its ledger in %s is not complete: %w", k.ledger.Dir(), closeErr)))
	}
	return err
}
