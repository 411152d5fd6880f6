package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// eachRoot lists the current mode in every folder of the inputs by the function.
func (w *walk) eachRoot(list func() error) error {
	if w.t.InputPaths == nil || !w.t.Input.NeedsFolder() {
		return list()
	}
	roots, err := rootsOf(w.store, w.t)
	if err != nil {
		return err
	}
	mode := w.t
	w.roots = roots
	defer func() { w.t, w.roots = mode, nil }()
	for _, root := range roots {
		one := *mode
		one.InputPath, one.InputPaths = root, nil
		w.t = &one
		w.findWithin()
		if err := list(); err != nil {
			return err
		}
	}
	return nil
}

// checkRoots is checkInputs for several folders.
func checkRoots(store FS, t *template.Template) error {
	roots, err := rootsOf(store, t)
	for _, root := range roots {
		one := *t
		one.InputPath, one.InputPaths = root, nil
		if err := checkInputs(store, &one); err != nil {
			return err
		}
	}
	return err
}

// rootsOf returns the folders of the inputs, in the order of the list: what has the name of an entry, or else what matches it as a pattern,
// by name. A folder that comes again is left out. One that lies in another is an error if the mode would list its files twice.
func rootsOf(store FS, t *template.Template) ([]string, error) {
	if t.InputPaths == nil {
		return []string{t.InputPath}, nil
	}
	problem := func(path, message string) error {
		return &template.InputError{Path: path, Message: message, From: t.InputFrom}
	}
	var roots, followed []string
	for _, entry := range t.InputPaths {
		found := []string{entry}
		if template.HasMagic(entry) && !exists(store, entry) {
			if found = foldersOf(store, entry); len(found) == 0 {
				return nil, problem(entry, "no folder matches")
			}
		}
		for _, root := range found {
			path, err := realPath(store, root)
			if err != nil {
				path = root
			}
			if slices.Contains(followed, path) {
				continue
			}
			for i, other := range followed {
				inner, outer := root, roots[i]
				if strings.HasPrefix(other, path+"/") {
					inner, outer = outer, inner
				} else if !strings.HasPrefix(path, strings.TrimSuffix(other, "/")+"/") {
					continue
				}
				if t.Input.EntersFolders() {
					return nil, problem(inner, fmt.Sprintf("it lies in %s, which is listed as well, so its files would be listed twice", outer))
				}
			}
			roots, followed = append(roots, root), append(followed, path)
		}
	}
	return roots, nil
}

// foldersOf returns the folders whose path matches a pattern, by name.
func foldersOf(store FS, pattern string) []string {
	base, steps := globSteps("", pattern, false)
	folders := []string{base}
	for _, s := range steps {
		var next []string
		for _, path := range folders {
			next = append(next, matchingFolders(store, path, s)...)
		}
		folders = next
	}
	return folders
}

// matchingFolders returns the folders in a folder that match a step. A folder that cannot be read has none.
func matchingFolders(store FS, path string, s step) []string {
	isFolder := func(name string) bool {
		kind, _, err := stat(store, template.Join(path, name), true)
		return err == nil && kind == kindFolder
	}
	if s.pattern == nil {
		if isFolder(s.name) {
			return []string{template.Join(path, s.name)}
		}
		return nil
	}
	dir, err := openFolder(store, path)
	if err != nil {
		return nil
	}
	defer dir.close()
	var list nameList
	if dir.read(&list) != nil {
		return nil
	}
	list.sort()
	var folders []string
	for _, n := range list.all {
		name := string(list.bytes(n))
		if s.pattern.lists(list.bytes(n)) && !template.IsOurs(name) && n.kind != kindFile && isFolder(name) {
			folders = append(folders, template.Join(path, name))
		}
	}
	return folders
}

// listedRoots returns the folders that the paths of a list may lie in. They need not exist.
func listedRoots(store FS, t *template.Template) []string {
	if t.InputPaths == nil {
		return []string{t.InputPath}
	}
	var roots []string
	for _, entry := range t.InputPaths {
		if template.HasMagic(entry) && !exists(store, entry) {
			roots = append(roots, foldersOf(store, entry)...)
		} else {
			roots = append(roots, entry)
		}
	}
	return roots
}
