package schema

import (
	"encoding/json"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// fieldInfo is what is known of one field of a template.
type fieldInfo struct {
	Name string
	// Type is one of package template's constants, or a plugin's own word.
	Type string
	Help string
	// Role is the kind of mode that the field takes; empty: none.
	Role     string
	Nullable bool
}

// topField returns what is known of a top-level field.
func topField(f template.Field) fieldInfo {
	info := fieldInfo{Name: f.Name, Type: f.TypeName, Help: f.Help}
	for _, spec := range template.TopLevelFields() {
		if spec.Name == f.Name {
			info.Type, info.Help, info.Nullable = spec.Type, spec.Help, spec.Nullable
			if spec.Type == template.TypeMode {
				info.Role = f.Name
			}
		}
	}
	return info
}

// modeField returns what is known of a mode's field.
func modeField(mode *template.Node, f template.Field) fieldInfo {
	info := fieldInfo{Name: f.Name, Type: f.TypeName, Help: f.Help}
	if spec, ok := template.SpecOf(mode.Mode); ok && !mode.Custom {
		if s, ok := spec.Field(f.Name); ok {
			info.Type, info.Help, info.Nullable = s.Type, s.Help, s.Nullable
			if s.Type == template.TypeMode {
				info.Role = spec.Role
			}
		}
	}
	return info
}

// fieldAt returns what is known of the field at a dotted path, or nil for one within a list or map.
func fieldAt(tmpl *template.Node, path string) *fieldInfo {
	node := tmpl
	var info *fieldInfo
	for i, name := range strings.Split(path, ".") {
		info = nil
		if node == nil {
			return nil
		}
		var next *template.Node
		for _, f := range node.Fields {
			if f.Name != name {
				continue
			}
			next = f.Value
			switch {
			case i == 0:
				found := topField(f)
				info = &found
			case node.Kind == template.KindMode:
				found := modeField(node, f)
				info = &found
			}
		}
		node = next
	}
	return info
}

// roleAt is the kind of mode that the field at a path takes, or "".
func roleAt(tmpl *template.Node, path string) string {
	if info := fieldAt(tmpl, path); info != nil {
		return info.Role
	}
	return ""
}

// fillMark stands for a placeholder in help.
const fillMark = "<to fill>"

// shownValue is a node as help shows it: JSON with unquoted marks for placeholders.
func shownValue(n *template.Node) string {
	if n == nil {
		return "null"
	}
	switch n.Kind {
	case template.KindPlaceholder:
		return fillMark
	case template.KindList:
		items := make([]string, len(n.List))
		for i, item := range n.List {
			items[i] = shownValue(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case template.KindMap, template.KindMode:
		items := make([]string, len(n.Fields))
		for i, f := range n.Fields {
			items[i] = f.Name + ": " + shownValue(f.Value)
		}
		return n.Mode + "{" + strings.Join(items, ", ") + "}"
	}
	return spacedJSON(n.Scalar)
}

// spacedJSON is a value as JSON with a space behind commas and colons.
func spacedJSON(v any) string {
	switch v := v.(type) {
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = spacedJSON(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		text := compactJSON(v)
		var b strings.Builder
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		writeSpaced(&b, d)
		return b.String()
	}
	return compactJSON(v)
}

// writeSpaced copies the next JSON value, keys in the order in which they come.
func writeSpaced(b *strings.Builder, d *json.Decoder) {
	token, err := d.Token()
	if err != nil {
		return
	}
	delim, ok := token.(json.Delim)
	if !ok {
		b.WriteString(compactJSON(token))
		return
	}
	b.WriteString(delim.String())
	for i := 0; d.More(); i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return
			}
			b.WriteString(compactJSON(key) + ": ")
		}
		writeSpaced(b, d)
	}
	if end, err := d.Token(); err == nil {
		if closing, ok := end.(json.Delim); ok {
			b.WriteString(closing.String())
		}
	}
}

// template writes the template's fields with their values.
func (p *page) template(task *Task) {
	if task.Template == nil || len(task.Template.Fields) == 0 {
		return
	}
	p.title("Template (set by --mixin KEY=VALUE, or in the mixin: section of a YAML file):")
	for _, f := range task.Template.Fields {
		p.field(topField(f), f.Value, "  ")
	}
}

// field writes one field, and below a mode its fields.
func (p *page) field(info fieldInfo, value *template.Node, indent string) {
	if value != nil && value.Kind == template.KindMode {
		help := info.Help
		if spec, ok := template.SpecOf(value.Mode); ok && !value.Custom {
			help = spec.Help
		} else if value.Custom && info.Help == "" {
			help = "A mode of the plugin's own."
		}
		p.row(indent+info.Name+": "+value.Mode, help, "")
		for _, f := range value.Fields {
			p.field(modeField(value, f), f.Value, indent+"  ")
		}
		return
	}
	text := info.Help
	if info.Role != "" && (value.IsNull() || value.Kind == template.KindPlaceholder) {
		var names []string
		for _, m := range template.SpecsOfRole(info.Role) {
			names = append(names, m.Name)
		}
		text = strings.TrimSpace(text + " Modes: " + strings.Join(names, ", ") + ".")
	}
	if info.Type != "" && info.Role == "" {
		text = strings.TrimSpace("(" + info.Type + ") " + text)
	}
	shown := shownValue(value)
	fill := ""
	if strings.Contains(shown, fillMark) {
		fill = fillMark
	}
	p.row(indent+info.Name+": "+shown, text, fill)
}
