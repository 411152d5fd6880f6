package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Counters say how far a walk is. They may be read while it runs.
type Counters struct {
	// Listed counts all items, of every shard.
	Listed atomic.Uint64
	// InShard counts those that this run's soft shard takes.
	InShard atomic.Uint64
	// Done counts those in the shard that were found finished, Refused those that must not be begun, ToDo the others.
	Done, Refused, ToDo atomic.Uint64
	// What was left out, of every shard: lines that are no items, lines that repeat an earlier one, outputs of other items
	// that lie in the input folder, and named pipes, sockets and devices.
	BadLines, Repeated, Outputs, Special atomic.Uint64
	// Open counts those in the shard whose output somebody else is working on. They are neither done nor to do.
	Open atomic.Uint64
	// Warnings counts calls of Warn; Unreadable those of them about a folder of inputs whose items are left out.
	Warnings, Unreadable atomic.Uint64
}

// ShardCount is what one shard has.
type ShardCount struct {
	Done    uint64 `json:"done"`
	ToDo    uint64 `json:"to_do"`
	Refused uint64 `json:"refused,omitempty"`
}

// Policy is what a user lets a listing do. The zero Policy is the careful one.
type Policy struct {
	// OutputsOutside lets the lines of a file name outputs outside of the output folder.
	OutputsOutside bool
	// ListOutputs lists the outputs of other items, where the output folder lies in the input folder.
	ListOutputs bool
	// SkipBadLines leaves out lines that are no items; otherwise the first one ends the listing.
	SkipBadLines bool
}

// walkOptions say what to do with the items of a listing.
type walkOptions struct {
	Options
	// item takes each item that is still to do, as one line of JSON without a newline, which is valid during the call.
	// An error ends the walk and is returned as it is.
	item func(line []byte) error
	// refuse takes each item that must not be begun, in the same way, and why.
	refuse func(line []byte, why string) error
	// open takes each item that somebody else is working on; nil: they are counted alone.
	open func(openItem) error
	// tick is called now and then between items, also while nothing but finished ones are found; may be nil.
	tick func() error
	// counters are added to.
	counters *Counters
	// shards, when it has ShardCount elements, gets the counts of every shard; all items are checked then.
	shards []ShardCount
}

// walkInputs lists the template's inputs in their fixed order, takes those of the soft shard, leaves out what is finished and
// hands over the rest. Memory grows with the largest folder, not with the number of items. Nothing is made or changed.
//
// It returns *template.InputError when the inputs cannot be listed, *CollisionError when two inputs would write one output, the
// context's error, or what item or tick returned. A template that is not native or lists nothing is refused.
func walkInputs(ctx context.Context, t *template.Template, o walkOptions) error {
	if !t.Native() || t.Input == nil {
		return errors.New("this template does not list items: the task does")
	}
	w, err := newWalk(ctx, t, o)
	if err != nil {
		return err
	}
	defer w.close()
	if t.Input.JSONL != "" {
		return w.run()
	}
	return w.runAhead()
}

// newFilter makes a walk that applies soft shard, output mode and finish check to items that a task lists itself: item takes
// them one by one, for one goroutine. Close it after the last item.
func newFilter(ctx context.Context, t *template.Template, o walkOptions) (*walk, error) {
	if !t.Native() || t.Input != nil {
		return nil, errors.New("this template lists its items, or is run by the plugin")
	}
	return newWalk(ctx, t, o)
}

// item takes the next item of a task.
func (w *walk) item(line []byte) error { return w.single(bytes.Trim(line, " \t\r\n"), 0, "") }

// close tells what there is to tell of all items, and lets go of what the walk holds.
func (w *walk) close() {
	w.tell()
	w.check.close()
}

// listsAhead is how many folders of inputs may be read before they are handled.
const listsAhead = 3

// runAhead reads the folders of the inputs in a goroutine of its own, while those of the outputs are read here.
func (w *walk) runAhead() error {
	outer := w.ctx
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	w.ctx = ctx
	w.groups = make(chan *group)
	// There is room for every list, the first one included: giving one back never blocks.
	w.free = make(chan *nameList, listsAhead+1)
	for range listsAhead {
		w.free <- &nameList{}
	}
	listed := make(chan error, 1)
	go func() {
		defer close(w.groups)
		listed <- w.run()
	}()
	var failed error
	for g := range w.groups {
		if failed != nil {
			continue
		}
		if failed = w.group(g); failed != nil {
			cancel()
			continue
		}
		g.names.reset()
		w.free <- g.names
	}
	if err := <-listed; failed == nil {
		failed = err
	}
	return failed
}

