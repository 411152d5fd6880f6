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

// takesText tells of a path whether its field takes text alone, as the built-in modes say. A mode of the user's own may do
// anything with a value, so its fields do not.
func takesText(tmpl *template.Node) func(path []string) bool {
	return func(path []string) bool {
		if tmpl == nil || len(path) < 2 {
			return false
		}
		current := tmpl.Get(path[0])
		if current != nil && current.Custom {
			return false
		}
		var specs []template.ModeSpec
		if current != nil && current.Kind == template.KindMode {
			if spec, ok := template.SpecOf(current.Mode); ok {
				specs = append(specs, spec)
			}
		}
		// The mixin may put another mode there.
		for _, spec := range append(specs, template.SpecsOfRole(path[0])...) {
			if f, ok := spec.Field(path[1]); ok {
				return textAt(f, len(path)-2)
			}
		}
		return false
	}
}

// textAt reports whether a field takes text, so many levels below it.
func textAt(f template.FieldSpec, below int) bool {
	switch f.Type {
	case template.TypeString, template.TypePath:
		return below == 0
	case template.TypeStrings, template.TypeStringMap:
		return below == 1
	}
	return false
}

// asText is a value of which every scalar that is not null is text: what was written where YAML took it for something else.
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
	for _, e := range v.Entries {
		e.Value.readAsText()
	}
	for _, item := range v.Items {
		item.readAsText()
	}
}
