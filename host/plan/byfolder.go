package plan

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// walkFolderItems lists the folders below an input folder that have files of the input mode's names.
func (w *walk) walkFolderItems() error {
	if w.inputs = nil; w.o.Inputs != nil {
		w.inputs = w.o.Inputs(w.t.InputPath)
	}
	return w.walkFolders(".")
}

// walkFolders lists the folders in a folder that have files of the input mode's names, and then those below each, by name. Links to
// folders are not entered.
func (w *walk) walkFolders(rel string) error {
	folder := w.t.InputPath
	if rel != "." {
		folder = template.Join(folder, rel)
	}
	dir, err := w.readNames(folder)
	if err != nil {
		return w.lost(folder, err)
	}
	var folders []string
	for _, n := range w.names.all {
		text := w.names.bytes(n)
		if kind, ok := w.kind(dir, n); ok && kind == kindFolder && !template.IsOurs(unsafeString(text)) {
			folders = append(folders, string(text))
		}
	}
	dir.close()
	slices.Sort(folders)
	w.grouping.begin(w.t.Input.Members)
	var deeper []string
	for _, f := range folders {
		more, err := w.folderItem(rel, f)
		if err != nil {
			return err
		}
		if more {
			deeper = append(deeper, f)
		}
	}
	w.names, w.grouping.items = w.grouping.items, w.names
	w.leaveUnfinished(rel)
	if err := w.emit(&group{dir: template.Join(w.t.InputPath, rel), relDir: rel, names: w.names}); err != nil {
		return err
	}
	for _, f := range deeper {
		if rel != "." {
			f = rel + "/" + f
		}
		if err := w.walkFolders(f); err != nil {
			return err
		}
	}
	return nil
}

// folderItem adds a folder, if it is an item. It reports whether the folder has folders, which may be items as well.
func (w *walk) folderItem(rel, folder string) (more bool, err error) {
	if err := w.ctx.Err(); err != nil {
		return false, err
	}
	found, more, err := w.members(template.Join(w.t.InputPath, rel, folder))
	if err != nil {
		return false, w.lost(template.Join(w.t.InputPath, rel, folder), err)
	}
	if !found {
		return more, nil
	}
	if w.isItemsOutput(rel, folder) {
		return false, nil
	}
	return more, w.addItem(rel, []byte(folder), []byte(folder), kindFolder)
}

// members sets w.grouping.files to those files of the members that a folder has. found: it has at least one. more: it has folders that
// are not such files.
func (w *walk) members(folder string) (found, more bool, err error) {
	dir, err := openFolder(w.store, folder)
	if err != nil {
		return false, false, err
	}
	defer dir.close()
	files, list := w.grouping.files, &w.inner
	clear(files)
	list.reset()
	if err := dir.read(list); err != nil {
		return false, false, err
	}
	for _, n := range list.all {
		text := list.bytes(n)
		member := slices.IndexFunc(w.t.Input.Members, func(m template.Member) bool { return m.Name == unsafeString(text) })
		if member < 0 {
			if kind, ok := w.kind(dir, n); ok && kind == kindFolder && !template.IsOurs(unsafeString(text)) {
				more = true
			}
			continue
		}
		if behindLinks(dir, text, n.kind) == kindOther {
			w.leaveSpecial(folder, text)
			continue
		}
		files[member], found = text, true
	}
	for i, m := range w.t.Input.Members {
		if !strings.Contains(m.Name, "/") {
			continue
		}
		if kind, _, err := dir.stat(m.Name, true); err == nil && kind != kindOther {
			files[i], found = []byte(m.Name), true
		}
	}
	return found, more, nil
}

// leaveUnfinished drops the items in w.names that the task which writes them has not finished. The journal answers for what existed before it
// looks, so it comes after their files.
func (w *walk) leaveUnfinished(rel string) {
	j := w.inputs
	if j == nil || len(w.names.all) == 0 {
		return
	}
	noted, err := j.Look(template.Folder([]byte(path.Join(rel, "x"))))
	if err != nil {
		w.warn(Warning{Path: template.Join(w.t.InputPath, template.JournalFolder), Message: "it cannot be read, so folders may be taken that are not finished", Err: err}, false)
	}
	if err != nil || !noted {
		return
	}
	list := w.names
	list.all = slices.DeleteFunc(list.all, func(n name) bool {
		item := path.Join(rel, string(list.bytes(n)))
		whole := j.Of([]byte(item)) == template.OutputWhole
		list.files(n, len(w.t.Input.Members), func(_ int, file []byte) {
			whole = whole && (len(file) == 0 || j.Of([]byte(path.Join(item, string(file)))) == template.OutputWhole)
		})
		if !whole && w.probe == nil {
			w.o.counters.Incomplete.Add(1)
			w.remarks.incomplete.addNamed(path.Join(w.t.InputPath, item) + " (unfinished)")
		}
		return !whole
	})
}

// isItemsOutput reports whether a folder is the output of an item, because the output folder lies in the input folder. It counts those.
func (w *walk) isItemsOutput(rel, folder string) bool {
	o := w.within
	if o == nil || o.folder == "." || o.out.Kind != template.Subfoldering {
		return false
	}
	source, ok := o.sourceOf(rel)
	if !ok {
		return false
	}
	files := slices.Clone(w.grouping.files)
	for i := range files {
		files[i] = bytes.Clone(files[i])
	}
	found, _, err := w.members(template.Join(w.t.InputPath, source, folder))
	copy(w.grouping.files, files)
	if err != nil || !found {
		return false
	}
	w.o.counters.Outputs.Add(1)
	w.remarks.outputs.add(template.Join(w.t.InputPath, rel, folder))
	return true
}
