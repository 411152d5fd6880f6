package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Counters count the items of a walk. Any goroutine may read them.
type Counters struct {
	// Listed counts all items, of every shard.
	Listed atomic.Uint64
	// InShard counts those that this run's soft shard takes.
	InShard atomic.Uint64
	// Done counts those in the shard that are finished, Refused those that must not begin, and ToDo the others.
	Done, Refused, ToDo atomic.Uint64
	// Unpicked counts those in the shard that the picker did not take. They are neither done nor to do.
	Unpicked atomic.Uint64
	// These are left out, of every shard: lines that are not items, lines that repeat an earlier one, outputs of other items
	// that lie in the input folder, and named pipes, sockets and devices.
	BadLines, Repeated, Outputs, Special atomic.Uint64
	// Incomplete counts groups of files, of every shard, that are no items because a required file is absent. Surplus counts files that
	// are left out because a group has another file for their id.
	Incomplete, Surplus atomic.Uint64
	// Open counts those in the shard that another run is working on. They are neither done nor to do.
	Open atomic.Uint64
	// Unfinished counts those to do whose output exists, and Outdated those whose output is whole and older than its input.
	Unfinished, Outdated atomic.Uint64
	// Warnings counts calls of Warn, and Unreadable those about an input folder whose items are left out.
	Warnings, Unreadable atomic.Uint64
}

// ShardCount counts the items of one shard.
type ShardCount struct {
	Done    uint64 `json:"done"`
	ToDo    uint64 `json:"to_do"`
	Refused uint64 `json:"refused,omitempty"`
}

// Policy is what the user allows a listing to do. The zero value is the strictest.
type Policy struct {
	// OutputsOutside allows the lines of a file to name outputs outside of the output folder.
	OutputsOutside bool
	// ListOutputs lists the outputs of other items, if the output folder lies in the input folder.
	ListOutputs bool
	// SkipBadLines leaves out lines that are not items. Otherwise the first one ends the listing.
	SkipBadLines bool
}

// walkOptions are what a walk does with the items of a listing.
type walkOptions struct {
	Options
	// item takes each item that is still to do, and with need.Done the others of this run, too. An error ends the walk. nil: items
	// are only counted.
	item func(*Item) error
	// need is what item needs to know of each.
	need Need
	// open takes each item that another run is working on; nil: they are only counted.
	open func(openItem) error
	// untilPicked ends the walk where nothing more can be picked.
	untilPicked bool
	// tick is called now and then between items, even if all of them are finished; may be nil.
	tick func() error
	// idle is called before the walk waits for input of a pipe; may be nil.
	idle func() error
	// counters are added to.
	counters *Counters
	// shards gets the counts of every shard, by its index. Then all items are checked. nil: only this run's count.
	shards []ShardCount
}

// walkInputs lists the template's inputs in their fixed order and passes on those of the soft shard that are not finished. Memory
// grows with the largest folder, not with the number of items. Nothing is created or changed.
//
// It returns *template.InputError if the inputs cannot be listed, *CollisionError if two inputs have one output, the
// context's error, or the error of a function of the options. The template must be native and list inputs.
func walkInputs(ctx context.Context, t *template.Template, o walkOptions) error {
	if !t.Native() || t.Input == nil {
		return errors.New("this template does not list items: the task does")
	}
	w, err := newWalk(ctx, t, o)
	if err != nil {
		return err
	}
	defer w.check.current.close()
	defer w.report()
	return w.picked(w.eachMode(w.listMode))
}

// runAhead reads the folders of the inputs in a goroutine of its own, and those of the outputs in this one. cancel ends w.ctx.
func (w *walk) runAhead(cancel func()) error {
	w.groups = make(chan *group)
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
		}
	}
	if err := <-listed; failed == nil {
		failed = err
	}
	return failed
}

