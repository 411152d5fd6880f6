package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// taskHelp answers -h. It shows the template with the values of the given configuration.
func (s *session) taskHelp(ctx context.Context) error {
	if s.Task == nil {
		if s.wanted != "" {
			return s.needTask()
		}
		if err := schema.DescribeText(s.streams.Out, s.Described, s.streams.Width()); err != nil {
			return err
		}
		p := terminal.NewPage(s.streams.Width(), false)
		if len(s.Described.Tasks) > 0 {
			p.Paragraphs(terminal.Command([]string{s.Found.Command.Name, "TASK", "-h"})+" shows what a task takes.", 0)
		}
		_, err := fmt.Fprint(s.streams.Out, "\n"+p.String())
		return err
	}
	task, _, err := s.Configured(ctx, s)
	if err != nil {
		return err
	}
	o := schema.HelpOptions{
		Command: []string{"kagurazaka", terminal.Quote(s.Found.Command.Name)},
		Width:   s.streams.Width(), Color: s.color(),
		More: fmt.Sprintf("%s shows what a run would do. Every run takes the flags that kagurazaka -hk shows, and those of its workers: %s -hb.",
			terminal.Command([]string{"plan", s.Found.Command.Name, task.Name, "…"}), s.command()),
	}
	if o.Implied = s.Implied(); !o.Implied {
		o.Command = append(o.Command, terminal.Quote(task.Name))
	}
	if task.Kind == schema.Device {
		o.Device = s.Backbone().Arguments()
	}
	// Help writes escapes for its styles, and cleans the rest itself.
	return schema.Help(s.out.Raw(), &task, o)
}

// command is the command line up to the task, as a shell reads it.
func (s *session) command() string {
	words := []string{s.Found.Command.Name}
	if !s.Implied() {
		words = append(words, s.Task.Name)
	}
	return terminal.Command(words)
}

// backboneHelp answers -hb: the flags of the backbone that would run the task; nil: no task is known.
func (a *app) backboneHelp(ctx context.Context, task *schema.Task) error {
	backbone := job.Backbone(a.grammar.Backbone, task)
	if _, err := fmt.Fprintf(a.streams.Out, "%s\n\n", backbone.Summary); err != nil {
		return err
	}
	err := schema.ArgumentsHelp(a.streams.Out, "Flags:", backbone.Arguments(), a.streams.Width())
	if err != nil {
		return err
	}
	return backbone.DescribeHere(ctx, a.streams.Out, a.line.BackboneFlags(), task, a.log)
}

// color reports whether help on stdout has styles.
func (a *app) color() bool { return a.inColor(a.streams.OutTerminal) }

// hostHelp prints the host's own help.
func (a *app) hostHelp() error {
	page := a.manual().program()
	return a.print(&page)
}

// usage prints the forms of the command line, the commands, and where to read more.
func (a *app) usage(to *terminal.Output) error {
	page := a.manual().program()
	p := terminal.NewPage(a.streams.Width(), a.color() && to == a.out)
	page.head(p)
	p.Gap()
	p.Paragraphs("kagurazaka COMMAND -h shows what a command takes, kagurazaka PLUGIN TASK -h what a task takes, and kagurazaka -hk all flags.", 0)
	_, err := fmt.Fprint(to.Raw(), p.String())
	return err
}

// commandHelp prints what the command of the line takes.
func (a *app) commandHelp() error {
	page := a.manual().command(a.wayOf(a.line.Command))
	return a.print(&page)
}

// help is `help [COMMAND]`.
func (a *app) help() error {
	name := a.line.TakeWord()
	var names []string
	for _, n := range a.parser.Model.Children {
		names = append(names, n.Name)
	}
	page := a.manual().program()
	switch {
	case slices.Contains(names, name):
		page = a.manual().command(a.wayOf(name))
	case strings.ContainsAny(name, "/."), name != "" && discover.Exists(name):
		return exitcode.Usagef("help %s: not a command; hint: %s shows the help of a plugin", name, terminal.Command([]string{name, "-h"}))
	case name != "":
		hint := "the commands are " + strings.Join(names, ", ")
		if near := a.line.CommandNear(name); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return exitcode.Usagef("help %s: no such command; hint: %s", name, hint)
	}
	if !a.line.Empty() {
		return a.line.Unexpected("help takes a command, such as plan or launch slurm")
	}
	return a.print(&page)
}

