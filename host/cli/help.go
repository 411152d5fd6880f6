package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// taskHelp answers -h. It shows the template with the values of the given configuration.
func (s *session) taskHelp(ctx context.Context) error {
	if s.Task == nil {
		if s.wanted == "" {
			return schema.DescribeText(s.streams.Out, s.Described, s.streams.Width())
		}
		return s.needTask()
	}
	if err := s.Configure(ctx, s); err != nil {
		return err
	}
	task := *s.Task
	if tree, _ := s.Template(); tree != nil {
		task.Template = tree
	}
	// Help writes escapes for its styles, and cleans the rest itself.
	return schema.Help(s.out.Raw(), &task, schema.HelpOptions{
		Command: s.command(),
		Width:   s.streams.Width(), Color: s.streams.OutTerminal && !dumb(),
	})
}

// command is the command line up to the task, as a shell reads it.
func (s *session) command() string {
	return terminal.Command([]string{s.Found.Command.Name, s.Task.Name})
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

// hostHelp prints the host's own help: of the whole program, not of the default command.
func (a *app) hostHelp() error {
	if err := a.printHelp(&kong.Path{App: a.parser.Model, Flags: a.parser.Model.Flags}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.streams.Out, "\nkagurazaka COMMAND -h shows what a command takes.")
	return err
}

// commandHelp prints what one command takes, without the flags of all commands but those that it hardly does without.
func (a *app) commandHelp() error {
	program, command := *a.parser.Model.Node, *a.node()
	program.Flags, command.Parent = nil, &program
	switch command.Name {
	case "launch":
		a.launchHelp(&command)
		command.Flags = append(a.withHelp("run-dir", "The run's folder."), command.Flags...)
	case "work":
		command.Flags = slices.Concat(a.withHelp("run-dir", "Find the coordinator by the run's folder, in place of URL."), command.Flags, a.asForRun())
	}
	if err := a.printHelp(&kong.Path{App: a.parser.Model}, &kong.Path{Command: &command, Flags: command.Flags}); err != nil {
		return err
	}
	switch a.line.Command {
	case "work":
		if _, err := fmt.Fprintln(a.streams.Out); err != nil {
			return err
		}
		return a.workersHelp()
	case "launch":
		return nil
	}
	_, err := fmt.Fprintln(a.streams.Out, "\nkagurazaka -hk shows the flags of runs, which most commands take, too.")
	return err
}

// asForRun are the flags of all commands that a node takes, in a group of their own.
func (a *app) asForRun() (flags []*kong.Flag) {
	group := &kong.Group{Key: "run", Title: "Flags as for a run:"}
	for _, f := range a.parser.Model.Flags {
		if slices.Contains(ofNode, f.Name) {
			own := *f
			own.Group = group
			flags = append(flags, &own)
		}
	}
	return flags
}

// workersHelp prints the flags of the backbones, which say what the workers of a node are. Its run has one of the backbones.
func (a *app) workersHelp() error {
	shared, parts := job.FlagsByTasks()
	all := slices.Concat([]job.TasksFlags{{Tasks: "all tasks", Arguments: shared}}, parts)
	for i, p := range all {
		if i > 0 {
			if _, err := fmt.Fprintln(a.streams.Out); err != nil {
				return err
			}
		}
		if err := schema.ArgumentsHelp(a.streams.Out, "Flags about a node's workers, for "+p.Tasks+":", p.Arguments, a.streams.Width()); err != nil {
			return err
		}
	}
	return nil
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
		case n.Name != command || command == "run":
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

// withHelp is a flag of all commands, with what it means for one.
func (a *app) withHelp(name, help string) []*kong.Flag {
	for _, f := range a.parser.Model.Flags {
		if f.Name == name {
			own, value := *f, *f.Value
			value.Help, own.Value = help, &value
			return []*kong.Flag{&own}
		}
	}
	return nil
}

func (a *app) printHelp(path ...*kong.Path) error {
	a.parser.Stdout = a.streams.Out
	return kong.DefaultHelpPrinter(kong.HelpOptions{
		Compact: true, NoExpandSubcommands: true, WrapUpperBound: a.streams.Width(), ValueFormatter: kong.DefaultHelpValueFormatter,
	}, &kong.Context{Kong: a.parser, Path: path})
}

// node is the command's part of the grammar.
func (a *app) node() *kong.Node {
	all := a.parser.Model.Children
	return all[slices.IndexFunc(all, func(n *kong.Node) bool { return n.Name == a.line.Command })]
}
