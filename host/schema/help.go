package schema

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// page lays out a task.
type page struct{ *terminal.Page }

// HelpOptions are the options of Help.
type HelpOptions struct {
	// Command are the words of the command line up to the task, as a shell reads them: "kagurazaka", "./plugins/resize", "Resize".
	Command []string
	// Implied: the task's name is left out of Command.
	Implied bool
	// Device are the flags of the backbone of a device task.
	Device []Argument
	// More is a paragraph at the end.
	More string
	// Width is the number of columns; 0: 80.
	Width int
	// Color uses ANSI escapes.
	Color bool
}

// Help writes a task's -h: its usage, its arguments, its template, and an example that fills the placeholders.
func Help(w io.Writer, task *Task, o HelpOptions) error {
	p := page{terminal.NewPage(o.Width, o.Color)}
	var pieces []string
	if o.Implied {
		pieces = append(pieces, "["+task.Name+"]")
	}
	folders := task.TakesFolders(task.Template)
	if folders {
		pieces = append(pieces, "IN OUT")
	}
	for i := range task.Arguments {
		pieces = append(pieces, task.Arguments[i].usage())
	}
	if task.OpenArguments {
		pieces = append(pieces, "[ARGUMENT…]")
	}
	fill := toFill(task.Template)
	rest := slices.DeleteFunc(slices.Clone(fill), func(f string) bool {
		return folders && (strings.HasPrefix(f, InputFolder+"=") || strings.HasPrefix(f, OutputFolder+"="))
	})
	if len(rest) > 0 {
		pieces = append(pieces, "--mixin KEY=VALUE …")
	} else if task.Template != nil {
		pieces = append(pieces, "[--mixin KEY=VALUE …]")
	}
	p.Hanging("usage: "+o.Command[0], append(slices.Clone(o.Command[1:]), pieces...))
	factory := ""
	if task.Kind == Factory {
		factory = "A function of the mixin makes this task: its arguments and template are known once --cfg, --mixin-cfg or --mixin " +
			"give what the function needs."
	}
	for _, text := range []string{task.Summary, task.Description, factory} {
		if text != "" {
			p.Gap()
			p.Paragraphs(text, 0)
		}
	}
	if len(task.Arguments) > 0 || task.OpenArguments {
		List(p.Page, "Arguments:", task.Arguments)
	}
	if task.OpenArguments {
		p.Paragraphs(furtherArguments, 2)
	}
	p.template(task)
	if len(o.Device) > 0 {
		List(p.Page, "Flags of device tasks:", o.Device)
	}
	if task.Usage != "" {
		p.Title("In the task's own words:")
		for line := range strings.SplitSeq(strings.Trim(task.Usage, "\n"), "\n") {
			p.Line("  " + line)
		}
	}
	if len(fill) > 0 {
		words, title := o.Command, "Placeholders still to fill, with --mixin:"
		if folders {
			words, title = append(slices.Clone(words), "IN", "OUT"), "Placeholders still to fill, with IN OUT or --mixin:"
		}
		p.Title(title)
		for _, f := range fill {
			p.Line("  " + f)
		}
		p.Title("Example:")
		p.Command(example(words, task, rest), 2)
	}
	if o.More != "" {
		p.Gap()
		p.Paragraphs(o.More, 0)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// furtherArguments describes open arguments.
const furtherArguments = "The task takes further arguments, which it does not name."

// ArgumentsHelp writes a list of arguments under a title, in the layout of Help. width 0 is 80 columns.
func ArgumentsHelp(w io.Writer, title string, arguments []Argument, width int) error {
	p := terminal.NewPage(width, false)
	List(p, title, arguments)
	_, err := io.WriteString(w, p.String())
	return err
}

// List writes a list of arguments under a title.
func List(p *terminal.Page, title string, arguments []Argument) {
	p.Title(title)
	for i := range arguments {
		a := &arguments[i]
		p.Row("  "+a.Spellings(), a.Text(), "")
	}
}

// Spellings are the argument's names and its values: "--size, -s INT".
func (a *Argument) Spellings() string {
	names := slices.Clone(a.Flags)
	if len(names) == 0 {
		if len(a.Choices) > 0 {
			return a.Name + " " + a.metavar()
		}
		return a.metavar()
	}
	if a.Negatable && strings.HasPrefix(names[0], "--") {
		names[0] = "--[no-]" + names[0][2:]
	}
	if strings.HasPrefix(a.Placeholder, "[=") {
		return strings.Join(names, ", ") + a.Placeholder
	}
	return strings.TrimSpace(strings.Join(names, ", ") + " " + a.metavar())
}

// Text is the argument's help, with notes in brackets.
func (a *Argument) Text() string {
	var notes []string
	switch {
	case a.Required:
		notes = append(notes, "required")
	case a.HasDefault && a.Default != nil && (a.Arity != "0" || a.Default == true):
		notes = append(notes, "default: "+plainText(a.Default))
	}
	if len(a.Choices) == 0 && (len(a.Flags) == 0 && a.Type != String || strings.Contains(a.typeName(), " ")) {
		notes = append(notes, a.typeName())
	}
	if len(a.Choices) > 8 {
		notes = append(notes, "one of "+strings.Join(a.choiceWords(), ", "))
	}
	if a.Variable != "" {
		notes = append(notes, "or "+a.Variable)
	}
	if a.Repeatable {
		notes = append(notes, "may be given several times")
	}
	return withNotes(a.Help, notes)
}

func withNotes(help string, notes []string) string {
	if len(notes) == 0 {
		return help
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s)", help, strings.Join(notes, "; ")))
}

// usage is the argument's place in the usage line.
func (a *Argument) usage() string {
	if len(a.Flags) == 0 {
		word := strings.ToUpper(a.Name)
		switch {
		case a.Arity == "*" || a.Arity == "+" || a.Arity == "?":
			return a.times(word)
		case !a.Required && a.HasDefault:
			return "[" + word + "]"
		}
		return word
	}
	s := strings.TrimSpace(a.Flags[0] + " " + a.metavar())
	if a.Required {
		return s
	}
	return "[" + s + "]"
}

// example is a command that gives all required values.
func example(command []string, task *Task, fill []string) []string {
	words := slices.Clone(command)
	for i := range task.Arguments {
		a := &task.Arguments[i]
		if !a.Required {
			continue
		}
		word := strings.ToUpper(a.Name)
		if len(a.Choices) > 0 {
			word = terminal.Quote(a.choiceWords()[0])
		}
		if len(a.Flags) > 0 {
			words = append(words, a.Flags[0])
		}
		if a.Arity != "0" {
			words = append(words, word)
		}
	}
	if len(fill) > 0 {
		words = append(words, "--mixin")
	}
	for _, f := range fill {
		words = append(words, terminal.Quote(f))
	}
	return words
}

// toFill are the KEY=VALUE of --mixin that fill a template's placeholders, with an example for each value.
func toFill(tmpl *template.Node) []string {
	if tmpl == nil {
		return nil
	}
	var fill []string
	for _, path := range tmpl.Placeholders() {
		field := fieldAt(tmpl, path)
		modes := template.SpecsOfRole(field.Role)
		if len(modes) == 0 {
			fill = append(fill, path+"="+sample(path[strings.LastIndexByte(path, '.')+1:], field.Type))
			continue
		}
		fill = append(fill, path+".mode="+modes[0].Name)
		for _, f := range modes[0].Fields {
			if f.Required {
				fill = append(fill, path+"."+f.Name+"="+sample(f.Name, f.Type))
			}
		}
	}
	return fill
}

// sample is an example of a field's value.
func sample(name, typeName string) string {
	word := strings.ToUpper(strings.TrimSuffix(name, "_path"))
	switch typeName {
	case template.TypeInt, template.TypeIntOrInts:
		return "0"
	case template.TypeBool:
		return "true"
	case template.TypeStrings:
		return "[" + word + "]"
	case template.TypeStringMap, template.TypeMap:
		return "{KEY: " + word + "}"
	case template.TypeStringsMap:
		return "{KEY: [" + word + "]}"
	case template.TypeModes:
		return "[{mode: MODE}]"
	}
	if strings.Trim(name, "0123456789") == "" {
		return "VALUE"
	}
	return word
}