// emit hands a group on, with its list of names, and takes an empty list.
func (w *walk) emit(g *group) error {
	if w.groups == nil {
		return w.group(g)
	}
	select {
	case w.groups <- g:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	select {
	case w.names = <-w.free:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// walk is one pass over the inputs.
type walk struct {
	ctx context.Context
	t   *template.Template
	o   walkOptions
	out *outputs
	// store has the inputs and the outputs.
	store store

	// next is the index of the next item in the listing.
	next uint64
	// order: items must be numbered as they are sorted, because a shard or the table of outputs counts them.
	order bool
	// seen finds outputs that two items share, where one folder alone cannot tell.
	seen  *outputTable
	place *placer
	check *finishCheck
	probe *probe
	// within is where the output folder lies in the input folder; nil: it does not, or it does not matter.
	within *within
	told   told

	// names is the list that the next folder is read into.
	names *nameList
	// groups and free pass lists to the goroutine that handles them and back; nil: emit handles them itself.
	groups chan *group
	free   chan *nameList
	warns  sync.Mutex

	stems nameIndex
	there []finishedItem
	// uncounted takes the counts of shards whose count is not needed.
	uncounted ShardCount
	line      lineWriter
}

// probe looks up one item by its index, in a walk of its own.
type probe struct {
	want  uint64
	found triplet
	// line is where it stands in a file of lines, from 1.
	line uint64
}

var errProbed = errors.New("found")

func newWalk(ctx context.Context, t *template.Template, o walkOptions) (*walk, error) {
	if o.counters == nil {
		o.counters = &Counters{}
	}
	if len(o.shards) != t.Shard.Count() {
		o.shards = nil
	}
	w := &walk{ctx: ctx, t: t, o: o, out: outputsOf(t), store: storeOf(o.FS), names: &nameList{}}
	w.check = &finishCheck{out: w.out, store: w.store, warn: w.warn}
	w.line.out = w.out
	byIndex := t.Shard != nil && !t.Shard.ByHash
	w.order = byIndex && (!t.Shard.Whole() || o.shards != nil)
	if t.Output != nil && (t.Input == nil || scattered(t.Input)) {
		w.seen = &outputTable{}
		w.order = true
		var err error
		if w.place, err = newPlacer(w.out, w.store); err != nil {
			return nil, err
		}
	}
	if t.Output != nil && t.Input != nil && t.Input.JSONL == "" && !o.Policy.ListOutputs {
		w.within = newWithin(w.store, t)
	}
	return w, nil
}

// scattered reports whether items of one output folder may come from several places of the listing.
func scattered(in *template.Input) bool {
	return in.JSONL != "" || in.Kind == template.ByGlob && globGoesUp(in.Glob)
}

func (w *walk) run() error {
	in := w.t.Input
	if in.JSONL != "" {
		return w.walkLines()
	}
	if err := checkInputs(w.store, w.t); err != nil {
		return err
	}
	switch {
	case in.Kind == template.ByExts:
		return w.walkExts(".")
	case in.Kind == template.ByGlob:
		base, steps := globSteps(w.t.InputPath, in.Glob)
		return descent{walk: w}.descend(base, steps, nil, false)
	case in.Kind == template.BySubDirectory && in.Level == 0:
		return w.walkInputFolder()
	default:
		steps := slices.Repeat([]step{{pattern: anyName}}, in.Level)
		return descent{walk: w, foldersOnly: true}.descend(w.t.InputPath, steps, nil, false)
	}
}

func (w *walk) warn(warning Warning, unreadable bool) {
	if w.probe != nil {
		return
	}
	w.warns.Lock()
	defer w.warns.Unlock()
	w.o.counters.Warnings.Add(1)
	if unreadable {
		w.o.counters.Unreadable.Add(1)
	}
	if w.o.Warn != nil {
		w.o.Warn(warning)
	}
}

// tick is called between folders, and now and then between lines.
func (w *walk) tick() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.o.tick != nil {
		return w.o.tick()
	}
	return nil
}

// collide returns the error for an item whose output, found under the key, the item of index first has as well. It
// returns nil when that turns out not to be so.
func (w *walk) collide(first uint64, key []byte, second triplet, line uint64) error {
	e := &CollisionError{
		First: fmt.Sprintf("item %d", first), Second: describe(second, line), Output: w.out.of(second).Path,
	}
	if !w.canProbe() {
		return e
	}
	again, err := newWalk(w.ctx, w.t, walkOptions{Options: Options{FS: w.o.FS, Policy: w.o.Policy}})
	if err != nil {
		return e
	}
	defer again.check.close()
	again.probe = &probe{want: first}
	again.order = true
	if err := again.run(); !errors.Is(err, errProbed) {
		return e
	}
	if other, _ := again.place.find(again.probe.found); !bytes.Equal(other, key) {
		return nil
	}
	e.First = describe(again.probe.found, again.probe.line)
	return e
}

// canProbe reports whether the inputs can be listed a second time.
func (w *walk) canProbe() bool {
	if w.t.Input == nil {
		return false
	}
	if w.t.Input.JSONL == "" {
		return true
	}
	kind, err := w.store.stat(w.t.Input.JSONL, true)
	return err == nil && kind == kindFile
}

// describe names an item, with its line in a file of lines; 0: it has none.
func describe(item triplet, line uint64) string {
	if line > 0 {
		return fmt.Sprintf("%s (line %d)", item.Path, line)
	}
	return item.Path
}
