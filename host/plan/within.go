package plan

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// within is an output folder that lies in the input folder, or is the input folder. Outputs in it would be listed as inputs. Names alone
// decide what is an output, whether it exists yet or not: the numbers of items must not depend on what is finished. A file that is
// itself an output counts as a source, too: an earlier version may have listed it, and its output is no input either.
type within struct {
	// folder is the output folder relative to the input folder; ".": the same folder.
	folder string
	out    *template.Output

	// sources are the inputs of one folder, by the part of their names that their outputs' names begin with.
	sources map[string]bool
	warned  bool
}

// newWithin returns nil if the output folder does not lie in the input folder.
func newWithin(store FS, t *template.Template) *within {
	in, err := realPath(store, t.InputPath)
	if err != nil {
		return nil
	}
	out, err := realPath(store, t.OutputPath)
	if err != nil {
		return nil
	}
	folder, err := filepath.Rel(in, out)
	if err != nil || !filepath.IsLocal(folder) {
		return nil
	}
	return &within{folder: folder, out: t.Output}
}

// sourceOf returns the folder whose outputs a folder holds, both relative to the input folder; false: it holds none.
func (o *within) sourceOf(rel string) (string, bool) {
	switch o.folder {
	case ".":
		return rel, true
	case rel:
		return ".", true
	}
	return strings.CutPrefix(rel, o.folder+"/")
}

// setSources makes the names of a list the sources, but for a file that would be its own output.
func (o *within) setSources(list *nameList) {
	o.sources = make(map[string]bool, len(list.all))
	o.addSources(list)
}

func (o *within) addSources(list *nameList) {
	for _, n := range list.all {
		name := unsafeString(list.bytes(n))
		start := name
		if o.out.Kind == template.ReplacingExt {
			start = stem(name)
		}
		if o.folder != "." || name[len(start):] != o.out.Ext {
			o.sources[start] = true
		}
	}
}

// isOutput reports whether a name is the name of a source's output.
func (o *within) isOutput(name []byte) bool {
	if o.out.Kind == template.InTar {
		return template.IsArchive(strings.TrimSuffix(unsafeString(name), template.IndexExt))
	}
	start, ok := bytes.CutSuffix(name, []byte(o.out.Ext))
	return ok && len(start) > 0 && o.sources[unsafeString(start)]
}

// leaveOutputs drops outputs from the files of a folder, which are w.names, and from its folders.
func (w *walk) leaveOutputs(rel string, folders []string) []string {
	o := w.within
	if o.out.Kind == template.InTar {
		if rel == o.folder {
			w.names.all = slices.DeleteFunc(w.names.all, func(n name) bool { return w.leaveOutput(rel, w.names.bytes(n)) })
		}
		return folders
	}
	source, ok := o.sourceOf(rel)
	if !ok {
		return folders
	}
	ofFolders := o.out.Kind == template.Subfoldering
	candidates := len(folders) > 0 && o.folder != "."
	if !ofFolders {
		ext := []byte(o.out.Ext)
		candidates = slices.ContainsFunc(w.names.all, func(n name) bool { return bytes.HasSuffix(w.names.bytes(n), ext) })
	}
	if !candidates {
		return folders
	}
	sources := w.names
	if o.folder != "." {
		sources = w.inputsOf(w.t.InputPath, source)
	}
	o.setSources(sources)
	for _, root := range w.roots {
		// Outputs of inputs in other folders lie here as well.
		if root != w.t.InputPath {
			o.addSources(w.inputsOf(root, source))
		}
	}
	if ofFolders {
		return slices.DeleteFunc(folders, func(f string) bool { return w.leaveOutput(rel, []byte(f)) })
	}
	w.names.all = slices.DeleteFunc(w.names.all, func(n name) bool { return w.leaveOutput(rel, w.names.bytes(n)) })
	return folders
}

// leaveOutput reports whether a name is an output, which it counts.
func (w *walk) leaveOutput(rel string, name []byte) bool {
	if !w.within.isOutput(name) {
		return false
	}
	w.o.counters.Outputs.Add(1)
	w.remarks.outputs.add(template.Join(w.t.InputPath, rel, string(name)))
	return true
}

// inputsOf reads the inputs of a folder once more. The folder's own turn reports its problems.
func (w *walk) inputsOf(root, rel string) *nameList {
	list := &nameList{}
	dir, err := openFolder(w.store, template.Join(root, rel))
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

// warnWithin warns once of items that lie in the output folder, if the input mode lists them.
func (w *walk) warnWithin(g *group) {
	o := w.within
	if o == nil || o.warned || len(g.names.all) == 0 || o.folder == "." && o.out.Kind == template.Subfoldering {
		return
	}
	_, below := o.sourceOf(g.relDir)
	if o.out.Kind == template.InTar && g.relDir != o.folder {
		return
	}
	if o.folder == "." && o.out.Kind != template.InTar {
		o.setSources(g.names)
	}
	for _, n := range g.names.all {
		name := g.names.bytes(n)
		found := below || path.Join(g.relDir, string(name)) == o.folder
		if o.folder == "." || o.out.Kind == template.InTar {
			found = o.isOutput(name)
		}
		if found {
			o.warned = true
			w.warn(Warning{Path: g.pathOf(name), Message: "it lies in the output folder and is listed as an input: another output folder keeps outputs from becoming inputs"}, false)
			return
		}
	}
}
