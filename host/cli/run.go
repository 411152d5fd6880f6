package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// run is the default command.
func (a *app) run(ctx context.Context) error {
	switch f := &a.grammar.hostFlags; {
	case f.HelpBackbone && a.line.Empty():
		return a.backboneHelp(ctx, nil)
	case f.Help && a.line.Empty():
		return a.usage(a.out)
	}
	return a.withTask(ctx, func(s *session) error { return a.drive(ctx, s) })
}

// withTask opens the task of a command that runs items, and does it, or prints the help that is asked for.
func (a *app) withTask(ctx context.Context, do func(*session) error) error {
	if !a.grammar.Help && !a.grammar.HelpBackbone {
		a.program.Warm = &job.Warm{Log: a.log}
		defer a.program.Warm.Close()
	}
	s, err := a.open(ctx)
	switch {
	case err != nil:
		return err
	case a.grammar.Help:
		return s.taskHelp(ctx)
	case a.grammar.HelpBackbone:
		return a.backboneHelp(ctx, s.Task)
	}
	return do(s)
}

// aboutItems are the flags of a run that say which items are done, and what is kept and tried again of them.
var aboutItems = []string{"limit", "item", "resume", "retry-failed", "run-dir", "no-ledger", "retries", "max-failures",
	"listen", "nats", "nats-creds", "tls-ca", "tls-cert", "tls-key"}

// drive runs a task on its items.
func (a *app) drive(ctx context.Context, s *session) error {
	spec, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	if a.grammar.DryRun {
		return a.printPlan(ctx, s, spec, &a.grammar.Run.planFlags)
	}
	defer keepPipes()()
	public := a.program.Flags.Public
	whole := a.line.Plain()
	if len(a.line.Given("limit", "item")) > 0 {
		whole = a.line.RunWords("limit", "item", "resume", "retry-failed")
	}
	a.summarised, err = s.Run(ctx, spec, job.Front{
		Words: public(a.line.Args), Plain: public(a.line.Plain()), Bare: a.line.RunWords(aboutItems...), Whole: public(whole), ItemFlag: a.line.Spelling("item"), MaxFailuresFlag: a.line.Spelling("max-failures"),
		Printer: a.printer(), ShowSeats: a.progressKind() == "full", NextShown: a.showsTable(), RunLog: a.runLog, Drain: a.drain,
		Begins: func() { close(a.working) }, Unprinted: a.out.Err,
	})
	return err
}

// keepPipes makes a closed pipe at stdout or stderr an error of the write instead of the end of this program. Ignoring the signal would
// do so for the processes that it starts, too.
func keepPipes() (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}

// The time between two status lines, in a log and on a terminal.
const (
	plainEvery = 10 * time.Second
	barEvery   = 100 * time.Millisecond
)

// progressKind is how progress is shown.
func (a *app) progressKind() string {
	kind := a.grammar.Progress
	switch {
	case a.streams.ErrTerminal && terminal.Dumb() && (kind == "bar" || kind == "full"):
		kind = "plain"
	case kind == "auto" && a.streams.ErrTerminal && !terminal.Dumb() && a.grammar.DebugFlags.Mode == "":
		kind = "bar"
	case kind == "auto":
		kind = "plain"
	}
	if a.grammar.DebugFlags.Mode == "pdb" && kind == "plain" {
		return "none"
	}
	return kind
}

// showsTable reports whether the summary is a table.
func (a *app) showsTable() bool {
	kind := a.progressKind()
	return a.streams.OutTerminal && !terminal.Dumb() && kind != "json" && kind != "none"
}

func (a *app) printer() progress.Printer {
	text := &progress.Text{
		Err: a.streams.Err, Out: a.streams.Out, Verbose: a.grammar.Verbose > 0, NoLedger: a.grammar.NoLedger, Table: a.showsTable(), Paint: terminal.Paint(a.inColor(a.streams.OutTerminal)),
	}
	if text.Table {
		// The table has styles, and cleans the texts in it.
		text.Out = a.out.Raw()
	}
	switch kind := a.progressKind(); kind {
	case "bar", "full":
		text.Err, text.Screen, text.Every = a.screen, a.screen, barEvery
		text.Bar = progress.Bar{Paint: terminal.Paint(a.inColor(a.streams.ErrTerminal)), ASCII: progress.ASCII(), Full: kind == "full"}
	case "json":
		return &progress.JSON{Out: a.out.JSON(), Err: a.streams.Err, Every: time.Second}
	case "plain":
		text.Every = plainEvery
	}
	return text
}
