package plan

import "github.com/kagurazaka/kagurazaka/host/template"

// Item is an item of a walk. It and what it points to are valid during the call that gets it.
type Item struct {
	// Line is the item as a worker gets it: one line of JSON without a newline; nil unless Need.Line is set.
	Line []byte
	// Refusal is why the item must not begin; empty: it may.
	Refusal string
	// Number is its place among the items of this run's shard, finished ones included, from 0. In a walk by folders it is set with
	// Need.Order alone.
	Number uint64
	// Input is its input, zero without one. In a walk by folders it is set with Need.Input alone.
	Input triplet
	// State is the state of its output: OutputMissing where nothing tells.
	State template.OutputState
}

// Need is what the function that gets the items of a walk needs of each.
type Need struct {
	Line, Input bool
	// Done: it gets those that are finished, and those that another run is working on, too.
	Done bool
	// Order: items have numbers. Folders are sorted before they are looked at.
	Order bool
}

// each takes a folder's items one by one, in their order: it shards and checks them, and passes on what is needed of each. The walk is
// the same as with leaveOut, which is faster and knows no numbers.
func (w *walk) each(g *group, first uint64) error {
	list := g.names
	list.sort()
	if err := w.lookAt(g); err != nil {
		return err
	}
	shard := w.t.Shard
	byHash := shard != nil && shard.ByHash
	prefix := addHash(addHash(newHash, g.relDir), "/")
	w.line.group(g)
	for i, n := range list.all {
		name := list.bytes(n)
		number := first + uint64(i)
		if byHash {
			number = addHash(prefix, name).sum()
		}
		mine, part := w.share(number)
		if !mine && w.o.shards == nil {
			continue
		}
		w.count(w.states[i], false, part, mine)
		if !mine {
			continue
		}
		w.found = Item{Number: w.number, State: w.states[i]}
		w.number++
		if err := w.one(g, name); err != nil {
			return err
		}
	}
	return nil
}

// one passes on an item of this run.
func (w *walk) one(g *group, name []byte) error {
	switch state := w.found.State; {
	case state == template.OutputWhole && !w.o.need.Done:
		return nil
	case state == template.OutputOpen:
		if err := w.open(w.line.item(name), g.triplet(name)); err != nil || !w.o.need.Done {
			return err
		}
	case state == template.OutputUnfinished:
		w.unfinished(g.triplet(name))
	}
	if w.o.item == nil {
		return nil
	}
	if w.o.need.Line {
		w.found.Line = w.line.item(name)
	}
	if w.o.need.Input {
		w.found.Input = g.triplet(name)
	}
	return w.o.item(&w.found)
}

// lookAt sets the states of the outputs of a group. The journal answers for outputs that existed before it looks, so all are looked for
// first.
func (w *walk) lookAt(g *group) error {
	w.states = w.states[:0]
	w.check.folder(g)
	existing := -1
	for i, n := range g.names.all {
		state := template.OutputMissing
		if w.check.inFolder(g, g.names.bytes(n)) {
			state, existing = template.OutputWhole, i
		}
		w.states = append(w.states, state)
	}
	if existing < 0 || w.o.Journal == nil {
		return nil
	}
	noted, err := w.o.Journal.Look(template.Folder(w.check.relative(g, g.names.bytes(g.names.all[existing]))))
	if err != nil || !noted {
		return err
	}
	for i, n := range g.names.all {
		if w.states[i] == template.OutputWhole {
			w.states[i] = w.o.Journal.Of(w.check.relative(g, g.names.bytes(n)))
		}
	}
	return nil
}
