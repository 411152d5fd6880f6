package plan

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// globGoesUp reports whether a pattern can reach one folder on several ways.
func globGoesUp(p string) bool { return slices.Contains(strings.Split(p, "/"), "..") }

func baseOf(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(filepath.Base(abs), "/"), nil
}

// wants reports whether the name matches. Hidden names match only a pattern that begins with a dot.
func (p *pattern) wants(name []byte) bool {
	if len(name) > 0 && name[0] == '.' && !p.hidden {
		return false
	}
	return p.matches(name)
}

// globStep is one name of a glob pattern, from the first that has something to match.
type globStep struct {
	// pattern is nil for a plain name.
	pattern *pattern
	name    string
}

// globSteps parts a pattern into the folder it begins in and its steps. The input folder itself is no pattern, whatever
// its name.
func globSteps(in, text string) (string, []globStep) {
	var steps []globStep
	for hasMagic(text) || len(steps) == 0 {
		head, name := split(text)
		s := globStep{name: name}
		if hasMagic(name) {
			s.pattern = parsePattern(name)
		}
		steps = append(steps, s)
		text = head
	}
	slices.Reverse(steps)
	base := template.Join(in, text)
	if trimmed := strings.TrimRight(base, "/"); trimmed != "" {
		base = trimmed
	}
	return base, steps
}

// walkGlob lists what matches, names sorted within a folder, depth first. Links are followed.
func (w *walk) walkGlob() error {
	if err := CheckInputs(w.t); err != nil {
		return err
	}
	base, steps := globSteps(w.t.InputPath, w.t.Input.Glob)
	return w.glob(base, steps, nil, false)
}

// glob follows the steps from a folder. listed says that the folder was found by reading the one above.
func (w *walk) glob(path string, steps []globStep, above []fileID, listed bool) error {
	s, last := steps[0], len(steps) == 1
	if s.pattern == nil {
		return w.globName(path, steps, above)
	}
	if last {
		if err := w.globNames(path, s.pattern); err != nil {
			w.globLost(path, err, listed)
			return w.ctx.Err()
		}
		return w.globGroup(path)
	}
	folders, above, err := w.foldersOf(path, s.pattern, above, false)
	if err != nil {
		w.globLost(path, err, listed)
		return w.ctx.Err()
	}
	for _, f := range folders {
		if err := w.glob(template.Join(path, f), steps[1:], above, true); err != nil {
			return err
		}
	}
	return nil
}

// globLost says nothing of a plain name in the pattern that is not there.
func (w *walk) globLost(path string, err error, listed bool) {
	if listed || !isMissing(err) {
		w.lost(path, err)
	}
}

// globName is a step that is a plain name, or nothing at all behind a last slash.
func (w *walk) globName(path string, steps []globStep, above []fileID) error {
	name, last := steps[0].name, len(steps) == 1
	if name == "" {
		if kind, err := pathExists(path, true); err != nil || kind != kindFolder {
			return w.ctx.Err()
		}
	} else if _, err := pathExists(template.Join(path, name), false); err != nil {
		return w.ctx.Err()
	}
	if !last {
		return w.glob(template.Join(path, name), steps[1:], above, false)
	}
	if kind, err := pathExists(template.Join(path, name), true); err == nil && kind == kindOther {
		w.leaveSpecial(path, []byte(name))
		return w.ctx.Err()
	}
	w.names.reset()
	w.names.add([]byte(name), kindUnknown)
	return w.globGroup(path)
}

// globNames leaves the names of a folder that match in w.names.
func (w *walk) globNames(path string, p *pattern) error {
	dir, err := w.readNames(path)
	if err != nil {
		return err
	}
	defer dir.close()
	kept := w.names.all[:0]
	for _, n := range w.names.all {
		text := w.names.bytes(n)
		switch {
		case !p.wants(text) || isOurs(text):
		case entryOf(dir, text, n.kind) == entrySpecial:
			w.leaveSpecial(path, text)
		default:
			kept = append(kept, n)
		}
	}
	w.names.all = kept
	return nil
}

// globGroup hands on w.names, which lie in the folder.
func (w *walk) globGroup(path string) error {
	rel, err := relative(w.t.InputPath, path)
	if err != nil {
		return &template.InputError{Path: path, Err: err}
	}
	g := &group{dir: path, relDir: rel, names: w.names}
	w.warnWithin(g)
	return w.emit(g)
}
