package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// taskHelp answers -h. Its template shows what the given configuration makes of it.
func (s *session) taskHelp(ctx context.Context) error {
	if s.task == nil {
		if s.wanted == "" {
			return schema.DescribeText(s.streams.Out, s.described, s.streams.Width())
		}
		return s.needTask()
	}
	if err := s.configure(ctx); err != nil {
		return err
	}
	task := *s.task
	if tree, _ := config.Apply(task.Template, s.config.Mixin, s.exact()); tree != nil {
		task.Template = tree
	}
	// Its styles are escapes, and it has cleaned the rest.
	return schema.Help(s.out.Raw(), &task, schema.HelpOptions{
		Command: s.command(),
		Width:   s.streams.Width(), Color: s.streams.OutTerminal && !dumb(),
	})
}

// command is the command line up to the task, as a shell reads it.
func (s *session) command() string {
	return strings.Join([]string{"kagurazaka", quote(s.found.Command.Name), quote(s.task.Name)}, " ")
}

// backboneHelp answers -hb.
func (s *session) backboneHelp(ctx context.Context) error { return s.printBackboneHelp(ctx, s.task) }

var backboneSummaries = map[string]string{
	"mp":   "The mp backbone: a pool of worker processes.",
	"cuda": "The cuda backbone, for device tasks (torch_vanilla_single is its name in kagurazaka 0.1.1).",
}

// printBackboneHelp prints the flags of the backbone that would run the task; nil: no task is known.
func (a *app) printBackboneHelp(ctx context.Context, task *schema.Task) error {
	backbone := chooseBackbone(a.grammar.Backbone, task)
	if _, err := fmt.Fprintf(a.streams.Out, "%s\n\n", backboneSummaries[backbone]); err != nil {
		return err
	}
	err := schema.ArgumentsHelp(a.streams.Out, "Flags:", argumentsOf(backbone), a.streams.Width())
	if err == nil && backbone == "cuda" {
		err = printDevices(ctx, a.streams.Out)
	}
	return err
}

// hostHelp prints the host's own help: of the whole program, not of the default command.
func (a *app) hostHelp() error {
	return a.printHelp(&kong.Path{App: a.parser.Model, Flags: a.parser.Model.Flags})
}

// commandHelp prints what one command takes, without the flags of all commands.
func (a *app) commandHelp() error {
	at := slices.IndexFunc(a.parser.Model.Children, func(n *kong.Node) bool { return n.Name == a.split.command })
	program, command := *a.parser.Model.Node, *a.parser.Model.Children[at]
	program.Flags, command.Parent = nil, &program
	if err := a.printHelp(&kong.Path{App: a.parser.Model}, &kong.Path{Command: &command, Flags: command.Flags}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.streams.Out, "\nkagurazaka -hk shows the flags of all commands.")
	return err
}

func (a *app) printHelp(path ...*kong.Path) error {
	a.parser.Stdout = a.streams.Out
	return kong.DefaultHelpPrinter(kong.HelpOptions{
		Compact: true, NoExpandSubcommands: true, WrapUpperBound: a.streams.Width(), ValueFormatter: kong.DefaultHelpValueFormatter,
	}, &kong.Context{Kong: a.parser, Path: path})
}

// quote writes a word as a shell reads it.
func quote(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\n'\"\\$`!*?[]{}()<>|&;#~") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
