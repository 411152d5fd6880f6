package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/export"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/manifest"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// ExportFlags say which items are exported, and how, with kong's tags.
type ExportFlags struct {
	State  string `name:"state" default:"all" placeholder:"STATE" help:"Which items: all, todo, done or failed; several with commas between them. Without --from, outputs tell what is done. With it, failed are those that failed in that run, and todo those that it neither did nor failed."`
	Format string `name:"format" placeholder:"jsonl|csv|txt" help:"jsonl: one JSON object a line, which --manifest reads. csv: a table with a header. txt: the path of each input. Without it the end of FILE tells, and else it is jsonl."`
	Out    string `name:"out" default:"-" placeholder:"FILE|-" help:"Where to write (${default} is stdout). A FILE is replaced once the list is whole. One that ends in .gz or .zst is compressed."`
	From   string `name:"from" placeholder:"RUN" help:"Add what became of each item in a run: its outcome, seconds, attempts and error. RUN is a run's id or its beginning, last, or its folder. With --state failed, PLUGIN and TASK may be left out."`
}

// The states of items in an export.
const (
	stateDone    = "done"
	stateTodo    = "todo"
	stateFailed  = "failed"
	stateOpen    = "open"
	stateRefused = "refused"
)

// Exporter writes the items of a run, with what became of them.
type Exporter struct {
	*Program
	flags  *ExportFlags
	states map[string]bool
	format export.Format
	stdout io.Writer
	// run is that of --from; nil without it.
	run     *ledger.Run
	results *ledger.Results

	list   *manifest.Writer
	writer *export.Writer
	// counts are the exported items by state. odd counts those that are more than an input, opaque those that only the plugin can read.
	counts      map[string]int64
	odd, opaque int64
}

// NewExporter reads the flags, and finds the run of --from. The caller closes the exporter. stdout takes what goes to it.
func (p *Program) NewExporter(f *ExportFlags, stdout io.Writer) (*Exporter, error) {
	x := &Exporter{Program: p, flags: f, states: map[string]bool{}, stdout: stdout, counts: map[string]int64{}}
	for state := range strings.SplitSeq(f.State, ",") {
		switch state {
		case "all":
			for _, s := range []string{stateDone, stateTodo, stateFailed, stateOpen, stateRefused} {
				x.states[s] = true
			}
		default:
			x.states[state] = true
		}
	}
	if err := problem.Err(p.CheckExport(f)); err != nil {
		return x, err
	}
	x.format, _ = export.Parse(f.Format, f.Out)
	if f.From == "" {
		return x, nil
	}
	return x, exitcode.With(exitcode.Usage, x.find(f.From))
}

// CheckExport returns the problems of the flags. The run of --from must be there.
func (p *Program) CheckExport(f *ExportFlags) (wrong []problem.Problem) {
	states := []string{"all", stateTodo, stateDone, stateFailed}
	for state := range strings.SplitSeq(f.State, ",") {
		switch {
		case !slices.Contains(states, state):
			wrong = append(wrong, problem.Problem{
				Source: "--state " + terminal.Quote(f.State), Message: problem.OneOf(states), Suggestion: problem.Near(state, states),
			})
		case state == stateFailed && f.From == "":
			wrong = append(wrong, problem.Problem{Source: "--state failed", Message: "only a run knows which items failed", Suggestion: "add --from RUN, such as --from last"})
		}
	}
	format, err := export.Parse(f.Format, f.Out)
	switch {
	case err != nil:
		wrong = append(wrong, problem.Problem{Source: "--format " + terminal.Quote(f.Format), Message: problem.OneOf(export.Formats), Suggestion: problem.Near(f.Format, export.Formats)})
	case p.Flags.Null && format != export.Text && p.Flags.FilesFrom == "":
		wrong = append(wrong, problem.Problem{Source: "--null", Message: "says how paths end", Suggestion: "it needs --format txt, or --files-from"})
	}
	if err := export.CheckName(f.Out); err != nil {
		wrong = append(wrong, problem.Problem{Source: "--out " + terminal.Quote(f.Out), Message: err.Error()})
	}
	if f.From != "" {
		if _, err := findNamed(f.From); err != nil {
			wrong = append(wrong, problem.Problem{Source: "--from " + terminal.Quote(f.From), Message: err.Error()})
		}
	}
	return wrong
}