// emit passes on a group with its list of names, and takes another list.
func (w *walk) emit(g *group) error {
	if w.groups == nil {
		return w.group(g)
	}
	select {
	case w.groups <- g:
		// A group is received when the one before it is done, so the list of that one is free.
		w.names, w.spare = w.spare, w.names
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// walk is one pass over the inputs, or over the items that a task lists itself: those are given to single, one by one.
type walk struct {
	ctx context.Context
	// t is the template, with one of the modes of a merge as its input mode. whole is the template as it is.
	t, whole *template.Template
	o        walkOptions
	out      *outputs
	// store has the inputs and the outputs.
	store FS

	// next is the index of the next item in the listing.
	next uint64
	// order: items must be numbered in sorted order, because a shard or the table of outputs counts them.
	order bool
	// seen finds outputs that two items share, if they may lie in different folders; nil: they cannot.
	seen  *outputTable
	place *placer
	check *finishCheck
	probe *probe
	// within is the output folder in the input folder; nil: it lies elsewhere, or does not matter.
	within  *within
	remarks remarks

	// grouping makes items of several files, inner has the names of a folder that may be an item, and text is memory for an identity.
	grouping grouping
	inner    nameList
	text     []byte
	// inputs knows which folders of the input folder are unfinished; nil: none.
	inputs Journal
	// repeats is the number of names of a group that repeat an item of an earlier mode.
	repeats int

	// names is the list that the next folder is read into, and spare the list of the group before, which may still be in use.
	names, spare *nameList
	// groups go to the goroutine that handles them; nil: emit handles them itself. It has no buffer.
	groups chan *group
	warns  sync.Mutex

	existing []existing
	// uncounted takes counts of shards that are not needed.
	uncounted ShardCount
	// line writes the lines of a group's items, and entry the same without outputs.
	line, entry lineWriter
	// number is the number of the next item of this run. found is what the function of the options gets.
	number uint64
	found  Item
	// kept are what is known of the names of a group.
	kept []kept
	// roots are all folders of the inputs; nil: there is one.
	roots []string
	// filter leaves out files of the mode; nil: none.
	filter *filter
	// paths reads the lines of a list of paths; nil: they are lines of JSON.
	paths *pathLines
	// sifted is memory for the paths that the sieve looks at.
	sifted struct{ rel, dir []byte }
	// long is memory for a line that is longer than the reader's buffer.
	long []byte
}

// probe looks up one item by its index, in a walk of its own.
type probe struct {
	want  uint64
	found triplet
	// line is its line in a file of lines, from 1.
	line uint64
}

var errProbed = errors.New("found")

func newWalk(ctx context.Context, t *template.Template, o walkOptions) (*walk, error) {
	if o.counters == nil {
		o.counters = &Counters{}
	}
	w := &walk{ctx: ctx, t: t, whole: t, o: o, out: outputsOf(t), store: o.store(), names: &nameList{}, spare: &nameList{}}
	w.check = &finishCheck{out: w.out, store: w.store, packed: o.Packed, warn: w.warn}
	w.line.out = w.out
	if t.Input != nil {
		w.line.members, w.entry.members = newMemberWriter(t.Input), newMemberWriter(t.Input)
	}
	byIndex := t.Shard != nil && !t.Shard.ByHash
	w.o.need.Order = o.need.Order || o.Picker != nil
	w.order = w.o.need.Order || byIndex && (!t.Shard.Whole() || o.shards != nil)
	if t.Output != nil && (t.Input == nil || scattered(t.Input) || t.InputPaths != nil) {
		w.seen = &outputTable{}
		w.order = true
		var err error
		if w.place, err = newPlacer(w.out, w.store); err != nil {
			return nil, err
		}
	}
	w.findWithin()
	return w, nil
}

// findWithin finds out whether the output folder lies in the input folder.
func (w *walk) findWithin() {
	w.within = nil
	if t := w.t; t.Output != nil && t.Input != nil && t.Input.JSONL == "" && !w.o.Policy.ListOutputs {
		w.within = newWithin(w.store, t)
	}
}

// scattered reports whether items with one output folder may lie far apart in the listing.
func scattered(in *template.Input) bool {
	return in.JSONL != "" || in.Kind == template.Merged || in.Kind == template.ByTar || in.Kind == template.ByGlob && globGoesUp(in.Glob)
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
	case in.Kind == template.ByExts, in.Kind == template.ByGroup:
		w.filter = newFilter(in)
		return w.walkExts(".")
	case in.Kind == template.ByFolder:
		return w.walkFolderItems()
	case in.Globs():
		base, steps := globSteps(w.t.InputPath, in.Glob, in.Recursive)
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

// collide returns the error for an item whose output has the hash of an earlier item's. It finds the earlier item by its index first, and
// returns nil if that has another output.
func (w *walk) collide(first uint64, key string, second triplet, line uint64) error {
	e := w.out.shared(fmt.Sprintf("item %d", first), describe(second, line), second)
	if !w.canProbe() {
		return e
	}
	again, err := newWalk(w.ctx, w.whole, walkOptions{Options: Options{FS: w.o.FS, Policy: w.o.Policy, Inputs: w.o.Inputs, Sieve: w.o.Sieve.again()}})
	if err != nil {
		return e
	}
	again.probe = &probe{want: first}
	again.order = true
	if err := again.eachMode(again.run); !errors.Is(err, errProbed) {
		return e
	}
	if other, _ := again.place.find(again.probe.found); other != key {
		return nil
	}
	e.First = describe(again.probe.found, again.probe.line)
	return e
}

// canProbe reports whether the inputs can be listed a second time.
func (w *walk) canProbe() bool {
	in := w.whole.Input
	if in == nil {
		return false
	}
	return !slices.ContainsFunc(append(in.Modes, in), func(in *template.Input) bool {
		if in.JSONL == "" {
			return false
		}
		kind, _, err := stat(w.store, in.JSONL, true)
		return err != nil || kind != kindFile
	})
}

// describe names an item, with its line in a file of lines; 0: it has none.
func describe(item triplet, line uint64) string {
	if line > 0 {
		return fmt.Sprintf("%s (line %d)", item.Path, line)
	}
	return item.Path
}
