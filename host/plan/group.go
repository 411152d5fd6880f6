package plan

import (
	"bytes"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// group is items that lie in one folder.
type group struct {
	// dir is the start of their paths, and relDir the rel_dir of all.
	dir, relDir string
	// path replaces dir and name in a group of one.
	path string
	// names are the items' file names. The group may reorder and shorten the list.
	names *nameList
}

func (g *group) pathOf(name []byte) string {
	if g.path != "" {
		return g.path
	}
	return template.Join(g.dir, string(name))
}

func (g *group) triplet(name []byte) triplet {
	return triplet{Path: g.pathOf(name), RelDir: g.relDir, FileName: string(name)}
}

// group takes a folder's items: it shards and checks them, and passes on those to do.
func (w *walk) group(g *group) error {
	if err := w.tick(); err != nil {
		return err
	}
	if w.t.Input.Kind == template.ByTar {
		return w.archives(g)
	}
	list := g.names
	if w.o.Sieve != nil {
		w.sift(g)
	}
	if len(list.all) == 0 {
		return nil
	}
	first := w.next
	w.next += uint64(len(list.all))
	if w.order {
		list.sort()
	}
	if w.probe != nil {
		if w.probe.want >= w.next {
			return nil
		}
		w.probe.found = g.triplet(list.bytes(list.all[w.probe.want-first]))
		return errProbed
	}
	if err := w.collisions(g, first); err != nil {
		return err
	}
	w.o.counters.Listed.Add(uint64(len(list.all) - w.repeats))
	if w.o.need.Order || w.o.need.Done {
		return w.each(g, first)
	}
	if err := w.leaveOut(g, first); err != nil {
		return err
	}
	if w.o.item == nil || len(list.all) == 0 {
		return nil
	}
	list.sort()
	w.line.group(g)
	if w.o.need.Entry {
		w.entry.group(g)
	}
	w.found = Item{}
	for _, n := range list.all {
		if w.o.need.Line {
			w.found.Line = w.line.item(n)
		}
		if w.o.need.Entry {
			w.found.Entry = w.entry.item(n)
		}
		if w.o.need.Input {
			w.found.Input = g.triplet(list.bytes(n))
		}
		if err := w.o.item(&w.found); err != nil {
			return err
		}
	}
	return nil
}

// existing is an item whose output exists.
type existing struct {
	name name
	part uint64
	mine bool
}

// leaveOut drops the names of other shards and those that are finished.
func (w *walk) leaveOut(g *group, first uint64) error {
	list, shard := g.names, w.t.Shard
	w.existing = w.existing[:0]
	if !shard.Whole() || w.o.shards != nil || w.out.checks() || w.repeats > 0 {
		w.check.folder(g)
		byHash := shard != nil && shard.ByHash
		prefix := addHash(addHash(newHash, g.relDir), "/")
		kept := list.all[:0]
		for i, n := range list.all {
			if n.kind == kindRepeated {
				continue
			}
			b := list.bytes(n)
			number := first + uint64(i)
			if byHash {
				number = addHash(prefix, b).sum()
			}
			mine, part := w.share(number)
			switch {
			case !mine && w.o.shards == nil:
			case w.check.inFolder(g, b):
				w.existing = append(w.existing, existing{n, part, mine})
			default:
				w.shardCount(part).ToDo++
				if mine {
					kept = append(kept, n)
				}
			}
		}
		list.all = kept
	}
	w.o.counters.InShard.Add(uint64(len(list.all)))
	w.o.counters.ToDo.Add(uint64(len(list.all)))
	return w.finished(g)
}

// finished counts the items whose output exists. Those with an unfinished output are still to do.
func (w *walk) finished(g *group) error {
	if len(w.existing) == 0 {
		return nil
	}
	list, noted := g.names, false
	if w.o.Journal != nil {
		var err error
		if noted, err = w.o.Journal.Look(template.Folder(w.check.relative(g, list.bytes(w.existing[0].name)))); err != nil {
			return err
		}
	}
	for _, e := range w.existing {
		state, b := template.OutputWhole, list.bytes(e.name)
		if noted {
			state = w.o.Journal.Of(w.check.relative(g, b))
		}
		if e.mine || w.o.shards != nil {
			state = w.judgeName(state, g, e.name)
		}
		w.count(state, false, e.part, e.mine)
		switch {
		case !e.mine:
		case state == template.OutputUnfinished:
			w.unfinished(g.triplet(b))
			list.all = append(list.all, e.name)
		case state == template.OutputOutdated:
			list.all = append(list.all, e.name)
		case state == template.OutputOpen:
			w.line.group(g)
			if err := w.open(w.line.item(e.name), g.triplet(b)); err != nil {
				return err
			}
		}
	}
	return nil
}

// share returns the shard of the item with a number, and whether this run takes it.
func (w *walk) share(number uint64) (mine bool, part uint64) {
	if w.t.Shard == nil {
		return true, 0
	}
	return belongs(w.t.Shard, number), number % w.t.Shard.Num
}

func (w *walk) shardCount(part uint64) *ShardCount {
	if w.o.shards == nil {
		return &w.uncounted
	}
	return &w.o.shards[part]
}

// count counts an item by the state of its output. A refused item must not begin.
func (w *walk) count(state template.OutputState, refused bool, part uint64, mine bool) {
	shard, c := w.shardCount(part), w.o.counters
	switch {
	case refused:
		shard.Refused++
	case state == template.OutputWhole:
		shard.Done++
	default:
		shard.ToDo++
	}
	if !mine {
		return
	}
	c.InShard.Add(1)
	switch {
	case refused:
		c.Refused.Add(1)
	case state == template.OutputWhole:
		c.Done.Add(1)
	case state == template.OutputOpen:
		c.Open.Add(1)
	default:
		c.ToDo.Add(1)
		if state == template.OutputOutdated {
			c.Outdated.Add(1)
		}
	}
}

// open passes on an item that another run is working on.
func (w *walk) open(line []byte, in triplet) error {
	if w.o.open == nil {
		return nil
	}
	path := w.out.checked(in)
	item := openItem{line: line, path: path, rel: template.Relative(w.out.root, path)}
	if w.out.redoes() {
		item.inputs = inputsOf(line)
	}
	return w.o.open(item)
}

func (w *walk) unfinished(in triplet) {
	w.o.counters.Unfinished.Add(1)
	if w.o.Unfinished != nil {
		w.o.Unfinished(w.out.checked(in))
	}
}

// collisions finds two items of the group with the same output.
func (w *walk) collisions(g *group, first uint64) error {
	list := g.names
	w.repeats = 0
	if w.seen != nil {
		for i, n := range list.all {
			item := g.triplet(list.bytes(n))
			key, _ := w.place.find(item)
			text := unsafeString(w.identityOf(g, n))
			if other, found := w.seen.put(key, text, first+uint64(i)); found && other.same && w.merges() {
				list.all[i].kind = kindRepeated
				w.repeats++
				w.o.counters.Repeated.Add(1)
				w.remarks.repeated.add(item.Path)
			} else if found {
				if err := w.collide(other.index, key, item, 0); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if w.out == nil || w.out.Kind != template.ReplacingExt && w.out.Kind != template.InTar || sameExtension(list) {
		// Names in one folder differ, and so do names with the same ending added or removed.
		return nil
	}
	stems := make(map[string][]byte, len(list.all))
	for _, n := range list.all {
		b := list.bytes(n)
		if other, found := stems[stemOf(b)]; found {
			a, b := g.triplet(other), g.triplet(b)
			if b.Path < a.Path {
				a, b = b, a
			}
			return w.out.shared(a.Path, b.Path, b)
		}
		stems[stemOf(b)] = b
	}
	return nil
}

// stemOf is stem for a single name. It is valid as long as the name.
func stemOf(name []byte) string { return stem(unsafeString(name)) }

func sameExtension(list *nameList) bool {
	extension := func(n name) []byte { return list.bytes(n)[len(stemOf(list.bytes(n))):] }
	first := extension(list.all[0])
	return !slices.ContainsFunc(list.all, func(n name) bool { return !bytes.Equal(extension(n), first) })
}