// find finds the run of --from.
func (x *Exporter) find(word string) error {
	found, err := findNamed(word)
	if err != nil {
		return err
	}
	x.run = &found
	if ledger.StatusOf(found.Dir, found.Info) == ledger.Running {
		x.Log.Warn("the run is still under way: what it has done so far is exported", "run", found.Info.ID)
	}
	return nil
}

// Close closes what the exporter has opened. A list that is not whole is given up.
func (x *Exporter) Close() {
	if x.results != nil {
		x.results.Close()
	}
	if x.list != nil {
		x.list.Abort()
	}
}

// open begins the list. wide says that items may be more than an input.
func (x *Exporter) open(wide bool) (err error) {
	format := manifest.JSONL
	if x.format == export.Text {
		format = manifest.Text
		if x.Flags.Null {
			format = manifest.Null
		}
	}
	if x.flags.Out == "-" {
		x.list = manifest.To(x.stdout, format)
	} else if x.list, err = manifest.Create(x.flags.Out, format); err != nil {
		return exitcode.Usagef("--out: %w", err)
	}
	x.writer, err = export.New(x.list, x.format, x.run != nil, wide)
	return err
}

// end completes the list.
func (x *Exporter) end() error {
	err := x.writer.Flush()
	list := x.list
	if err != nil {
		return err
	}
	x.list = nil
	return list.Close()
}

// put writes a row, if its state is asked for.
func (x *Exporter) put(r *export.Row) error {
	if !x.states[r.State] {
		return nil
	}
	x.counts[r.State]++
	if r.Opaque {
		x.opaque++
	} else if !r.Alone {
		x.odd++
	}
	if err := x.writer.Write(r); errors.Is(err, export.ErrNoPath) {
		return exitcode.With(exitcode.Usage, err)
	} else if err != nil {
		return err
	}
	return nil
}

