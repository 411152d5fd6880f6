package cli

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// Page is a page of the manual: of the program, or of one of its commands. -h, the man pages and the reference are made of pages.
type Page struct {
	// Name is the command's name, such as "plan" or "launch slurm"; empty: the program.
	Name    string
	Summary string
	// Usage are the forms of the command line, without the program's name.
	Usage []string
	Text  string
	// Commands are for the program alone: pages with name and summary.
	Commands []Page
	Sections []Section
	Examples []Example
	// More follows everything else.
	More string
}

// Section is a group of arguments or flags.
type Section struct {
	Title     string
	Arguments []schema.Argument
}

// Example is a command line of a shell, and what it does.
type Example struct{ Line, Does string }

// Manual returns all pages, the same on any machine. That of the program comes first, and has the flags for device tasks, too.
func Manual() ([]Page, error) {
	parser, err := newParser(&grammar{})
	if err != nil {
		return nil, err
	}
	m := manualOf(parser)
	program := m.program()
	_, parts := job.FlagsByTasks()
	for _, p := range parts {
		if p.Tasks == job.Backbone("cuda", nil).Tasks {
			program.Sections = append(program.Sections, m.withVariables(Section{"Device tasks", p.Arguments}))
		}
	}
	pages := []Page{program}
	for _, c := range m.Children {
		pages = append(pages, m.command(c.Name))
		if c.Name == "launch" {
			for _, way := range waysInOrder {
				pages = append(pages, m.command("launch "+way))
			}
		}
	}
	for _, p := range pages {
		for _, s := range p.Sections {
			for i := range s.Arguments {
				if strings.HasPrefix(s.Arguments[i].Name, "num_") {
					// The default is that of this machine, and the help says what it is.
					s.Arguments[i].HasDefault = false
				}
			}
		}
	}
	return pages, nil
}

// manual makes pages of the grammar.
type manual struct {
	*kong.Application
	// variables are the names of those that give flags.
	variables []string
}

func manualOf(parser *kong.Kong) manual { return manual{parser.Model, argv.Variables(parser)} }

// program is the page of the whole program. The flags of its workers are those for tasks that are not device tasks.
func (m manual) program() Page {
	p := Page{Summary: programSummary, Usage: programUsage, More: programMore, Examples: abouts["run"].examples}
	for _, c := range m.Children {
		if !c.Hidden {
			p.Commands = append(p.Commands, Page{Name: c.Name, Summary: c.Help})
		}
	}
	p.Sections = m.groups()
	return p
}

// groups are the flags of all commands, and of the workers.
func (m manual) groups() (sections []Section) {
	for _, g := range groups {
		s := Section{Title: g.Title, Arguments: argumentsOf(m.Flags, func(f *kong.Flag) bool { return f.Group != nil && f.Group.Key == g.Key })}
		if g.Key == "run" {
			for _, a := range job.Backbone("mp", nil).Arguments() {
				// The other spelling has hyphens, as the page says of all flags.
				a.Flags = a.Flags[:1]
				s.Arguments = append(s.Arguments, a)
			}
		}
		sections = append(sections, m.withVariables(s))
	}
	return sections
}

// withVariables names the environment variables of the flags.
func (m manual) withVariables(s Section) Section {
	for i := range s.Arguments {
		if name := argv.Variable(s.Arguments[i].Name); slices.Contains(m.variables, name) {
			s.Arguments[i].Variable = name
		}
	}
	return s
}

// command is the page of a command, or of a way of launch.
func (m manual) command(name string) Page {
	command, where, _ := strings.Cut(name, " ")
	node := m.Children[slices.IndexFunc(m.Children, func(n *kong.Node) bool { return n.Name == command })]
	about := abouts[name]
	p := Page{Name: name, Summary: cmp.Or(about.summary, node.Help), Usage: about.usage, Text: about.text, Examples: about.examples, More: about.more}
	own := argumentsOf(node.Flags, func(*kong.Flag) bool { return true })
	if w, is := ways[where]; is {
		own = w.arguments(where, own)
	} else if len(node.Positional) > 0 {
		p.Sections = append(p.Sections, Section{Title: "Arguments"})
		for _, v := range node.Positional {
			p.Sections[0].Arguments = append(p.Sections[0].Arguments, schema.Argument{Name: v.Name, Help: v.Help, Type: schema.String})
		}
	}
	switch command {
	case "launch":
		own = slices.Concat(m.withHelp("run-dir", "The run's folder."), own, m.withHelp("dry-run", "Print everything that would be started and start nothing."))
	case "work":
		own = append(m.withHelp("run-dir", "Find the coordinator by the run's folder, in place of URL."), own...)
	}
	title := "Flags"
	if command == "run" {
		title = "Flags with --dry-run"
	}
	if len(own) > 0 {
		p.Sections = append(p.Sections, Section{title, own})
	}
	switch command {
	case "run":
		p.Sections = append(p.Sections, m.groups()...)
	case "work":
		p.Sections = append(p.Sections, Section{"Flags as for a run", argumentsOf(m.Flags, func(f *kong.Flag) bool { return slices.Contains(ofNode, f.Name) })})
		p.Sections = append(p.Sections, workers()...)
	}
	return p
}

// workers are the flags of the backbones, which say what the workers of a node are. Its run has one of the backbones.
func workers() (sections []Section) {
	shared, parts := job.FlagsByTasks()
	for _, p := range slices.Concat([]job.TasksFlags{{Tasks: "all tasks", Arguments: shared}}, parts) {
		sections = append(sections, Section{"Flags about a node's workers, for " + p.Tasks, p.Arguments})
	}
	return sections
}

// withHelp is a flag of all commands, with what it means for one.
func (m manual) withHelp(name, help string) []schema.Argument {
	flags := argumentsOf(m.Flags, func(f *kong.Flag) bool { return f.Name == name })
	flags[0].Help = help
	return flags
}

// shorts are the short spellings that are longer than a letter.
var shorts = map[string]string{"help-backbone": "hb", "help-kagurazaka": "hk"}

// argumentsOf are some of the flags of the grammar in the form that help takes.
func argumentsOf(flags []*kong.Flag, want func(*kong.Flag) bool) (arguments []schema.Argument) {
	for _, f := range flags {
		if f.Hidden || !want(f) {
			continue
		}
		a := schema.Argument{Name: f.Name, Flags: []string{"--" + f.Name}, Help: f.Help, Placeholder: f.PlaceHolder, Type: schema.Custom, TypeName: f.Name}
		if short := cmp.Or(shorts[f.Name], string(f.Short)); short != "\x00" {
			a.Flags = append(a.Flags, "-"+short)
		}
		switch {
		case f.IsBool() || f.IsCounter():
			a.Arity = "0"
		case f.HasDefault && f.Default != "":
			a.Default, a.HasDefault = f.Default, true
		}
		if f.Target.Type() == reflect.TypeFor[time.Duration]() {
			a.Placeholder = "D"
		}
		for _, choice := range f.EnumSlice() {
			if choice != "" && f.PlaceHolder == "" {
				a.Choices = append(a.Choices, choice)
			}
		}
		arguments = append(arguments, a)
	}
	return arguments
}
