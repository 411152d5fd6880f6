package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// session is a command about one plugin, with the command line as read for its task: it is a job.Line.
type session struct {
	*app
	*job.Session
	*argv.Line
	// python is the interpreter that was asked for when the plugin was described.
	python string
	// wanted is the task's name as the user wrote it; empty: none was given.
	wanted string
	// unread resets the command line to before the description.
	unread func()
}

// open finds the plugin, describes it, and chooses the task.
func (a *app) open(ctx context.Context) (*session, error) {
	arg, err := a.line.Plugin()
	if err != nil {
		return nil, err
	}
	given := a.grammar.Python
	python := given
	if a.line.PythonMayBeTasks() && !argv.LooksLikePython(given) {
		// A word that may be the task's is not run.
		python = ""
	}
	s, err := a.openWith(ctx, arg, python)
	switch {
	case err == nil && s.Task != nil && s.Task.Kind == schema.Factory:
		return s, nil
	case err == nil && s.grammar.Python != python:
		python = s.grammar.Python
	case err != nil && python != given && (exitcode.Of(err) != exitcode.Usage || cannotStart(err)):
		// No other interpreter can describe the plugin, so this one is the host's.
		python = given
	default:
		return s, err
	}
	if err := a.line.Guess(); err != nil {
		return nil, err
	}
	if arg, err = a.line.Plugin(); err != nil {
		return nil, err
	}
	return a.openWith(ctx, arg, python)
}

// cannotStart reports whether the plugin's process did not get as far as its handshake.
func cannotStart(err error) bool {
	_, is := errors.AsType[*plugin.StartError](err)
	return is
}

// openWith describes the plugin with an interpreter, and reads the command line for the task.
func (a *app) openWith(ctx context.Context, arg, python string) (*session, error) {
	if !a.line.Named() && !a.grammar.Help {
		a.program.Words = a.words
	}
	opened, err := a.program.Open(arg, python)
	if err != nil {
		if missing := new(discover.NotFoundError); errors.As(err, &missing) {
			if noRun := a.line.NoRun(missing.Arg); noRun != nil {
				return nil, problem.Errors{*noRun}
			}
			a.meant(missing)
			// What is surely wrong without the plugin, too.
			others := slices.Concat(a.line.Wrong(), a.program.FileProblems(arg))
			return nil, problem.Err(append([]problem.Problem{missing.Problem()}, a.line.AsTyped(others)...))
		}
		return nil, err
	}
	s := &session{app: a, Session: opened, Line: a.line, python: python, wanted: a.line.GuessTask()}
	if a.line.Yields() {
		s.TellProject(s.wanted)
	}
	restore, grammar, wanted := a.line.Save(), a.grammar, s.wanted
	s.unread = func() {
		restore()
		a.setGrammar(grammar)
		s.wanted = wanted
	}
	err = s.describeAs(ctx, false)
	if s.Earlier && (err != nil || s.Task == nil && s.wanted != "") {
		err = s.describeAnew(ctx)
	}
	if err != nil {
		return nil, err
	}
	if s.Task == nil || s.Task.Kind != schema.Factory {
		if err := s.answerVersion(); err != nil {
			return nil, err
		}
	}
	a.settleLog()
	if !s.Yields() || s.grammar.Help || s.grammar.HelpBackbone {
		// Else it is reported with the problems of the configuration.
		if err := problem.Err(s.Wrong()); err != nil {
			return nil, err
		}
	}
	s.Equip()
	return s, nil
}

// meant completes the error for a word that may have been meant for a command, or for the address of --listen.
func (a *app) meant(missing *discover.NotFoundError) {
	if near := a.line.CommandNear(missing.Arg); near != "" && !a.line.Named() {
		missing.Why, missing.Hints = "no such command or plugin", []string{fmt.Sprintf("did you mean %s?", near)}
		if a.grammar.Verbose == 0 {
			missing.Tried = nil
		}
		return
	}
	missing.Hints = append(missing.Hints, a.line.AddressMeant(missing.Arg))
}

// describeAs describes the plugin and the task that the command line seems to name, and reads the command line for that task.
func (s *session) describeAs(ctx context.Context, anew bool) error {
	if err := s.Describe(ctx, s.likelyTask(), anew); err != nil {
		return err
	}
	var found bool
	if s.wanted, found = s.Choose(s.Session); !found {
		return s.Doubt()
	}
	return s.Line.Reread()
}

// likelyTask is the task to be described alone, which takes less time than all; empty: the word that may be a task is rather a folder.
func (s *session) likelyTask() string {
	if _, err := os.Lstat(s.wanted); err == nil || strings.ContainsAny(s.wanted, "/.") {
		return ""
	}
	return s.wanted
}

// describeAnew replaces a cached description: before a problem found by it is reported, the plugin is asked again.
func (s *session) describeAnew(ctx context.Context) error {
	s.unread()
	return s.describeAs(ctx, true)
}

// openResolved opens the task of a command that starts no worker, and resolves its configuration. The error is errAnswered if the
// command printed the task's help.
func (a *app) openResolved(ctx context.Context) (*session, *job.Spec, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if a.grammar.Help {
		return nil, nil, cmp.Or(s.taskHelp(ctx), errAnswered)
	}
	spec, err := s.resolve(ctx)
	return s, spec, err
}

// resolve merges configuration and command line into the task, and reports all problems at once.
func (s *session) resolve(ctx context.Context) (*job.Spec, error) {
	for {
		var spec *job.Spec
		err := s.needTask()
		if err == nil {
			spec, err = s.Resolve(ctx, s)
		}
		if !s.Earlier || exitcode.Of(err) != exitcode.Usage {
			return spec, err
		}
		if err := s.describeAnew(ctx); err != nil {
			return nil, err
		}
		s.Equip()
	}
}

// needTask is the error of a command that needs a task and has none.
func (s *session) needTask() error {
	if s.Task != nil {
		return nil
	}
	return s.NoTask(s.wanted)
}

// Wrong implements job.Line. --env is looked at here, since a task may have taken it for itself.
func (s *session) Wrong() []problem.Problem {
	return slices.Concat(s.Line.Wrong(), s.CheckEnv(), s.ofCommand(), s.noDryRun())
}

// ofCommand are the problems of the command's own flags.
func (a *app) ofCommand() []problem.Problem {
	if a.grammar.Help {
		return nil
	}
	switch a.line.Command {
	case "run":
		return a.grammar.Run.check()
	case "plan":
		return a.grammar.Plan.check()
	case "shard":
		return a.grammar.Shard.check()
	case "export":
		return a.program.CheckExport(&a.grammar.Export.ExportFlags)
	}
	return nil
}

// Reread implements job.Line.
func (s *session) Reread() error {
	if err := s.needTask(); err != nil {
		return err
	}
	if err := s.Line.Reread(); err != nil {
		return err
	}
	if s.Yields() && s.grammar.Python != "" && s.grammar.Python != s.python {
		return exitcode.Usagef("--python %s: write it before %s, since %s tells its arguments only when it is called", s.grammar.Python, s.Found.Command.Name, s.Task.Name)
	}
	s.settleLog()
	if s.Yields() {
		return s.answerVersion()
	}
	return nil
}

// answerVersion prints the version where the flag is the host's.
func (s *session) answerVersion() error {
	if !s.grammar.Version {
		return nil
	}
	return s.printVersion()
}
