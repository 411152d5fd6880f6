package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// leaf is a field of a template that a path names.
type leaf struct{ name, path string }

// leaves are the fields below the top level: those that the template has, or else, for a role without a mode, those of its modes.
func leaves(root *template.Node) (found []leaf) {
	for _, f := range withDefaults(root).Fields {
		below := leavesOf(f.Name, f.Value)
		if len(below) == 0 {
			for _, spec := range template.SpecsOfRole(f.Name) {
				for _, field := range spec.Fields {
					below = append(below, leaf{field.Name, f.Name + "." + field.Name})
				}
			}
		}
		found = append(found, below...)
	}
	return found
}

// leavesOf are the fields of a node at a path, and those below them.
func leavesOf(path string, n *template.Node) (found []leaf) {
	if n == nil {
		return nil
	}
	n = expand(n)
	if n.Kind != template.KindMode && n.Kind != template.KindMap {
		return nil
	}
	var spec template.ModeSpec
	if n.Kind == template.KindMode && !n.Custom {
		spec, _ = template.SpecOf(n.Mode)
	}
	for _, name := range fieldNames(n, spec) {
		below := path + "." + name
		found = append(append(found, leaf{name, below}), leavesOf(below, n.Get(name))...)
	}
	return found
}

// leavesNamed are the paths of the template's fields of a name.
func (a *applier) leavesNamed(name string) (paths []string) {
	if a.leaves == nil {
		a.leaves = leaves(a.root)
	}
	for _, l := range a.leaves {
		if l.name == name && !slices.Contains(paths, l.path) {
			paths = append(paths, l.path)
		}
	}
	return paths
}

// leafMeant is the suggestion for a path that names no field: the paths of all fields with its last name, or with one near to that.
func (a *applier) leafMeant(path string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	if same := a.leavesNamed(name); len(same) > 0 {
		return problem.DidYouMean(same...)
	}
	names := make([]string, len(a.leaves))
	for i, l := range a.leaves {
		names[i] = l.name
	}
	return problem.DidYouMean(a.leavesNamed(cmp.Or(suggest.OneTypo(name, names), suggest.Closest(name, names)))...)
}

// path is the path of an entry and of what a dotlist addresses below it: hard_shard.input_path.
func (e Entry) path() string {
	path := e.Key
	for v := e.Value; v.Kind == KindMap && v.dotted && len(v.Entries) == 1; v = v.Entries[0].Value {
		path += "." + v.Entries[0].Key
	}
	return path
}
