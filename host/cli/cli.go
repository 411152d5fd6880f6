// Package cli is the host's command line: one file a command.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/term"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Streams are what a command reads and writes.
type Streams struct {
	Out, Err                 io.Writer
	OutTerminal, ErrTerminal bool
	// Width is the terminal's width in columns, Height its number of rows; nil: 80 and 24.
	Width, Height func() int
}

// The size of a terminal that does not say it.
const (
	usualWidth  = 80
	usualHeight = 24
)

// System returns the streams of this process.
func System() Streams {
	size := func() (width, height int) {
		for _, f := range []*os.File{os.Stderr, os.Stdout} {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
				return w, h
			}
		}
		return usualWidth, usualHeight
	}
	return Streams{
		Out: os.Stdout, Err: os.Stderr,
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())), ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Width:  func() int { w, _ := size(); return w },
		Height: func() int { _, h := size(); return h },
	}
}

// Main runs a command line and returns the exit code. ctx ends everything at once; the first signal closes drain.
func Main(ctx context.Context, args []string, streams Streams, drain <-chan struct{}, version string) int {
	a := &app{token: takeToken(), streams: streams, drain: drain, version: version, working: make(chan struct{})}
	// Text from anywhere is escaped for a terminal.
	a.out, a.err = terminal.NewOutput(streams.Out), terminal.NewOutput(streams.Err)
	a.streams.Out, a.streams.Err = a.out, a.err
	if streams.Width == nil {
		a.streams.Width = func() int { return usualWidth }
	}
	if streams.Height == nil {
		a.streams.Height = func() int { return usualHeight }
	}
	ctx, end := a.endEarly(ctx)
	defer end()
	stuck, err := a.mainUnlessStuck(ctx, args)
	if stuck {
		// main may still be writing to the fields of a.
		problem.Print(a.err, err)
		return exitcode.Of(err)
	}
	code := exitcode.Of(err)
	if code == exitcode.Failed && ctx.Err() != nil {
		code = exitcode.Interrupted
	}
	if err != nil && !errors.Is(err, errAnswered) {
		a.report(err, code)
	}
	return code
}

// tokenVariable is the token of a run for kagurazaka work.
const tokenVariable = "KAGURAZAKA_TOKEN"

// takeToken takes the token out of the environment, so that no plugin and no other process of this program gets it.
func takeToken() string {
	token := os.Getenv(tokenVariable)
	_ = os.Unsetenv(tokenVariable)
	return token
}

// errEarly ends a command at the first signal, which in a run only stops new items.
var errEarly = exitcode.With(exitcode.Interrupted, errors.New("interrupted before the run had begun"))

// errAnswered ends a command that printed its answer: --version, or a task's own flag like that.
var errAnswered = exitcode.With(exitcode.OK, errors.New("answered"))

