package schema

import (
	"cmp"
	"maps"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// JSONSchema returns a JSON Schema (draft 2020-12) for the --cfg file of a task: its sections task, backbone and mixin. The
// flags of the host and its backbones may be in task too. Nothing is required, because the command line can give everything.
// Any value may be an interpolation.
func JSONSchema(task *Task, backbone []Argument) map[string]any {
	shared := map[string]any{}
	for i := range backbone {
		shared[backbone[i].Name] = backbone[i].schema()
	}
	arguments := maps.Clone(shared)
	for i := range task.Arguments {
		arguments[task.Arguments[i].Name] = task.Arguments[i].schema()
	}
	mixin := map[string]any{}
	if task.Template != nil {
		for _, f := range task.Template.Fields {
			mixin[f.Name] = fieldSchema(topField(f), f.Value)
		}
	}
	root := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Configuration of " + task.Name,
		"type":    "object",
		"properties": map[string]any{
			"task":     section("The task's arguments. Those on the command line win.", arguments, task.OpenArguments),
			"backbone": section("Flags of the backbone. Those on the command line win.", shared, true),
			"mixin":    section("What is merged into the task's template. --mixin-cfg and --mixin win.", mixin, true),
		},
		"$defs": map[string]any{
			"interpolation": map[string]any{"type": "string", "pattern": `\$\{`, "description": "A value that refers to others: ${a.b}."},
		},
	}
	if task.Summary != "" {
		root["description"] = task.Summary
	}
	return root
}

func section(description string, properties map[string]any, open bool) map[string]any {
	return map[string]any{"description": description, "type": []any{"object", "null"}, "properties": properties, "additionalProperties": open}
}

// anyOf allows a value that fits one of the options.
func anyOf(options ...any) map[string]any { return map[string]any{"anyOf": options} }

// interpolation allows an interpolation.
func interpolation() any { return map[string]any{"$ref": "#/$defs/interpolation"} }

// schema is the schema of the argument's value in a file, with its help and default.
func (a *Argument) schema() map[string]any {
	s := a.valueSchema()
	if a.Help != "" {
		s["description"] = a.Help
	}
	if a.HasDefault {
		s["default"] = a.Default
	}
	return s
}

func (a *Argument) valueSchema() map[string]any {
	if a.Type == JSON {
		return map[string]any{}
	}
	if a.Arity == "0" {
		return anyOf(map[string]any{"enum": []any{true, false, nil, "store_true"}}, interpolation())
	}
	one := a.oneSchema()
	least, most := a.count()
	if least == 1 && most == 1 && !a.Repeatable {
		return anyOf(one, interpolation())
	}
	list := map[string]any{"type": "array", "items": anyOf(one, interpolation())}
	if least > 0 {
		list["minItems"] = least
	}
	if most > 0 && !a.Repeatable {
		list["maxItems"] = most
	}
	if least <= 1 {
		return anyOf(one, list, interpolation())
	}
	return anyOf(list, interpolation())
}

// oneSchema is the schema of one value of the argument.
func (a *Argument) oneSchema() map[string]any {
	if len(a.Choices) > 0 {
		return map[string]any{"enum": append([]any(nil), a.Choices...)}
	}
	switch a.Type {
	case Int:
		return map[string]any{"type": "integer"}
	case Float:
		return map[string]any{"type": "number"}
	case Bool:
		return map[string]any{"type": []any{"boolean", "null"}}
	case Duration:
		return map[string]any{"type": "string", "pattern": `^[-+]?([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`}
	case String, Path:
		// Numbers and booleans become texts.
		return map[string]any{"type": []any{"string", "number", "boolean", "null"}}
	}
	return map[string]any{}
}

// fieldSchema is the schema of a template field, with its present value as the default.
func fieldSchema(info fieldInfo, value *template.Node) map[string]any {
	var s map[string]any
	switch {
	case info.Role != "":
		s = roleSchema(info, value)
	case value != nil && value.Kind == template.KindMode:
		s = modeSchema(value, false)
	default:
		s = typeSchema(info)
	}
	if info.Help != "" {
		s["description"] = info.Help
	}
	if value != nil && value.Kind != template.KindMode && len(value.Placeholders()) == 0 {
		s["default"] = value.Plain()
	}
	return s
}

