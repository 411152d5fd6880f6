package config

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Fields returns a function that reports whether a word is the path of a template field, or the beginning of one. tmpl may be nil.
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

// member is the field or element of that name, or nil. Fields that a built-in mode leaves out count.
func member(n *template.Node, name string) *template.Node {
	n = expand(n)
	if i, ok := listIndex(name, len(n.List)); ok && n.Kind == template.KindList {
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

// withDefaults returns a copy of a template with the contract's defaults for missing fields, except that of device tasks.
func withDefaults(tmpl *template.Node) *template.Node {
	root := tmpl.Clone()
	for _, spec := range template.TopLevelFields() {
		if root.Get(spec.Name) == nil && !spec.Required && spec.Name != template.RoleDataloader {
			root.Set(spec.Name, defaultNode(spec))
		}
	}
	return root
}

// takesText reports whether the field at a path takes only text. Fields of the plugin's own modes do not: they may take any value.
func takesText(tmpl *template.Node, path []string) bool { return takes(tmpl, path, textAt) }

// takesList reports whether the field at a path takes a list as well as a text.
func takesList(tmpl *template.Node, path []string) bool {
	return takes(tmpl, path, func(f template.FieldSpec, below int) bool { return f.Type == template.TypePaths && below == 0 })
}

func takes(tmpl *template.Node, path []string, at func(f template.FieldSpec, below int) bool) bool {
	if tmpl == nil || len(path) < 2 {
		return false
	}
	return modeTakes(path[0], tmpl.Get(path[0]), path[1:], at)
}

// modeTakes is takes for a path within a mode. The mixin may put another mode of the role there.
func modeTakes(role string, current *template.Node, path []string, at func(f template.FieldSpec, below int) bool) bool {
	specs := template.SpecsOfRole(role)
	if current != nil {
		if current.Custom {
			return false
		}
		if spec, ok := template.SpecOf(current.Mode); ok {
			specs = slices.Insert(specs, 0, spec)
		}
	}
	for _, spec := range specs {
		f, ok := spec.Field(path[0])
		switch {
		case !ok:
		case f.Type == template.TypeModes && len(path) > 2:
			var element *template.Node
			if current != nil && current.Get(path[0]) != nil {
				element = member(current.Get(path[0]), path[1])
			}
			return modeTakes(role, element, path[2:], at)
		default:
			return at(f, len(path)-1)
		}
	}
	return false
}

// textAt reports whether a field takes text at that many levels below it.
func textAt(f template.FieldSpec, below int) bool {
	switch f.Type {
	case template.TypeString, template.TypePath:
		return below == 0
	case template.TypeStrings, template.TypeStringMap:
		return below == 1
	case template.TypePaths:
		return below == 0 || below == 1
	case template.TypeStringsMap:
		return below == 1 || below == 2
	}
	return false
}

// asText returns a copy of the value in which every scalar but null is text, as it was written.
func (v *Value) asText() *Value {
	c := v.clone()
	c.parent, c.key = v.parent, v.key
	c.readAsText()
	return c
}

func (v *Value) readAsText() {
	if v.Kind == KindScalar && v.written != "" {
		v.Scalar, v.written = v.written, ""
	}
	for child := range v.children() {
		child.readAsText()
	}
}
