package plan

import (
	"errors"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Item is an item of a walk. It and what it points to are valid during the call that gets it.
type Item struct {
	// Line is the item as a worker gets it: one line of JSON without a newline; nil unless Need.Line is set.
	Line []byte
	// Entry is the item as a list of items has it, without its outputs: such a line is the item again where a list is read; nil unless
	// Need.Entry is set. Like Line it is nil for an Opaque item.
	Entry []byte
	// Refusal is why the item must not begin; empty: it may.
	Refusal string
	// Number is its place among the items of this run's shard, finished ones included, from 0. In a walk by folders it is set with
	// Need.Order alone.
	Number uint64
	// Input is its input, zero without one. In a walk by folders it is set with Need.Input alone.
	Input triplet
	// State is the state of its output: OutputMissing where nothing tells.
	State template.OutputState
	// Opaque: only the plugin can read the item. Shown is then its printable form, which may be empty, and Key what it is known by.
	Opaque bool
	Shown  string
	Key    itemkey.Key
}

// Need is what the function that gets the items of a walk needs of each.
type Need struct {
	Line, Entry, Input bool
	// Done: it gets those that are finished, and those that another run is working on, too.
	Done bool
	// Order: items have numbers. Folders are sorted before they are looked at.
	Order bool
}

// kept is a name of a group that is looked at.
type kept struct {
	// number is its number in the run, if it is this run's. part is its shard.
	number uint64
	part   uint64
	mine   bool
	state  template.OutputState
}

// each takes a folder's items one by one, in their order: it shards, picks and checks them, and passes on what is needed of each. The walk
// is the same as with leaveOut, which is faster and knows no numbers.
func (w *walk) each(g *group, first uint64) error {
	// Those before the last that can be picked are kept.
	over := w.keep(g, first)
	if err := w.lookAt(g); err != nil {
		return err
	}
	w.line.group(g)
	if w.o.need.Entry {
		w.entry.group(g)
	}
	for i, n := range g.names.all {
		k := w.kept[i]
		k.state = w.judgeName(k.state, g, n)
		w.count(k.state, false, k.part, k.mine)
		if !k.mine {
			continue
		}
		w.found = Item{Number: k.number, State: k.state}
		if err := w.one(g, n); err != nil {
			return err
		}
	}
	return over
}

// keep sorts the names of a group and drops those of other shards and those that are not picked. It returns errPicked if no later item
// can be picked.
func (w *walk) keep(g *group, first uint64) error {
	list, shard := g.names, w.t.Shard
	list.sort()
	w.kept = w.kept[:0]
	byHash := shard != nil && shard.ByHash
	prefix := addHash(addHash(newHash, g.relDir), "/")
	names := list.all[:0]
	for i, n := range list.all {
		if n.kind == kindRepeated {
			continue
		}
		number := first + uint64(i)
		if byHash {
			number = addHash(prefix, list.bytes(n)).sum()
		}
		mine, part := w.share(number)
		if !mine && w.o.shards == nil {
			continue
		}
		k := kept{number: w.number, part: part, mine: mine, state: template.OutputMissing}
		if mine {
			w.number++
			taken, err := w.take(k.number, func() texts { return w.textsOfName(g, n) })
			if err != nil {
				list.all = names
				return err
			}
			if !taken {
				continue
			}
		}
		names = append(names, n)
		w.kept = append(w.kept, k)
	}
	list.all = names
	return nil
}

// errPicked ends a walk in which nothing more can be picked.
var errPicked = errors.New("all picked")

// take reports whether an item of this run is picked. Others are counted.
func (w *walk) take(number uint64, of func() texts) (bool, error) {
	p := w.o.Picker
	if p == nil {
		return true, nil
	}
	if w.o.untilPicked && p.over(number) {
		return false, errPicked
	}
	var t texts
	if p.patterns() {
		t = of()
	}
	if p.take(number, t) {
		return true, nil
	}
	w.o.counters.InShard.Add(1)
	w.o.counters.Unpicked.Add(1)
	return false, nil
}

// picked takes the error that a walk ended with, and tells the picker if it has seen all items.
func (w *walk) picked(err error) error {
	if w.o.Picker != nil && (err == nil || errors.Is(err, errPicked)) {
		w.o.Picker.end()
	}
	return err
}

func (w *walk) textsOfName(g *group, n name) texts {
	return textsOf(g.triplet(g.names.bytes(n)), "", func() itemkey.Key {
		// The line of a group of one has no other name.
		w.line.group(g)
		return itemkey.Of(w.line.item(n))
	})
}

func (w *walk) textsOfLine(line []byte, item scanned) texts {
	return textsOf(item.input, string(line), func() itemkey.Key { return itemkey.Of(w.compose(line, item)) })
}

// one passes on an item of this run.
func (w *walk) one(g *group, n name) error {
	name := g.names.bytes(n)
	switch state := w.found.State; {
	case state == template.OutputWhole && !w.o.need.Done:
		return nil
	case state == template.OutputOpen:
		if err := w.open(w.line.item(n), g.triplet(name)); err != nil || !w.o.need.Done {
			return err
		}
	case state == template.OutputUnfinished:
		w.unfinished(g.triplet(name))
	}
	if w.o.item == nil {
		return nil
	}
	if w.o.need.Line {
		w.found.Line = w.line.item(n)
	}
	if w.o.need.Entry {
		w.found.Entry = w.entry.item(n)
	}
	if w.o.need.Input {
		w.found.Input = g.triplet(name)
	}
	return w.o.item(&w.found)
}

// lookAt sets the states of the outputs of a group. The journal answers for outputs that existed before it looks, so all are looked for
// first.
func (w *walk) lookAt(g *group) error {
	w.check.folder(g)
	existing := -1
	for i, n := range g.names.all {
		if w.check.inFolder(g, g.names.bytes(n)) {
			w.kept[i].state, existing = template.OutputWhole, i
		}
	}
	if existing < 0 || w.o.Journal == nil {
		return nil
	}
	noted, err := w.o.Journal.Look(template.Folder(w.check.relative(g, g.names.bytes(g.names.all[existing]))))
	if err != nil || !noted {
		return err
	}
	for i, n := range g.names.all {
		if k := &w.kept[i]; k.state == template.OutputWhole {
			k.state = w.o.Journal.Of(w.check.relative(g, g.names.bytes(n)))
		}
	}
	return nil
}