// roleSchema allows every mode of the role: by its name, or by its fields. The fields need the mode's name with them, except
// those of the present mode.
func roleSchema(info fieldInfo, value *template.Node) map[string]any {
	var names []any
	var options []any
	current := ""
	if value != nil && value.Kind == template.KindMode {
		current = value.Mode
		options = append(options, modeSchema(value, false))
	}
	for _, name := range template.Spellings(template.ModesOfRole(info.Role)...) {
		names = append(names, name)
	}
	for _, spec := range template.SpecsOfRole(info.Role) {
		if spec.Name == current {
			continue
		}
		mode := &template.Node{Kind: template.KindMode, Mode: spec.Name}
		for _, f := range spec.Fields {
			field := template.Field{Name: f.Name}
			// Modes within modes of the same role would never end: below the first, any value is allowed.
			if !f.Required && f.Type != template.TypeMode {
				field.Value = cmp.Or(f.Default, template.Scalar(nil))
			}
			mode.Fields = append(mode.Fields, field)
		}
		options = append(options, modeSchema(mode, true))
	}
	options = append(options, map[string]any{"enum": names}, interpolation())
	if info.Nullable {
		options = append(options, map[string]any{"type": "null"})
	}
	return anyOf(options...)
}

// modeSchema is the schema of a map of a mode's fields. With named, the map must give the mode's name.
func modeSchema(mode *template.Node, named bool) map[string]any {
	properties := map[string]any{}
	for _, f := range mode.Fields {
		info := fieldOf(mode, f)
		if info.Type == template.TypeModes {
			properties[f.Name] = modesSchema(info, specOf(mode).Role)
			continue
		}
		if info.Role != "" {
			properties[f.Name] = map[string]any{"description": info.Help, "type": []any{"object", "string", "null"}}
			continue
		}
		properties[f.Name] = fieldSchema(info, f.Value)
	}
	s := map[string]any{"type": "object", "title": mode.Mode, "properties": properties, "additionalProperties": mode.Custom}
	if help := specOf(mode).Help; help != "" {
		s["description"] = help
	}
	if _, taken := properties["mode"]; !taken {
		properties["mode"] = map[string]any{"const": mode.Mode}
		if names := template.Spellings(mode.Mode); len(names) > 1 && !mode.Custom {
			properties["mode"] = map[string]any{"enum": choicesOf(names)}
		}
	}
	if named {
		s["required"] = []any{"mode"}
	}
	return s
}

func choicesOf(choices []string) (values []any) {
	for _, c := range choices {
		values = append(values, c)
	}
	return values
}

// modesSchema is the schema of a list of modes: each by its name, or by its fields with its name.
func modesSchema(info fieldInfo, role string) map[string]any {
	var names []any
	for _, name := range template.Spellings(template.ModesOfRole(role)...) {
		names = append(names, name)
	}
	named := map[string]any{"type": "object", "required": []any{"mode"}, "properties": map[string]any{"mode": map[string]any{"enum": names}}}
	list := map[string]any{"type": "array", "items": anyOf(named, map[string]any{"enum": names}, interpolation())}
	return map[string]any{"description": info.Help, "anyOf": []any{list, interpolation()}}
}

// typeSchema is the schema of a field's value by its type.
func typeSchema(info fieldInfo) map[string]any {
	text := map[string]any{"type": "string"}
	whole := map[string]any{"type": "integer"}
	var s map[string]any
	switch info.Type {
	case template.TypeString, template.TypePath:
		s = text
		if info.Choices != nil {
			s = map[string]any{"enum": choicesOf(info.Choices)}
		}
	case template.TypeInt:
		s = whole
	case template.TypeBool:
		s = map[string]any{"type": "boolean"}
	case template.TypeIntOrString:
		s = map[string]any{"type": []any{"integer", "string"}}
	case template.TypeIntOrInts:
		s = anyOf(whole, map[string]any{"type": "array", "items": whole})
	case template.TypeStrings, template.TypePaths:
		s = anyOf(map[string]any{"type": "array", "items": text}, text)
	case template.TypeStringMap:
		s = map[string]any{"type": "object", "additionalProperties": text}
	case template.TypeStringsMap:
		s = map[string]any{"type": "object", "additionalProperties": anyOf(text, map[string]any{"type": "array", "items": text})}
	case template.TypeMap:
		s = map[string]any{"type": "object"}
	default:
		return map[string]any{}
	}
	options := []any{s}
	if s["type"] != "string" {
		options = append(options, interpolation())
	}
	if info.Nullable {
		options = append(options, map[string]any{"type": "null"})
	}
	if len(options) == 1 {
		return text
	}
	return anyOf(options...)
}
