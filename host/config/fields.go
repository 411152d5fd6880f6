package config

import (
	"strconv"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Fields tells of a word whether it is the path of one of the template's fields, or the beginning of one. tmpl is nil for a
// task without a template.
func Fields(tmpl *template.Node) func(word string) bool {
	return func(word string) bool {
		path, err := splitPath(word)
		if tmpl == nil || err != nil {
			return false
		}
		node := withDefaults(tmpl)
		for _, name := range path {
			if node = member(node, name); node == nil {
				return false
			}
		}
		return true
	}
}

// member is the field or element of that name, or nil. A field that a built-in mode leaves out is there all the same.
func member(n *template.Node, name string) *template.Node {
	n = expand(n)
	if i, err := strconv.Atoi(name); err == nil && n.Kind == template.KindList && i >= 0 && i < len(n.List) {
		return n.List[i]
	}
	if field := n.Get(name); field != nil || n.Custom || n.Kind != template.KindMode {
		return field
	}
	spec, _ := template.SpecOf(n.Mode)
	if f, ok := spec.Field(name); ok {
		return defaultNode(f)
	}
	return nil
}

// withDefaults is a copy of a template in which the top-level fields that it leaves out have the contract's defaults. A
// dataloader is for device tasks alone.
func withDefaults(tmpl *template.Node) *template.Node {
	root := tmpl.Clone()
	for _, spec := range template.TopLevelFields() {
		if root.Get(spec.Name) == nil && spec.HasDefault && spec.Name != template.RoleDataloader {
			root.Set(spec.Name, defaultNode(spec))
		}
	}
	return root
}
