package plan

import (
	"os"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// filter leaves out files and folders of a listing.
type filter struct {
	*template.Filter
	names, paths []ignored
}

// ignored is a pattern of what to leave out.
type ignored struct {
	// steps are the names of the pattern; one for a pattern of names.
	steps []step
	// folders: it matches folders alone.
	folders bool
}

// newFilter returns nil for a mode that leaves out nothing.
func newFilter(in *template.Input) *filter {
	if in == nil || in.Filter == nil {
		return nil
	}
	f := &filter{Filter: in.Filter}
	for _, text := range in.Filter.Ignore {
		pattern := strings.TrimRight(text, "/")
		i := ignored{folders: pattern != text}
		inPath := strings.Contains(pattern, "/")
		i.steps = stepsOf(strings.TrimLeft(pattern, "/"), true)
		if inPath {
			f.paths = append(f.paths, i)
		} else {
			f.names = append(f.names, i)
		}
	}
	return f
}

// stepsOf splits a pattern into its steps. With deep a ** is any number of names.
func stepsOf(text string, deep bool) []step {
	var steps []step
	for name := range strings.SplitSeq(text, "/") {
		s := step{name: name, deep: deep && name == "**"}
		if !s.deep && hasMagic(name) {
			s.pattern = parsePattern(name)
		}
		steps = append(steps, s)
	}
	return steps
}

// matches reports whether a name matches the step, hidden ones like others.
func (s *step) matches(name []byte) bool {
	if s.pattern != nil {
		return s.pattern.matches(name)
	}
	return s.name == string(name)
}

// ignores reports whether a name in a folder is left out. rel is the folder below the input folder.
func (f *filter) ignores(rel string, name []byte, isFolder bool) bool {
	for i := range f.names {
		if p := &f.names[i]; (isFolder || !p.folders) && p.steps[0].matches(name) {
			return true
		}
	}
	for i := range f.paths {
		if p := &f.paths[i]; (isFolder || !p.folders) && matchPath(p.steps, rel, name) {
			return true
		}
	}
	return false
}

// matchPath reports whether steps match all names of a folder below the input folder, and then a name in it.
func matchPath(steps []step, rel string, name []byte) bool {
	var head []byte
	rest, last := "", rel == "." || rel == ""
	if last {
		head = name
	} else {
		var text string
		text, rest, _ = strings.Cut(rel, "/")
		head = []byte(text)
	}
	s := &steps[0]
	switch {
	case s.deep && len(steps) > 1 && matchPath(steps[1:], rel, name):
		return true
	case s.deep && last:
		return len(steps) == 1
	case s.deep:
		return matchPath(steps, rest, name)
	case !s.matches(head):
		return false
	case last:
		return len(steps) == 1
	}
	return len(steps) > 1 && matchPath(steps[1:], rest, name)
}

// leaveFiltered drops what the mode leaves out from the files of an open folder, which are w.names, and from its folders.
func (w *walk) leaveFiltered(dir *folder, rel string, folders []string) []string {
	f := w.filter
	if f == nil {
		return folders
	}
	kept := folders[:0]
	for _, name := range folders {
		if !f.Flat && !f.ignores(rel, []byte(name), true) {
			kept = append(kept, name)
		}
	}
	files := w.names.all[:0]
	for _, n := range w.names.all {
		name := w.names.bytes(n)
		if !f.ignores(rel, name, false) && f.fits(dir, name) {
			files = append(files, n)
		}
	}
	w.names.all = files
	return kept
}

// fits reports whether a file has the size and the time that are asked for. A link that leads nowhere has neither.
func (f *filter) fits(dir *folder, name []byte) bool {
	if !f.Examines() {
		return true
	}
	size, written, err := dir.examine(string(name))
	return err == nil && size >= f.MinSize && size <= f.MaxSize && (f.NewerThan.IsZero() || written.After(f.NewerThan))
}

// examine returns the size of a file in a folder and when it was written, behind links.
func (f *folder) examine(name string) (size int64, written time.Time, err error) {
	if dir, ok := f.ReadDirFile.(*os.File); ok {
		return examineDisk(dir, name)
	}
	info, err := f.store.Stat(template.Join(f.path, name))
	if err != nil {
		return 0, time.Time{}, err
	}
	return info.Size(), info.ModTime(), nil
}
