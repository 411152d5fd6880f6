package plan

import (
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// deep lists what matches steps of which the first is **, below a folder: the names in the folder that match, then those in its folders by
// name, each in the same way. Hidden folders and links are not entered by a **. So each folder is read once, whatever the steps are.
func (w descent) deep(path string, steps []step) error {
	return w.deepIn(path, steps, withNext(steps, []int{0}), false)
}

// withNext adds to the steps that may come next those behind each **, which may stand for no folder. The result is sorted.
func withNext(steps []step, at []int) []int {
	for i := 0; i < len(at); i++ {
		if s := at[i]; steps[s].deep && s+1 < len(steps) && !slices.Contains(at, s+1) {
			at = append(at, s+1)
		}
	}
	slices.Sort(at)
	return at
}

// folderBelow is a folder that may have matches, with the steps that may come next in it.
type folderBelow struct {
	name string
	at   []int
}

func (w descent) deepIn(path string, steps []step, at []int, listed bool) error {
	dir, err := w.readNames(path)
	if err != nil {
		if !listed && isMissing(err) {
			return w.ctx.Err()
		}
		return w.lost(path, err)
	}
	var below []folderBelow
	w.names.all = slices.DeleteFunc(w.names.all, func(n name) bool {
		text := w.names.bytes(n)
		if template.IsOurs(unsafeString(text)) {
			return true
		}
		if kind, ok := w.kind(dir, n); ok && kind == kindFolder {
			if next := stepsAfter(steps, at, text); len(next) > 0 {
				below = append(below, folderBelow{string(text), next})
			}
		}
		if !isMatch(steps, at, text) {
			return true
		}
		if behindLinks(dir, text, n.kind) == kindOther {
			w.leaveSpecial(path, text)
			return true
		}
		return false
	})
	dir.close()
	if err := w.found(path); err != nil {
		return err
	}
	slices.SortFunc(below, func(a, b folderBelow) int { return strings.Compare(a.name, b.name) })
	for _, f := range below {
		if err := w.deepIn(template.Join(path, f.name), steps, f.at, true); err != nil {
			return err
		}
	}
	return nil
}

// matchesAt reports whether a name matches a step.
func matchesAt(s *step, text []byte) bool {
	switch {
	case s.deep:
		return len(text) == 0 || text[0] != '.'
	case s.pattern != nil:
		return s.pattern.lists(text)
	}
	return s.name == string(text)
}

// isMatch reports whether a name is the end of a match.
func isMatch(steps []step, at []int, text []byte) bool {
	last := len(steps) - 1
	return slices.Contains(at, last) && matchesAt(&steps[last], text)
}

// stepsAfter are the steps that may come next in a folder.
func stepsAfter(steps []step, at []int, folder []byte) []int {
	var next []int
	for _, i := range at {
		switch s := &steps[i]; {
		case !matchesAt(s, folder):
		case s.deep:
			next = append(next, i)
		case i+1 < len(steps) && !slices.Contains(next, i+1):
			next = append(next, i+1)
		}
	}
	return withNext(steps, next)
}
