package plan

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// Made knows what made the output of an item, by the key of the item as workers get it: nothing known, the same as would make it now, or
// something else.
type Made interface {
	Of(key itemkey.Key) (same, known bool)
}

// redoes reports whether an item whose output is whole may have to be done again.
func (o *outputs) redoes() bool { return o.checks() && (o.finish.Newer || o.finish.Changed) }

// judge is the state of an item whose output exists and is whole, if nothing but its inputs and what made it can tell otherwise. line
// writes the item, where it is needed.
func (w *walk) judge(state template.OutputState, in triplet, line func() []byte) template.OutputState {
	if state != template.OutputWhole || !w.out.redoes() {
		return state
	}
	inputs := []string{in.Path}
	if w.t.Input != nil && len(w.t.Input.Members) > 0 || w.merges() {
		inputs = inputsOf(line())
	}
	if outdated(w.store, w.out.checked(in), inputs) {
		return template.OutputOutdated
	}
	if w.out.finish.Changed && w.o.Made != nil {
		switch same, known := w.o.Made.Of(itemkey.Of(line())); {
		case !known:
			w.remarks.unmade.add(w.out.checked(in))
			return template.OutputOutdated
		case !same:
			return template.OutputOutdated
		}
	}
	return state
}

// judgeName is judge for an item of a group.
func (w *walk) judgeName(state template.OutputState, g *group, n name) template.OutputState {
	if state != template.OutputWhole || !w.out.redoes() {
		return state
	}
	return w.judge(state, g.triplet(g.names.bytes(n)), func() []byte {
		w.line.group(g)
		return w.line.item(n)
	})
}

// outdated reports whether one of the inputs was modified after the output. What cannot be examined is not newer; an output that is gone has
// to be made.
func outdated(store FS, output string, inputs []string) bool {
	made, err := modified(store, output)
	if err != nil {
		return isMissing(err)
	}
	for _, path := range inputs {
		if changed, err := modified(store, path); err == nil && changed.After(made) {
			return true
		}
	}
	return false
}

// modified is when a file was modified last. A path that goes on behind a file is a member of that: an archive.
func modified(store FS, path string) (time.Time, error) {
	info, err := store.Stat(path)
	for errors.Is(err, syscall.ENOTDIR) {
		path, _ = split(path)
		info, err = store.Stat(path)
	}
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// inputsOf are the paths of an item's inputs: input, and each input_ID. A folder that is input with its files does not count: it changes when
// any file is added to it, an output as well.
func inputsOf(line []byte) (paths []string) {
	folder := ""
	_ = jsontext.Object(line, func(key, value []byte) error {
		name := unsafeString(key)
		if name != "input" && !strings.HasPrefix(name, "input_") || value[0] != '{' {
			return nil
		}
		var t triplet
		if complete, err := t.Read(value); complete && err == nil {
			paths = append(paths, t.Path)
			if name == "input" {
				folder = t.Path
			}
		}
		return nil
	})
	if slices.ContainsFunc(paths, func(p string) bool { return folder != "" && strings.HasPrefix(p, folder+"/") }) {
		paths = slices.DeleteFunc(paths, func(p string) bool { return p == folder })
	}
	return paths
}

// Outdated reports whether an item, as workers get it, has to be done again under a template although its output exists at a path.
func Outdated(t *template.Template, item []byte, output string) bool {
	return t.Finish != nil && (t.Finish.Newer || t.Finish.Changed) && outdated(localDisk{}, output, inputsOf(item))
}
