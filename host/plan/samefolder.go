package plan

import (
	"fmt"
	"os"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// OverInputs says which output may be written over an input, because the inputs and the outputs have one folder; empty: none. Only the
// template is looked at, and what its folders lead to: nothing is listed. Lists of files are not judged: they say themselves what is an input.
func OverInputs(t *template.Template) string {
	if t == nil || t.Input == nil || t.Output == nil || !t.Input.NeedsFolder() {
		return ""
	}
	why := overNames(t.Input, t.Output)
	if why == "" {
		return ""
	}
	folders := t.InputPaths
	if folders == nil {
		folders = []string{t.InputPath}
	}
	for _, folder := range folders {
		if sameFolder(folder, t.OutputPath) {
			return why
		}
	}
	return ""
}

// sameFolder reports whether two paths lead to one folder.
func sameFolder(one, other string) bool {
	first, err := realPath(localDisk{}, one)
	if err != nil {
		return false
	}
	second, err := realPath(localDisk{}, other)
	if err != nil {
		return false
	}
	if first == second {
		return true
	}
	a, errA := os.Stat(first)
	b, errB := os.Stat(second)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// ending is the end of the names of some inputs, or with whole the name of one.
type ending struct {
	text  string
	whole bool
	// folded: upper and lower case are the same.
	folded bool
}

// overNames is OverInputs by the names of a mode's inputs and outputs.
func overNames(in *template.Input, out *template.Output) string {
	modes := in.Modes
	if in.Kind != template.Merged {
		modes = []*template.Input{in}
	}
	var sources, inputs []ending
	for _, m := range modes {
		s, all := endings(m)
		sources, inputs = append(sources, s...), append(inputs, all...)
		if m.Kind == template.ByFolder && out.Kind == template.Subfoldering {
			for _, member := range m.Members {
				for _, file := range out.Files {
					if file.Name == member.Name {
						return itself("a/" + file.Name)
					}
				}
			}
		}
	}
	if out.Kind != template.AppendingExt && out.Kind != template.ReplacingExt {
		return ""
	}
	own := ""
	for _, s := range sources {
		for _, i := range inputs {
			if !s.makes(i, out) {
				continue
			}
			name := s.example()
			if out.Ext == "" && out.Kind == template.AppendingExt || out.Kind == template.ReplacingExt && stem(name)+out.Ext == name {
				own = itself(name)
				continue
			}
			return fmt.Sprintf("the output of %s may be another input", name)
		}
	}
	return own
}

func itself(name string) string { return fmt.Sprintf("the output of %s would be %[1]s itself", name) }

// endings are the ends of the names of a mode's inputs: of those that outputs are named after, and of all.
func endings(in *template.Input) (sources, all []ending) {
	of := func(exts []string) (list []ending) {
		for _, e := range exts {
			list = append(list, ending{text: e, folded: true})
		}
		if len(exts) == 0 {
			list = []ending{{}}
		}
		return list
	}
	switch in.Kind {
	case template.ByExts:
		all = of(in.Exts)
		return all, all
	case template.ByGroup:
		for _, m := range in.Members {
			all = append(all, of(m.Exts)...)
		}
		return of(in.Members[in.First].Exts), all
	case template.ByGlob:
		_, name := cutLast(in.Glob)
		at := strings.LastIndexAny(name, "*?]")
		all = []ending{{text: name[at+1:], whole: at < 0}}
		return all, all
	}
	return nil, nil
}

// makes reports whether the output of an input with this ending may have the name of an input with another.
func (e ending) makes(input ending, out *template.Output) bool {
	source, target, ext := e.text, input.text, out.Ext
	if input.folded {
		source, ext = lower(source), lower(ext)
	}
	if !input.whole && strings.HasSuffix(ext, target) {
		return true
	}
	rest, ok := strings.CutSuffix(target, ext)
	switch {
	case !ok || out.Kind == template.ReplacingExt:
		return ok
	case input.whole && e.whole:
		return rest == source
	case input.whole:
		return strings.HasSuffix(rest, source)
	case e.whole:
		return strings.HasSuffix(source, rest)
	}
	return strings.HasSuffix(rest, source) || strings.HasSuffix(source, rest)
}

// example is a name with the ending.
func (e ending) example() string {
	switch {
	case e.whole:
		return e.text
	case e.text == "":
		return "a.txt"
	}
	return "a" + e.text
}
