package plan

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// within is an output folder that lies in the input folder, or is the input folder: what is written there would be listed
// as inputs. Names alone decide what is an output, whether it exists already or not: numbers of items must not depend on
// what is finished. The output of a file that is an output itself counts, too, so that what a run without this made of
// outputs is no input.
type within struct {
	// at is the output folder, relative to the input folder; "." for the same folder.
	at  string
	out *template.Output

	// sources are the inputs of one folder, by what their outputs' names have in common with theirs.
	sources nameIndex
	warned  bool
}

// newWithin returns nil where the output folder does not lie in the input folder.
func newWithin(s store, t *template.Template) *within {
	in, err := realPath(s, t.InputPath)
	if err != nil {
		return nil
	}
	out, err := realPath(s, t.OutputPath)
	if err != nil {
		return nil
	}
	at, err := filepath.Rel(in, out)
	if err != nil || at == ".." || strings.HasPrefix(at, "../") {
		return nil
	}
	return &within{at: at, out: t.Output}
}

// sourceOf returns the folder whose outputs a folder holds, both relative to the input folder; false: it holds none.
func (o *within) sourceOf(rel string) (string, bool) {
	switch o.at {
	case ".":
		return rel, true
	case rel:
		return ".", true
	}
	return strings.CutPrefix(rel, o.at+"/")
}

// common returns what a source's name has in common with its output's name.
func (o *within) common(source []byte) []byte {
	if o.out.Kind == template.ReplacingExt {
		return stemOf(source)
	}
	return source
}

// maybe returns what a name would have in common with its source's, if it is an output's; nil: it is none.
func (o *within) maybe(name []byte) []byte {
	if rest, ok := bytes.CutSuffix(name, []byte(o.out.Ext)); ok && len(rest) > 0 {
		return rest
	}
	return nil
}

// take makes the names of a list the sources. A file that would be its own output is none.
func (o *within) take(list *nameList) {
	o.sources.reset(len(list.all))
	for i, n := range list.all {
		name := list.bytes(n)
		common := o.common(name)
		if o.at == "." && len(common)+len(o.out.Ext) == len(name) && bytes.HasSuffix(name, []byte(o.out.Ext)) {
			continue
		}
		o.sources.set(common, i)
	}
}

// has reports whether one of the sources has that in common with its output.
func (o *within) has(common []byte) bool {
	_, found := o.sources.find(common)
	return found
}

// outputsOf drops outputs from the files of a folder, which are w.names, and from its folders.
func (w *walk) outputsOf(rel string, folders []string) []string {
	o := w.within
	source, ok := o.sourceOf(rel)
	if !ok {
		return folders
	}
	if o.out.Kind == template.Subfoldering {
		if o.at == "." || len(folders) == 0 {
			return folders
		}
		o.take(w.inputsOf(source))
		return slices.DeleteFunc(folders, func(f string) bool {
			found := o.has([]byte(f))
			if found {
				w.leaveOutput(rel, f)
			}
			return found
		})
	}
	if !slices.ContainsFunc(w.names.all, func(n name) bool { return o.maybe(w.names.bytes(n)) != nil }) {
		return folders
	}
	if o.at == "." {
		o.take(w.names)
	} else {
		o.take(w.inputsOf(source))
	}
	w.names.all = slices.DeleteFunc(w.names.all, func(n name) bool {
		common := o.maybe(w.names.bytes(n))
		found := common != nil && o.has(common)
		if found {
			w.leaveOutput(rel, string(w.names.bytes(n)))
		}
		return found
	})
	return folders
}

func (w *walk) leaveOutput(rel, name string) {
	w.o.counters.Outputs.Add(1)
	w.told.outputs.add(template.Join(w.t.InputPath, rel, name))
}

// inputsOf reads the inputs of a folder once more. What is wrong with the folder was told before, or will be.
func (w *walk) inputsOf(rel string) *nameList {
	list := &nameList{}
	path := template.Join(w.t.InputPath, rel)
	dir, err := w.store.openFolder(path)
	if err != nil {
		return list
	}
	defer dir.close()
	if dir.read(list) != nil {
		return list
	}
	list.all = slices.DeleteFunc(list.all, func(n name) bool {
		text := list.bytes(n)
		return !endsWithAny(text, w.t.Input.Exts) || behindLinks(dir, text, n.kind) != kindFile
	})
	return list
}

// warnWithin tells once of items that lie in the output folder, where the input mode is one that lists them.
func (w *walk) warnWithin(g *group) {
	o := w.within
	if o == nil || o.warned || len(g.names.all) == 0 {
		return
	}
	_, below := o.sourceOf(g.relDir)
	if o.at == "." && o.out.Kind != template.Subfoldering {
		o.take(g.names)
	}
	for _, n := range g.names.all {
		name := g.names.bytes(n)
		switch {
		case o.at != ".":
			if !below && path.Join(g.relDir, string(name)) != o.at {
				continue
			}
		case o.out.Kind == template.Subfoldering:
			return
		default:
			if common := o.maybe(name); common == nil || !o.has(common) {
				continue
			}
		}
		o.warned = true
		w.warn(Warning{Path: g.pathOf(name), Message: "it lies in the output folder and is listed as an input: another output folder keeps outputs from becoming inputs"}, false)
		return
	}
}