// wayOf is a command with the way of launch that the line names.
func (a *app) wayOf(command string) string {
	if command == "launch" {
		if where := a.line.TakeWord(); slices.Contains(waysInOrder, where) {
			return command + " " + where
		}
	}
	return command
}

// workersHelp prints the flags of the workers of a node.
func (a *app) workersHelp() error {
	p := terminal.NewPage(a.streams.Width(), a.color())
	for _, s := range workers() {
		schema.List(p, s.Title+":", s.Arguments)
	}
	_, err := fmt.Fprint(a.out.Raw(), p.String())
	return err
}

// takesNodes reports whether a command takes the flags of a node.
func takesNodes(command string) bool { return command == "work" || command == "launch" }

// helpAbout is the command line whose help has a flag of a command; of several flags, or where it is in no other help, the one about all flags.
func (a *app) helpAbout(command string, flags []string) string {
	const all = "kagurazaka -hk"
	if len(flags) != 1 {
		return all
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(flags[0], "--"), "=")
	help := func(words ...string) string { return terminal.Command(append(words, "-h")) }
	for _, n := range a.parser.Model.Children {
		switch {
		case n.Name != command:
		case command == "run" && slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == name }):
			// They go with --dry-run.
			return help("plan")
		case command == "run":
		case slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == name }):
			where := a.line.First()
			if _, known := ways[where]; command == "launch" && known && !slices.Contains(without(where), name) {
				return help(command, where)
			}
			return help(command)
		case takesNodes(command) && slices.Contains(ofNode, name):
			return help("work")
		}
	}
	return all
}

func (a *app) manual() manual { return manualOf(a.parser) }

func (a *app) print(page *Page) error {
	p := terminal.NewPage(a.streams.Width(), a.color())
	page.head(p)
	for _, s := range page.Sections {
		schema.List(p, s.Title+":", s.Arguments)
	}
	p.Title("Examples:")
	for _, e := range page.Examples {
		p.Paragraphs(e.Does, 2)
		p.Command(strings.Fields(e.Line), 4)
	}
	if page.More != "" {
		p.Gap()
		p.Paragraphs(page.More, 0)
	}
	_, err := fmt.Fprint(a.out.Raw(), p.String())
	return err
}

// pieces are the parts of a usage that stay in one line: what is in brackets, and a flag with its value.
func pieces(usage string) (all []string) {
	whole := true
	for word := range strings.FieldsSeq(usage) {
		if whole {
			all = append(all, word)
		} else {
			all[len(all)-1] += " " + word
		}
		last := all[len(all)-1]
		whole = strings.Count(last, "[") == strings.Count(last, "]") && (!strings.HasPrefix(last, "-") || strings.Contains(last, " "))
	}
	return all
}

// head writes the usage, what it is about, and the commands.
func (page *Page) head(p *terminal.Page) {
	begin := "usage: kagurazaka"
	for _, u := range page.Usage {
		p.Hanging(begin, pieces(u))
		begin = "       kagurazaka"
	}
	p.Gap()
	p.Paragraphs(cmp.Or(page.Text, page.Summary), 0)
	if len(page.Commands) == 0 {
		return
	}
	p.Title("Commands:")
	wide := p.Column
	p.Column = 14
	for _, c := range page.Commands {
		p.Row("  "+c.Name, c.Summary, "")
	}
	p.Column = wide
}

// node is the command's part of the grammar.
func (a *app) node() *kong.Node {
	all := a.parser.Model.Children
	return all[slices.IndexFunc(all, func(n *kong.Node) bool { return n.Name == a.line.Command })]
}