// Export lists the items of a run of the spec, and writes those that are asked for.
func (s *Session) Export(ctx context.Context, spec *Spec, x *Exporter) error {
	t := spec.compiled()
	inputs := spec.native(t) && t.Input != nil && onlyInputs(t.Input.Kind)
	if x.states[stateDone] && !x.states[stateTodo] && x.run == nil && !spec.KnowsDone() {
		return exitcode.Usagef("--state done: nothing tells which items of %s are finished: it has no finish check that the host knows; hint: --from RUN asks the ledger of a run", spec.Task.Name)
	}
	var found *finder
	if x.run != nil {
		var err error
		if found, err = x.join(spec); err != nil {
			return err
		}
		defer found.close()
	}
	if err := x.open(!inputs); err != nil {
		return err
	}
	need := plan.Need{
		Entry: x.format != export.Text, Line: found != nil, Input: x.format != export.JSONL || found != nil || !inputs, Done: true, Order: true,
	}
	var row export.Row
	summary, err := s.List(ctx, spec, need, func(i *plan.Item) error {
		row = export.Row{N: i.Number + 1, Entry: i.Entry, Input: i.Input, Opaque: i.Opaque, Shown: i.Shown, Key: i.Key, State: stateOf(i)}
		row.Alone = inputs || export.Alone(i.Entry, i.Input)
		if found != nil {
			if err := found.add(&row, i); err != nil {
				return err
			}
		}
		if err := x.put(&row); err != nil {
			return err
		}
		if spec.Limit > 0 && x.all() == int64(spec.Limit) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	lost := int64(0)
	if found != nil && spec.Limit == 0 && len(spec.Select.Picks) == 0 && spec.Globs.Empty() && spec.Shard == nil && (t == nil || t.Shard.Whole()) {
		if lost, err = found.rest(); err != nil {
			return err
		}
	}
	if err := x.end(); err != nil {
		return err
	}
	x.tell(spec)
	switch {
	case lost > 0:
		return exitcode.With(exitcode.Partial, fmt.Errorf("%s not in the listing any more, or not known again: see the last lines",
			count.Of(lost, "item of the run "+x.run.Info.ID+" is", "items of the run "+x.run.Info.ID+" are")))
	case summary.Unlisted > 0:
		return exitcode.With(exitcode.Partial, run.Unlisted(summary.Unlisted))
	}
	return nil
}

// errEnough ends a listing of which the first items are taken.
var errEnough = errors.New("enough")

// all is how many items were exported.
func (x *Exporter) all() (n int64) {
	for _, some := range x.counts {
		n += some
	}
	return n
}

// onlyInputs reports whether the items of an input mode are their inputs and nothing else.
func onlyInputs(kind template.InputKind) bool {
	switch kind {
	case template.ByExts, template.ByGlob, template.BySubDirectory, template.TripletLines:
		return true
	}
	return false
}

func stateOf(i *plan.Item) string {
	switch {
	case i.Refusal != "":
		return stateRefused
	case i.State == template.OutputWhole:
		return stateDone
	case i.State == template.OutputOpen:
		return stateOpen
	}
	return stateTodo
}

// tell logs what was exported, and how it is read again.
func (x *Exporter) tell(spec *Spec) {
	var parts []string
	for _, state := range []string{stateDone, stateTodo, stateFailed, stateOpen, stateRefused} {
		if n := x.counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", state, n))
		}
	}
	text := count.Of(x.all(), "item")
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	x.Log.Info("exported "+text, "to", cmp.Or(strings.TrimPrefix(x.flags.Out, "-"), "stdout"))
	switch {
	case x.opaque > 0:
		x.Log.Warn(count.Of(x.opaque, "item is", "items are") + " of a kind that only the plugin can read: the list has the printable form, and cannot be read back")
	case x.odd > 0 && x.format == export.JSONL && x.run == nil:
		own := ""
		if spec != nil && !spec.Template.IsNull() {
			own = "--manifest FILE reads the list for this task, and "
		}
		x.Log.Info("the items are more than an input: " + own + "a run of another task reads the list with --mixin input_mode.mode=InputFromWhateverJsonl input_mode.jsonl_path=FILE")
	case x.odd > 0 && x.format == export.JSONL:
		x.Log.Info("the items are more than an input: item has them whole")
	}
	if spec != nil && spec.Task.Has("is_executed") {
		x.Log.Info(spec.Task.Name + " decides itself which items are finished: here they count as to do")
	}
}

// ExportFailed writes the failed items of the run of --from, as its ledger has them. Nothing is listed.
func (x *Exporter) ExportFailed() error {
	if len(x.states) != 1 || !x.states[stateFailed] {
		info := x.run.Info
		words := strings.TrimPrefix(strings.TrimPrefix(info.Command, "kagurazaka "), "run ")
		return exitcode.Usagef("PLUGIN, TASK: are missing: only --state failed needs neither, because a ledger has the text of no other items; hint: this lists them again, in the folder %s: kagurazaka export --from %s %s",
			terminal.Quote(info.Folder), terminal.Quote(x.flags.From), words)
	}
	state, err := ledger.ReadState(x.run.Dir, false)
	if err != nil {
		return err
	}
	if err := x.open(true); err != nil {
		return err
	}
	textless := int64(0)
	lost, err := ledger.FailedItems(x.run.Dir, state, func(f *ledger.FailedItem) error {
		row := failedRow(f)
		if x.format == export.Text && row.Entry == nil && !row.Opaque {
			textless++
			return nil
		}
		return x.put(row)
	})
	if err == nil {
		err = x.end()
	}
	if err != nil {
		return err
	}
	x.tell(nil)
	if lost += textless; lost > 0 {
		return exitcode.With(exitcode.Partial, fmt.Errorf("%s; hint: with PLUGIN, TASK and the arguments of the run, the items are listed",
			count.Of(lost, "failed item is not in the list, as failed.jsonl does not have its text", "failed items are not in the list, as failed.jsonl does not have their text")))
	}
	return nil
}

// failedRow is the row of a failed item, by its line in failed.jsonl.
func failedRow(f *ledger.FailedItem) *export.Row {
	row := &export.Row{Key: f.Key, State: stateFailed, Result: &export.Result{Number: f.Number, Outcome: stateFailed}}
	addFailure(row.Result, f)
	if line, ok := f.Line(); ok {
		if entry, in, err := export.WithoutOutputs(line); err == nil {
			row.Entry, row.Input = entry, in
		}
		row.Alone = export.Alone(row.Entry, row.Input)
	} else if text := f.Text(); text != "" && text != "null" {
		row.Opaque, row.Shown = true, text
	}
	return row
}

func addFailure(r *export.Result, f *ledger.FailedItem) {
	r.Kind, r.Error, r.Attempts = f.Kind, f.Message, f.Attempts
	if f.Seconds > 0 {
		r.Time, r.Timed = time.Duration(f.Seconds*float64(time.Second)), true
	}
}

// finder finds what became of the items of a listing in the run of --from.
type finder struct {
	x    *Exporter
	join *ledger.Join
	// list is the length of the list that the run had, if it knows its items by their places alone: then numbers has their results.
	list   int
	places []ledger.Result
	listed uint64
}

// join reads the ledger of --from.
func (x *Exporter) join(spec *Spec) (*finder, error) {
	info := x.run.Info
	if info.Task != spec.Task.Name || info.Plugin.Name != spec.Plugin.Name {
		return nil, exitcode.Usagef("--from: the run %s is of another task, %s of %s", info.ID, info.Task, info.Plugin.Name)
	}
	if !slices.Equal(info.Args, spec.Args) {
		x.Log.Warn("the run had other arguments", "run", info.ID)
	}
	var err error
	if x.results, err = ledger.OpenResults(x.run.Dir); err != nil {
		return nil, err
	}
	f := &finder{x: x}
	n, isList := x.results.List()
	if !isList {
		f.join, err = ledger.NewJoin(x.results)
		return f, err
	}
	f.list = n
	for r, err := range x.results.All() {
		if err != nil {
			return nil, err
		}
		f.places = append(f.places, r)
	}
	return f, nil
}

func (f *finder) close() {
	if f.join != nil {
		f.join.Close()
	}
}

// add adds the result of an item to its row.
func (f *finder) add(row *export.Row, i *plan.Item) error {
	f.listed++
	if f.join == nil {
		if i.Number >= uint64(len(f.places)) {
			return nil
		}
		return f.fill(row, f.places[i.Number])
	}
	key := i.Key
	if !i.Opaque {
		key = itemkey.Of(i.Line)
	}
	found, known, err := f.join.Of(key)
	if err != nil || !known {
		return err
	}
	return f.fill(row, found)
}

// fill fills the row of an item that the run listed.
func (f *finder) fill(row *export.Row, found ledger.Result) error {
	r := &export.Result{
		Number: found.Number, Outcome: found.Outcome.String(), Time: found.Time, Timed: found.Timed, Mean: found.Mean, Attempts: found.Attempts,
	}
	row.Key, row.Result = found.Key, r
	failed, err := (*ledger.FailedItem)(nil), error(nil)
	switch {
	case found.Outcome.Finished():
		row.State = stateDone
	case found.Outcome == ledger.OutcomeFailed:
		row.State = stateFailed
		failed, err = f.x.results.Failure(found.Number)
	default:
		if failed, err = f.x.results.Carried(found.Key); failed != nil {
			row.State, r.Outcome = stateFailed, stateFailed
		}
	}
	if failed != nil {
		addFailure(r, failed)
	}
	return err
}

// rest writes the items of the run that the listing does not have any more, and returns how many of them were asked for.
func (f *finder) rest() (lost int64, err error) {
	if f.join == nil {
		if f.listed != uint64(f.list) {
			return 0, fmt.Errorf("the task's list has %s, and had %d in the run: its items are known by their place alone, so nothing tells which of them is which; hint: --state failed without PLUGIN and TASK exports those that failed",
				count.Of(f.listed, "item"), f.list)
		}
		return 0, nil
	}
	for found, err := range f.join.Missing() {
		if err != nil {
			return lost, err
		}
		row := &export.Row{Key: found.Key, State: stateTodo}
		if err := f.fill(row, found); err != nil {
			return lost, err
		}
		if !f.x.states[row.State] {
			continue
		}
		lost++
		if failed, err := f.x.results.Failure(found.Number); err != nil {
			return lost, err
		} else if failed != nil && row.State == stateFailed {
			row = failedRow(failed)
		}
		if f.x.format == export.Text && row.Input.Path == "" {
			continue
		}
		if err := f.x.put(row); err != nil {
			return lost, err
		}
	}
	return lost, nil
}
