package schema

import (
	"cmp"
	"io"
	"regexp"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// toFillYAML is OmegaConf's mark for a value that is still to be given. config leaves it alone.
const toFillYAML = "???"

// skeleton writes commented YAML.
type skeleton struct {
	b strings.Builder
	// given are values of arguments and flags as YAML, by folded names.
	given map[string]string
}

// Skeleton writes a YAML configuration of a task to start from: every argument and template field with its help, defaults
// commented out, and ??? for the values to give. It is valid as it is. command is the command line up to the task,
// "kagurazaka ./plugins/resize Resize"; backbone are the flags of the backbone: section. given are the values of arguments and flags that a
// configuration has already, as YAML in one line. They are written as values, and so is what has an origin in the template.
func Skeleton(w io.Writer, task *Task, command string, backbone []Argument, given map[string]string) error {
	s := &skeleton{given: map[string]string{}}
	for name, text := range given {
		s.given[fold(name)] = text
	}
	s.comment("", "Configuration of "+task.Name+strings.TrimRight(": "+task.Summary, ": "))
	s.comment("", "Run it with: "+command+" --cfg THIS_FILE")
	s.line("#")
	s.comment("", "Replace each "+toFillYAML+" by a value. Lines like #key: show the defaults: to change one, take away its #, and that of the "+
		"key that it belongs to. "+
		"Values can refer to others, ${mixin.a.b} or, beside it, ${.b}; to the environment, ${oc.env:NAME,default}; and to ${CONFIG_DIR} and ${SCRIPT_DIR}. "+
		"The command line wins.")
	s.arguments("task", "The task's arguments.", task.Arguments)
	if task.OpenArguments {
		s.comment("  ", furtherArguments)
	}
	if len(backbone) > 0 {
		s.arguments("backbone", "Flags of the backbone.", backbone)
	}
	if task.Template != nil {
		s.line("")
		s.comment("", "The task's template. --mixin-cfg and --mixin win.")
		s.line("mixin:")
		for i, f := range task.Template.Fields {
			if i > 0 {
				s.line("")
			}
			s.field(topField(f), f.Value, "  ", false)
		}
	}
	_, err := io.WriteString(w, s.b.String())
	return err
}

// line writes a line without spaces at its end.
func (s *skeleton) line(text string) { s.b.WriteString(strings.TrimRight(text, " ") + "\n") }

// comment writes wrapped text after "# ".
func (s *skeleton) comment(indent, text string) {
	const maxPart = 64 << 10
	for _, l := range terminal.Wrap(terminal.Block(text, "", maxPart), 98-len(indent)) {
		s.line(indent + "# " + l)
	}
}

// value writes a key with its value. off comments it out by one #.
func (s *skeleton) value(indent, key, value string, off bool) {
	mark := ""
	if off {
		mark = "#"
	}
	s.line(indent + mark + key + ": " + value)
}

func (s *skeleton) arguments(name, help string, arguments []Argument) {
	s.line("")
	s.comment("", help)
	s.line(name + ":")
	gap := ""
	for i := range arguments {
		a := &arguments[i]
		if a.Ends {
			continue // not a setting
		}
		s.b.WriteString(gap)
		gap = "\n"
		s.comment("  ", a.comment())
		if text, ok := s.given[fold(a.Name)]; ok {
			s.value("  ", a.Name, text, false)
			continue
		}
		if a.Required {
			s.value("  ", a.Name, toFillYAML, false)
			continue
		}
		shown := ""
		switch {
		case a.Arity == "0":
			shown = yamlValue(a.Default == true)
		case a.HasDefault:
			shown = yamlValue(a.Default)
		}
		s.value("  ", a.Name, shown, true)
	}
}

// comment is an argument's comment in a skeleton: its help, type and choices.
func (a *Argument) comment() string {
	var notes []string
	switch {
	case a.Arity == "0":
		notes = append(notes, "true or false")
	case len(a.Choices) > 0:
		notes = append(notes, "one of "+strings.Join(a.choiceWords(), ", "))
	default:
		notes = append(notes, a.typeName())
	}
	switch least, most := a.count(); {
	case a.Repeatable:
		notes = append(notes, "a list")
	case a.Arity != "0" && most != 1:
		notes = append(notes, "a list of "+countWords(least, most))
	}
	if a.Required {
		notes = append(notes, "required")
	}
	return withNotes(a.Help, notes)
}

// field writes a template field. off comments it out, like the map around it.
func (s *skeleton) field(info fieldInfo, value *template.Node, indent string, off bool) {
	if value == nil {
		value = template.Scalar(nil)
	}
	if value.Kind == template.KindMode {
		s.mode(info, value, indent, off)
		return
	}
	note := info.Help
	if info.Type != "" && info.Role == "" {
		note = strings.TrimSpace(note + " (" + info.Type + ")")
	}
	if note != "" {
		s.comment(indent, note)
	}
	open := len(value.Placeholders()) > 0
	set := value.Given() && !open
	if info.Role == "" || !open {
		if info.Role != "" {
			s.modes(info.Role, indent, "A mode can be put here, with its name in mode and its fields beside it:")
		}
		text := flowNotation.text(value)
		if value.Kind == template.KindPlaceholder {
			text = toFillYAML
		}
		s.value(indent, info.Name, text, !open && !set || off)
		return
	}
	s.modes(info.Role, indent, "To fill: the mode's name in mode, and its fields beside it:")
	s.value(indent, info.Name, "", off)
	s.value(indent+"  ", "mode", toFillYAML, off)
}

// modes lists the modes of a role with their fields.
func (s *skeleton) modes(role, indent, intro string) {
	s.comment(indent, intro)
	for _, m := range template.SpecsOfRole(role) {
		names := []string{"mode: " + m.Name}
		for _, f := range m.Fields {
			if f.Required {
				names = append(names, f.Name+": …")
			}
		}
		s.comment(indent, "  {"+strings.Join(names, ", ")+"}  "+m.Help)
	}
}

func (s *skeleton) mode(info fieldInfo, mode *template.Node, indent string, off bool) {
	s.comment(indent, strings.TrimSpace(mode.Mode+": "+cmp.Or(specOf(mode).Help, info.Help)))
	// A map of comments alone is null, and null switches the mode off.
	off = off || len(mode.Placeholders()) == 0 && !mode.Given()
	s.value(indent, info.Name, "", off)
	if mode.Origin != "" {
		s.value(indent+"  ", "mode", mode.Mode, off)
	}
	for _, f := range mode.Fields {
		s.field(fieldOf(mode, f), f.Value, indent+"  ", off)
	}
}

// plainWord matches texts that need no quotes, except those of plainTaken.
var plainWord = regexp.MustCompile(`^\.?[A-Za-z][A-Za-z0-9_./-]*$`)

var plainTaken = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true, "true": true, "false": true,
	"null": true, ".inf": true, ".nan": true}

// yamlValue is a JSON-like value in one line of YAML.
func yamlValue(v any) string {
	switch v := v.(type) {
	case string:
		if plainWord.MatchString(v) && !plainTaken[strings.ToLower(v)] {
			return v
		}
		return compactJSON(strings.ReplaceAll(v, "${", `\${`))
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = yamlValue(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return spacedJSON(v)
}
