package plan

import (
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// step is one name on the way from a folder to the items below it.
type step struct {
	// pattern is nil for a plain name.
	pattern *pattern
	name    string
	// deep: it stands for any number of folders.
	deep bool
}

// globSteps splits a pattern into the folder in which it begins and its steps, from the first name that is a pattern. The input
// folder itself is not a pattern, whatever its name.
func globSteps(in, text string, recursive bool) (string, []step) {
	var steps []step
	for hasMagic(text) || len(steps) == 0 {
		head, name := split(text)
		steps = append(steps, stepsOf(name, recursive)...)
		text = head
	}
	slices.Reverse(steps)
	base := template.Join(in, text)
	if trimmed := strings.TrimRight(base, "/"); trimmed != "" {
		base = trimmed
	}
	return base, steps
}

// globGoesUp reports whether a pattern can reach one folder on several ways.
func globGoesUp(p string) bool { return slices.Contains(strings.Split(p, "/"), "..") }

// descent follows steps to items, depth first and with sorted names in each folder. It follows links.
type descent struct {
	*walk
	// foldersOnly: items are folders. Otherwise they are all names that match.
	foldersOnly bool
}

// descend follows the steps from a folder. above are the folders that it lies in. listed: the folder above has it as an entry.
func (w descent) descend(path string, steps []step, above []fileID, listed bool) error {
	s, last := steps[0], len(steps) == 1
	if s.deep {
		return w.deep(path, steps)
	}
	if s.pattern == nil {
		return w.plain(path, steps, above)
	}
	above, err := w.matching(path, s.pattern, !last || w.foldersOnly, above)
	if err != nil {
		if !listed && isMissing(err) && !w.foldersOnly {
			// A plain name of the pattern does not exist.
			return w.ctx.Err()
		}
		return w.lost(path, err)
	}
	if last {
		return w.found(path)
	}
	w.names.sort()
	folders := make([]string, len(w.names.all))
	for i, n := range w.names.all {
		folders[i] = string(w.names.bytes(n))
	}
	for _, f := range folders {
		if err := w.descend(template.Join(path, f), steps[1:], above, true); err != nil {
			return err
		}
	}
	return nil
}

// plain follows a step that is a plain name, or empty after a slash at the end.
func (w descent) plain(path string, steps []step, above []fileID) error {
	name, last := steps[0].name, len(steps) == 1
	whole := template.Join(path, name)
	if name == "" {
		if kind, _, err := stat(w.store, path, true); err != nil || kind != kindFolder {
			return w.ctx.Err()
		}
	} else if _, _, err := stat(w.store, whole, false); err != nil {
		return w.ctx.Err()
	}
	if !last {
		return w.descend(whole, steps[1:], above, false)
	}
	if kind, _, err := stat(w.store, whole, true); err == nil && kind == kindOther {
		w.leaveSpecial(path, []byte(name))
		return w.ctx.Err()
	}
	w.names.reset()
	if err := w.names.add([]byte(name), kindUnknown); err != nil {
		return err
	}
	return w.found(path)
}

// matching reads a folder and leaves the names that match in w.names. It returns above with the folder itself.
func (w descent) matching(path string, p *pattern, folders bool, above []fileID) ([]fileID, error) {
	dir, err := w.readNames(path)
	if err != nil {
		return above, err
	}
	defer dir.close()
	if folders {
		above = append(slices.Clip(above), dir.id())
	}
	w.names.all = slices.DeleteFunc(w.names.all, func(n name) bool {
		text := w.names.bytes(n)
		switch {
		case !p.lists(text) || template.IsOurs(unsafeString(text)):
			return true
		case folders:
			return !w.isFolder(dir, n, above)
		case behindLinks(dir, text, n.kind) == kindOther:
			w.leaveSpecial(path, text)
			return true
		}
		return false
	})
	return above, nil
}

// isFolder follows links and warns of those that lead in a circle. A link to a folder above is a folder all the same: the depth is
// limited, so the items below it are listed once more, under its name.
func (w descent) isFolder(dir *folder, n name, above []fileID) bool {
	kind, ok := w.kind(dir, n)
	if !ok || kind != kindLink {
		return ok && kind == kindFolder
	}
	text := string(w.names.bytes(n))
	kind, id, err := dir.stat(text, true)
	if isLoop(err) {
		w.warnLoop(template.Join(dir.path, text), err)
	}
	if err != nil || kind != kindFolder {
		return false
	}
	if id != (fileID{}) && slices.Contains(above, id) {
		w.warn(Warning{Path: template.Join(dir.path, text), Message: "the link leads back to a folder that it lies in, which is listed once more"}, false)
	}
	return true
}

// found passes on w.names, which lie in the folder.
func (w descent) found(path string) error {
	rel, err := relative(w.t.InputPath, path)
	if err != nil {
		return &template.InputError{Path: path, Err: err}
	}
	g := &group{dir: path, relDir: rel, names: w.names}
	w.warnWithin(g)
	return w.emit(g)
}
