package plan

import (
	"context"
	"path"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// kindRepeated is the kind of a name whose item an earlier mode of a merge has listed.
const kindRepeated = kindOther + 1

// merges reports whether the items come from several modes, which may list one item twice.
func (w *walk) merges() bool { return w.whole.Input != nil && w.whole.Input.Kind == template.Merged }

// eachMode lists the modes of a merge one after another by the function, and any other input mode alone.
func (w *walk) eachMode(list func() error) error {
	if !w.merges() {
		return w.eachRoot(list)
	}
	defer func() { w.t = w.whole }()
	for _, mode := range w.whole.Input.Modes {
		one := *w.whole
		one.Input = mode
		w.t = &one
		w.line.members, w.entry.members = newMemberWriter(mode), newMemberWriter(mode)
		if err := w.eachRoot(list); err != nil {
			return err
		}
	}
	return nil
}

// listMode lists one input mode.
func (w *walk) listMode() error {
	if w.t.Input.JSONL != "" {
		return w.run()
	}
	outer := w.ctx
	ctx, cancel := context.WithCancel(outer)
	defer func() {
		cancel()
		w.ctx, w.groups = outer, nil
	}()
	w.ctx = ctx
	return w.runAhead(cancel)
}

// checkModes is checkInputs for the modes of a merge.
func checkModes(store FS, t *template.Template) error {
	for _, mode := range t.Input.Modes {
		one := *t
		one.Input = mode
		if err := checkInputs(store, &one); err != nil {
			return err
		}
	}
	return nil
}

// identity returns what two items of a merge share if they are one and the same: the line of a file, or else the input with the names
// of its files.
func (w *walk) identity(item scanned, line []byte) []byte {
	if !w.merges() || !w.t.Input.OnlyInput() {
		return line
	}
	w.text = appendIdentity(w.text[:0], item.input)
	return w.text
}

// identityOf is identity for an item of a group.
func (w *walk) identityOf(g *group, n name) []byte {
	w.text = appendIdentity(w.text[:0], g.triplet(g.names.bytes(n)))
	g.names.files(n, len(w.t.Input.Members), func(_ int, file []byte) {
		w.text = append(append(w.text, 0), file...)
	})
	return w.text
}

// appendIdentity appends what tells an input from others. Modes write one path in several ways: IN/./a.jpg and IN/a.jpg.
func appendIdentity(dst []byte, in triplet) []byte {
	dst = append(append(dst, path.Clean(in.Path)...), 0)
	dst = append(append(dst, in.RelDir...), 0)
	return append(dst, in.FileName...)
}
