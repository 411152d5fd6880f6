package plan

import (
	"bytes"

	"github.com/kagurazaka/kagurazaka/host/template"
)

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
	return triplet{path: g.pathOf(name), relDir: g.relDir, fileName: string(name)}
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
	c := w.o.counters
	c.Listed.Add(uint64(len(list.all)))
	done, inShard, err := w.leaveOut(g, first)
	if err != nil {
		return err
	}
	c.InShard.Add(inShard)
	c.Done.Add(done)
	c.ToDo.Add(uint64(len(list.all)))
	if w.o.item == nil || len(list.all) == 0 {
		return nil
	}
	if !w.order {
		list.sort()
	}
	w.line.group(g)
	for _, n := range list.all {
		if err := w.o.item(w.line.item(list.bytes(n))); err != nil {
			return err
		}
	}
	return nil
}

// thereItem is an item whose output is there.
type thereItem struct {
	name  name
	part  uint64
	takes bool
}

// leaveOut drops the names of other shards and those that are finished.
func (w *walk) leaveOut(g *group, first uint64) (done, inShard uint64, err error) {
	list, shard := g.names, w.t.Shard
	everything := shard.Whole() && w.o.shards == nil
	if everything && !w.out.checks() {
		return 0, uint64(len(list.all)), nil
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
			takes = belongs(shard, number)
			if shard != nil {
				part = number % shard.Num
			}
			if !takes && w.o.shards == nil {
				continue
			}
		}
		finished := w.check.inFolder(g, b)
		w.count(part, finished, false)
		if finished && w.o.Journal != nil {
			w.there = append(w.there, thereItem{n, part, takes})
		}
		if !takes {
			continue
		}
		inShard++
		if finished {
			done++
			continue
		}
		kept = append(kept, n)
	}
	list.all = kept
	if len(w.there) == 0 {
		return done, inShard, nil
	}
	left, err := w.notWhole(g)
	return done - left, inShard, err
}

// notWhole asks the journal about the outputs that are there. Items whose output is unfinished are still to do; those that
// somebody else is working on are handed over as open. It returns how many of both there are in the shard.
func (w *walk) notWhole(g *group) (left uint64, err error) {
	folder := template.Folder(w.check.relative(g, g.names.bytes(w.there[0].name)))
	asked, err := w.o.Journal.Look(folder)
	if err != nil || !asked {
		return 0, err
	}
	list := g.names
	before := len(list.all)
	for _, t := range w.there {
		b := list.bytes(t.name)
		state := w.o.Journal.Of(w.check.relative(g, b))
		if state == template.OutputWhole {
			continue
		}
		if w.o.shards != nil {
			w.o.shards[t.part].Done--
			w.o.shards[t.part].ToDo++
		}
		if !t.takes {
			continue
		}
		left++
		if state == template.OutputUnfinished {
			w.unfinished(g.triplet(b))
			list.all = append(list.all, t.name)
			continue
		}
		w.line.group(g)
		if err := w.open(w.line.item(b), g.triplet(b)); err != nil {
			return left, err
		}
	}
	if len(list.all) > before && w.order {
		list.sort()
	}
	return left, nil
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

func (w *walk) count(part uint64, finished, refused bool) {
	if w.o.shards == nil {
		return
	}
	switch {
	case finished:
		w.o.shards[part].Done++
	case refused:
		w.o.shards[part].Refused++
	default:
		w.o.shards[part].ToDo++
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
				if err := w.collide(other.index, key, item, ""); err != nil {
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
		s := stemOf(b)
		other, found := w.stems.put(s, i, func(j int) bool { return bytes.Equal(stemOf(list.bytes(list.all[j])), s) })
		if found {
			a, b := g.triplet(list.bytes(list.all[other])), g.triplet(b)
			if b.path < a.path {
				a, b = b, a
			}
			return &CollisionError{First: a.path, Second: b.path, Output: w.out.of(b).path}
		}
	}
	return nil
}

// unique looks for an item that had the same output before. repeated: it is the very same item.
func (w *walk) unique(index uint64, key, text []byte, item triplet, where string) (repeated bool, err error) {
	first, found := w.seen.put(key, text, index)
	if !found {
		return false, nil
	}
	if first.same {
		w.o.counters.Repeated.Add(1)
		w.told.repeated.add(describe(item, where))
		return true, nil
	}
	return false, w.collide(first.index, key, item, where)
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
