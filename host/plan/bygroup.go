package plan

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// grouping makes items of the files of one folder that share a stem. Its memory is used again for the next folder.
type grouping struct {
	parts []groupFile
	// files are the names of an item's files by member; empty: absent.
	files [][]byte
	// items is the list that the items are put in, which then changes places with the list of the files.
	items *nameList
}

// groupFile is a file of a folder that belongs to an item.
type groupFile struct {
	name []byte
	// stem is the length of the name's stem. member is the index of the file's member, and rank that of its extension there.
	stem, member, rank int
}

// groupFileOf returns what a name is to an item; false: it is none. Of several extensions that fit, the longest counts.
func groupFileOf(members []template.Member, name []byte) (groupFile, bool) {
	found := groupFile{stem: len(name)}
	for i, m := range members {
		for rank, ext := range m.Exts {
			if stem := len(name) - len(ext); stem > 0 && stem < found.stem && endsWithAny(name, m.Exts[rank:rank+1]) {
				found = groupFile{name, stem, i, rank}
			}
		}
	}
	return found, found.name != nil
}

// gather turns the files in w.names, which lie in the folder rel, into items.
func (w *walk) gather(rel string) error {
	g := &w.grouping
	g.begin(w.t.Input.Members)
	for _, n := range w.names.all {
		if p, ok := groupFileOf(w.t.Input.Members, w.names.bytes(n)); ok {
			g.parts = append(g.parts, p)
		}
	}
	slices.SortFunc(g.parts, func(a, b groupFile) int {
		return cmp.Or(bytes.Compare(a.name[:a.stem], b.name[:b.stem]), a.member-b.member, a.rank-b.rank, bytes.Compare(a.name, b.name))
	})
	for rest := g.parts; len(rest) > 0; {
		stem, n := rest[0].name[:rest[0].stem], 1
		for n < len(rest) && bytes.Equal(stem, rest[n].name[:rest[n].stem]) {
			n++
		}
		clear(g.files)
		for _, p := range rest[:n] {
			if taken := g.files[p.member]; taken == nil {
				g.files[p.member] = p.name
			} else if w.probe == nil {
				w.o.counters.Surplus.Add(1)
				w.remarks.surplus.add(path.Join(w.t.InputPath, rel, string(p.name)) + " beside " + string(taken))
			}
		}
		if err := w.addItem(rel, stem, g.files[w.t.Input.First], kindFile); err != nil {
			return err
		}
		rest = rest[n:]
	}
	w.names, g.items = g.items, w.names
	return nil
}

func (g *grouping) begin(members []template.Member) {
	if g.items == nil {
		g.items = &nameList{}
	}
	g.items.reset()
	g.parts = g.parts[:0]
	if len(g.files) != len(members) {
		g.files = make([][]byte, len(members))
	}
}

// addItem adds the item of w.grouping.files, unless a required file is absent. shown names the item in messages; name is its name.
func (w *walk) addItem(rel string, shown, name []byte, kind fileKind) error {
	var absent []string
	for i, m := range w.t.Input.Members {
		if m.Required && len(w.grouping.files[i]) == 0 {
			absent = append(absent, m.ID)
		}
	}
	if absent == nil {
		return w.grouping.items.addItem(name, kind, w.grouping.files)
	}
	if w.probe == nil {
		w.o.counters.Incomplete.Add(1)
		w.remarks.incomplete.addNamed(path.Join(w.t.InputPath, rel, string(shown)) + " (no " + strings.Join(absent, ", no ") + ")")
	}
	return nil
}
