package plan

import "github.com/kagurazaka/kagurazaka/host/template"

// group is items that lie in one folder.
type group struct {
	// dir is what their paths begin with, relDir the rel_dir of all.
	dir, relDir string
	// path replaces dir and name of a group of one.
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

// group takes a folder's items: it shards, checks and hands on.
func (w *walk) group(g *group) error {
	if err := w.tick(); err != nil {
		return err
	}
	list := g.names
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
	w.o.counters.Listed.Add(uint64(len(list.all)))
	if err := w.leaveOut(g, first); err != nil {
		return err
	}
	w.o.counters.ToDo.Add(uint64(len(list.all)))
	if w.o.item == nil || len(list.all) == 0 {
		return nil
	}
	list.sort()
	w.line.group(g)
	for _, n := range list.all {
		if err := w.o.item(w.line.item(list.bytes(n))); err != nil {
			return err
		}
	}
	return nil
}

// finishedItem is an item whose output exists.
type finishedItem struct {
	name  name
	part  uint64
	takes bool
}

// leaveOut drops the names of other shards and those that are finished.
func (w *walk) leaveOut(g *group, first uint64) error {
	list, shard, c := g.names, w.t.Shard, w.o.counters
	everything := shard.Whole() && w.o.shards == nil
	if everything && !w.out.checks() {
		c.InShard.Add(uint64(len(list.all)))
		return nil
	}
	w.there = w.there[:0]
	w.check.folder(g, len(list.all))
	prefix := newHash
	if !everything && shard.ByHash {
		prefix = addHash(addHash(newHash, g.relDir), "/")
	}
	kept := list.all[:0]
	for i, n := range list.all {
		b := list.bytes(n)
		takes, part := true, uint64(0)
		if !everything {
			number := first + uint64(i)
			if shard != nil && shard.ByHash {
				number = addHash(prefix, b).sum()
			}
			if takes, part = w.share(number); !takes && w.o.shards == nil {
				continue
			}
		}
		if w.check.inFolder(g, b) {
			w.there = append(w.there, finishedItem{n, part, takes})
			continue
		}
		w.shardCount(part).ToDo++
		if takes {
			kept = append(kept, n)
		}
	}
	list.all = kept
	c.InShard.Add(uint64(len(kept)))
	return w.finished(g)
}

// finished counts the items whose output exists. Those whose output the journal calls unfinished are still to do, and those that
// somebody else is working on are handed over as open.
func (w *walk) finished(g *group) error {
	if len(w.there) == 0 {
		return nil
	}
	list, c := g.names, w.o.counters
	noted := false
	if w.o.Journal != nil {
		var err error
		if noted, err = w.o.Journal.Look(template.Folder(w.check.relative(g, list.bytes(w.there[0].name)))); err != nil {
			return err
		}
	}
	for _, t := range w.there {
		state, b := template.OutputWhole, list.bytes(t.name)
		if noted {
			state = w.o.Journal.Of(w.check.relative(g, b))
		}
		if state == template.OutputWhole {
			w.shardCount(t.part).Done++
		} else {
			w.shardCount(t.part).ToDo++
		}
		if !t.takes {
			continue
		}
		c.InShard.Add(1)
		switch state {
		case template.OutputWhole:
			c.Done.Add(1)
		case template.OutputUnfinished:
			w.unfinished(g.triplet(b))
			list.all = append(list.all, t.name)
		case template.OutputOpen:
			w.line.group(g)
			if err := w.open(w.line.item(b), g.triplet(b)); err != nil {
				return err
			}
		}
	}
	return nil
}

// share tells which shard the item of a number is in, and whether this run takes it.
func (w *walk) share(number uint64) (takes bool, part uint64) {
	if w.t.Shard == nil {
		return true, 0
	}
	return belongs(w.t.Shard, number), number % w.t.Shard.Num
}

// shardCount is where the items of a shard are counted, if anywhere.
func (w *walk) shardCount(part uint64) *ShardCount {
	if w.o.shards == nil {
		return &w.uncounted
	}
	return &w.o.shards[part]
}

// open hands over an item that somebody else is working on.
func (w *walk) open(line []byte, in triplet) error {
	w.o.counters.Open.Add(1)
	if w.o.open == nil {
		return nil
	}
	path := w.out.checked(in)
	return w.o.open(openItem{line: line, path: path, rel: template.Relative(w.out.root, path)})
}

func (w *walk) unfinished(in triplet) {
	if w.o.Unfinished != nil {
		w.o.Unfinished(w.out.checked(in))
	}
}

// collisions finds two items of the group that would write one output.
func (w *walk) collisions(g *group, first uint64) error {
	if w.out == nil {
		return nil
	}
	list := g.names
	if w.seen != nil {
		for i, n := range list.all {
			item := g.triplet(list.bytes(n))
			key, _ := w.place.find(item)
			if other, found := w.seen.put(key, key, first+uint64(i)); found {
				if err := w.collide(other.index, key, item, 0); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if w.out.Kind != template.ReplacingExt || sameExtension(list) {
		// Names of one folder differ, and so do names with the same ending added or taken away.
		return nil
	}
	w.stems.reset(len(list.all))
	for i, n := range list.all {
		b := list.bytes(n)
		if other, found := w.stems.find(stemOf(b)); found {
			a, b := g.triplet(list.bytes(list.all[other])), g.triplet(b)
			if b.Path < a.Path {
				a, b = b, a
			}
			return &CollisionError{First: a.Path, Second: b.Path, Output: w.out.of(b).Path}
		}
		w.stems.set(stemOf(b), i)
	}
	return nil
}

// unique looks for an item that had the same output before. repeated: it is the very same item.
func (w *walk) unique(index uint64, key, text []byte, item triplet, line uint64) (repeated bool, err error) {
	first, found := w.seen.put(key, text, index)
	if !found {
		return false, nil
	}
	if first.same {
		w.o.counters.Repeated.Add(1)
		w.told.repeated.add(describe(item, line))
		return true, nil
	}
	return false, w.collide(first.index, key, item, line)
}

// stemOf is stem for a single name.
func stemOf(name []byte) []byte { return name[:len(stem(unsafeString(name)))] }

func sameExtension(list *nameList) bool {
	var ext string
	for i, n := range list.all {
		b := list.bytes(n)
		e := unsafeString(b[len(stemOf(b)):])
		if i == 0 {
			ext = e
		} else if e != ext {
			return false
		}
	}
	return true
}