// endEarly ends the context at the first signal unless a run has begun: nothing else is worth finishing, and a plugin may not answer.
func (a *app) endEarly(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-a.working:
		case <-ctx.Done():
		case <-a.drain:
			select {
			case <-a.working:
			default:
				cancel(errEarly)
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// earlyPatience is how long a command may take to clean up after errEarly.
const earlyPatience = 3 * time.Second

// mainUnlessStuck returns while main is stuck if that does not end in time: reading a configuration may wait for a pipe without a writer.
// The caller ends the process, and the guard ends what main has started.
func (a *app) mainUnlessStuck(ctx context.Context, args []string) (stuck bool, err error) {
	result := make(chan error, 1)
	go func() { result <- a.main(ctx, args) }()
	var late <-chan time.Time
	ended := ctx.Done()
	for {
		select {
		case err := <-result:
			return false, err
		case <-late:
			return true, errEarly
		case <-ended:
			ended = nil
			if errors.Is(context.Cause(ctx), errEarly) {
				late = time.After(earlyPatience)
			}
		}
	}
}

// app is one invocation.
type app struct {
	// working is closed when a run begins to work on items.
	working chan struct{}
	// streams are out and err, which clean what is printed.
	streams  Streams
	out, err *terminal.Output
	drain    <-chan struct{}
	version  string

	parser  *kong.Kong
	grammar grammar
	line    *argv.Line
	words   []string
	screen  *progress.Screen
	log     hclog.Logger
	program job.Program
	// runLog is the log in the run's folder; nil: none. endRunLog ends it before the run has begun.
	runLog    *ledger.Log
	endRunLog func()
	// token is KAGURAZAKA_TOKEN, which no other process gets.
	token string
	// noted is what note has logged.
	noted []string
	// summarised: a summary was printed, so the end is not reported as JSON again.
	summarised bool
}

func (a *app) main(ctx context.Context, args []string) error {
	parser, err := newParser(&a.grammar)
	if err != nil {
		return fmt.Errorf("building the command line's grammar: %w", err)
	}
	a.parser = parser
	a.log = hclog.NewNullLogger()
	build := versionOf(a.version).build()
	a.program = job.Program{Log: a.log, Version: build.String(), Build: build, Note: a.note, NoteWarning: a.noteWarning}
	a.words = args
	a.line = argv.New(args, parser, &a.program, a.readHost)
	a.line.Ignores = ignoresVariable
	plugin.Hide(argv.Variables(parser))
	if len(args) > 0 && args[0] == completeCommand {
		return a.complete(ctx, args[1:])
	}
	if err := a.line.Guess(); err != nil {
		return err
	}
	if err := a.line.CheckUTF8(); err != nil {
		return err
	}
	a.startLog()
	a.program.Log = a.log
	for _, text := range argv.MisspeltVariables(parser) {
		a.log.Warn(text)
	}
	if !a.grammar.Quiet {
		a.program.Stderr = a.screen
	}
	f := &a.grammar.hostFlags
	switch {
	case f.Version && (a.line.Empty() || !a.line.Yields()):
		return a.printVersion()
	case f.HelpKagurazaka:
		return a.hostHelp()
	case f.HelpBackbone && takesNodes(a.line.Command):
		return a.workersHelp()
	case f.Help && a.line.Named() && (a.line.Empty() || !a.line.Yields() && a.line.Command != "describe"):
		return a.commandHelp()
	case len(args) == 0:
		return cmp.Or(a.usage(a.err), exitcode.With(exitcode.Usage, errAnswered))
	case a.line.Empty() || !a.line.Yields():
		if err := a.line.Doubt(); err != nil {
			return err
		}
	}
	if f.DryRun && !a.line.Yields() && a.line.Command != "launch" {
		return exitcode.With(exitcode.Usage, problem.Err(a.noDryRun()))
	}
	switch a.line.Command {
	case "plan":
		return a.plan(ctx)
	case "shard":
		return a.shard(ctx)
	case "export":
		return a.export(ctx)
	case "debug":
		return a.debug(ctx)
	case "config":
		return a.config(ctx)
	case "describe":
		return a.describe(ctx)
	case "new":
		return a.newTask()
	case "init":
		return a.initConfig(ctx)
	case "work":
		return a.work(ctx)
	case "launch":
		return a.launch(ctx)
	case "runs":
		return a.runs()
	case "show":
		return a.show()
	case "trust":
		return a.trust()
	case "completion":
		return a.completion()
	case "help":
		return a.help()
	case "version":
		return a.versionCommand()
	default:
		return a.run(ctx)
	}
}

// noDryRun is the problem of a --dry-run for a command that does not take it.
func (a *app) noDryRun() []problem.Problem {
	switch a.line.Command {
	case "run", "plan", "launch":
		return nil
	}
	if !a.grammar.DryRun {
		return nil
	}
	return []problem.Problem{{Source: "--dry-run", Message: a.line.Command + " does not take it: it is for runs, and for launch", Suggestion: "leave it out"}}
}

// readHost reads the host's own flags, in kong's spelling.
func (a *app) readHost(command string, flags []string) error {
	defer func() { a.setGrammar(a.grammar) }()
	a.grammar = grammar{}
	if _, err := a.parser.Parse(append([]string{command}, flags...)); err != nil {
		return a.flagError(command, flags, err)
	}
	if wrong := a.grammar.RunFlags.CheckStart(); len(wrong) > 0 {
		return problem.Err(wrong)
	}
	a.grammar.WritesPaths = command == "export"
	if command == "debug" {
		a.grammar.once()
	}
	// In pdb, the terminal is for that.
	if mode := a.grammar.DebugFlags.Mode; mode != "" && mode != "pdb" {
		a.grammar.Verbose = max(a.grammar.Verbose, 2)
	}
	return nil
}

func (a *app) setGrammar(g grammar) {
	a.grammar = g
	a.program.Flags = &job.Flags{ConfigFlags: g.ConfigFlags, RunFlags: g.RunFlags, DebugFlags: g.DebugFlags, FolderFlags: g.FolderFlags, SelectFlags: g.SelectFlags, SourceFlags: g.SourceFlags, ShardFlags: g.ShardFlags, LedgerFlags: g.LedgerFlags, NetFlags: g.NetFlags}
}

// Answer prints what answers the command, and ends it. It is a part of job.Line.
func (a *app) Answer(text string) error {
	if _, err := fmt.Fprint(a.streams.Out, text); err != nil {
		return err
	}
	return errAnswered
}

func (a *app) logLevel() hclog.Level {
	if a.grammar.Quiet {
		return hclog.Warn
	}
	// One level lower for each -v: Debug, Trace.
	return max(hclog.Info-hclog.Level(a.grammar.Verbose), hclog.Trace)
}

// startLog makes the log: on stderr, above the progress line where there is one.
func (a *app) startLog() {
	a.screen = progress.NewScreen(a.err.Raw(), func() (columns, rows int) { return a.streams.Width(), a.streams.Height() })
	shown := &terminal.Log{Out: a.screen, Color: a.inColor(a.streams.ErrTerminal)}
	options := &hclog.LoggerOptions{Name: "kagurazaka", Level: a.logLevel(), Output: shown, TimeFormat: "15:04:05.000"}
	if a.line.Command != "run" {
		a.log = hclog.New(options)
		return
	}
	a.runLog = &ledger.Log{}
	both := hclog.NewInterceptLogger(options)
	sink := hclog.NewSinkAdapter(&hclog.LoggerOptions{Level: hclog.Debug, Output: &terminal.Log{Out: a.runLog}, TimeFormat: hclog.TimeFormat})
	both.RegisterSink(sink)
	a.log, a.endRunLog = both, func() { both.DeregisterSink(sink) }
}

// settleLog applies the flags about the log, once it is known which of them are the host's.
func (a *app) settleLog() {
	a.log.SetLevel(a.logLevel())
	if a.grammar.NoLedger && a.endRunLog != nil {
		a.endRunLog()
		a.endRunLog = nil
	}
}

// note logs something once, and noteWarning as a warning.
func (a *app) note(text string)        { a.noteAt(hclog.Info, text) }
func (a *app) noteWarning(text string) { a.noteAt(hclog.Warn, text) }

func (a *app) noteAt(level hclog.Level, text string) {
	if text != "" && !slices.Contains(a.noted, text) {
		a.noted = append(a.noted, text)
		a.log.Log(level, text)
	}
}

// report prints the error that ends the program.
func (a *app) report(err error, code int) {
	if a.line != nil {
		err = a.line.Blame(err)
	}
	if a.grammar.Progress == "json" && !a.summarised {
		progress.PrintExit(a.out.JSON(), code, err.Error())
	}
	if !a.inColor(a.streams.ErrTerminal) {
		problem.Print(a.streams.Err, err)
		return
	}
	var text strings.Builder
	problem.Print(&text, err)
	paint := terminal.Paint(true)
	for line := range strings.Lines(terminal.Clean(text.String())) {
		if rest, ok := strings.CutPrefix(line, "error: "); ok {
			line = paint.Red("error:") + " " + rest
		}
		_, _ = io.WriteString(a.err.Raw(), line)
	}
}

// inColor reports whether text for a stream has colors.
func (a *app) inColor(isTerminal bool) bool { return terminal.InColor(a.grammar.Color, isTerminal) }
