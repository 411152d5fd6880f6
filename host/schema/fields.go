package schema

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// fieldInfo describes one field of a template. Its Type may be the plugin's name for a type of its own.
type fieldInfo struct {
	template.FieldSpec
	// Role is the role of the mode that the field takes; empty: none.
	Role string
}

// infoOf describes a field by its spec, if there is one. role is the role of the modes in it.
func infoOf(f template.Field, mode template.ModeSpec, role string) fieldInfo {
	spec, known := mode.Field(f.Name)
	if !known {
		spec = template.FieldSpec{Name: f.Name, Type: f.TypeName, Help: f.Help}
	}
	if !known || spec.Type != template.TypeMode {
		role = ""
	}
	return fieldInfo{spec, role}
}

// topField describes a top-level field.
func topField(f template.Field) fieldInfo {
	return infoOf(f, template.ModeSpec{Fields: template.TopLevelFields()}, f.Name)
}

// fieldOf describes a field of a mode or map.
func fieldOf(n *template.Node, f template.Field) fieldInfo {
	spec := specOf(n)
	return infoOf(f, spec, spec.Role)
}

// specOf is the spec of a built-in mode. For any other node it is empty.
func specOf(n *template.Node) template.ModeSpec {
	if n.Custom {
		return template.ModeSpec{}
	}
	spec, _ := template.SpecOf(n.Mode)
	return spec
}

// fieldAt describes the field at a dotted path. It knows nothing of one within a list.
func fieldAt(tmpl *template.Node, path string) (info fieldInfo) {
	node := tmpl
	for i, name := range strings.Split(path, ".") {
		at := slices.IndexFunc(node.Fields, func(f template.Field) bool { return f.Name == name })
		if at < 0 || node.Fields[at].Value == nil {
			return fieldInfo{}
		}
		if info = fieldOf(node, node.Fields[at]); i == 0 {
			info = topField(node.Fields[at])
		}
		node = node.Fields[at].Value
	}
	return info
}

// notation writes template values in one line.
type notation struct {
	// fill stands for a placeholder.
	fill string
	// modes is set if a mode's name comes before its fields. Otherwise it is the first of them.
	modes        bool
	name, scalar func(any) string
}

// fillMark stands for a placeholder in help.
const fillMark = "<to fill>"

// helpNotation is JSON, with names and placeholders without quotes. flowNotation is YAML within brackets, where a plain text
// cannot begin with a question mark.
var (
	helpNotation = notation{fill: fillMark, modes: true, name: plainText, scalar: spacedJSON}
	flowNotation = notation{fill: `"` + toFillYAML + `"`, name: yamlValue, scalar: yamlValue}
)

func (o notation) text(n *template.Node) string {
	if n == nil {
		return "null"
	}
	var items []string
	switch n.Kind {
	case template.KindPlaceholder:
		return o.fill
	case template.KindList:
		for _, item := range n.List {
			items = append(items, o.text(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case template.KindMap, template.KindMode:
		if n.Kind == template.KindMode && !o.modes {
			items = append(items, "mode: "+n.Mode)
		}
		for _, f := range n.Fields {
			items = append(items, o.name(f.Name)+": "+o.text(f.Value))
		}
		text := "{" + strings.Join(items, ", ") + "}"
		if o.modes {
			text = n.Mode + text
		}
		return text
	}
	return o.scalar(n.Scalar)
}

// spacedJSON is a value as JSON, with a space after commas and colons.
func spacedJSON(v any) string {
	switch v := v.(type) {
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = spacedJSON(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, compactJSON(key)+": "+spacedJSON(v[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return compactJSON(v)
}

// template writes the template's fields with their values.
func (p page) template(task *Task) {
	if task.Template == nil || len(task.Template.Fields) == 0 {
		return
	}
	p.Title("Template (set by --mixin KEY=VALUE, or in the mixin: section of a YAML file):")
	for _, f := range task.Template.Fields {
		p.field(topField(f), f.Value, "  ")
	}
}

// field writes one field, and below a mode its fields.
func (p page) field(info fieldInfo, value *template.Node, indent string) {
	if value != nil && value.Kind == template.KindMode {
		p.Row(indent+info.Name+": "+value.Mode, cmp.Or(specOf(value).Help, info.Help, "A mode of the plugin's own."), "")
		for _, f := range value.Fields {
			p.field(fieldOf(value, f), f.Value, indent+"  ")
		}
		return
	}
	if info.Type == template.TypeModes && value != nil && value.Kind == template.KindList {
		p.Row(indent+info.Name+":", "("+info.Type+") "+info.Help, "")
		for i, mode := range value.List {
			p.field(fieldInfo{FieldSpec: template.FieldSpec{Name: strconv.Itoa(i)}}, mode, indent+"  ")
		}
		return
	}
	text := info.Help
	if info.Role != "" && (value.IsNull() || value.Kind == template.KindPlaceholder) {
		text = strings.TrimSpace(text + " Modes: " + strings.Join(template.ModesOfRole(info.Role), ", ") + ".")
	}
	if info.Type != "" && info.Role == "" {
		text = strings.TrimSpace("(" + info.Type + ") " + text)
	}
	shown := helpNotation.text(value)
	fill := ""
	if strings.Contains(shown, fillMark) {
		fill = fillMark
	}
	p.Row(indent+info.Name+": "+shown, text, fill)
}
