package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// session is a command about one plugin, and its command line as the plugin's task wants it read: it is a job.Line.
type session struct {
	*app
	*job.Session
	// python is the interpreter that was asked for when the plugin was described.
	python string
	// wanted is the task's name as the user wrote it; empty: none was given.
	wanted string
	// unread is the command line as it was before a description was known.
	unread struct {
		split   split
		grammar grammar
		wanted  string
	}
}

// open finds the plugin, describes it, and chooses the task.
func (a *app) open(ctx context.Context) (*session, error) {
	arg, err := a.findPluginWord()
	if err != nil {
		return nil, err
	}
	given := a.grammar.Python
	python := given
	if a.pythonMayBeTasks() && !looksLikePython(given) {
		// Nothing is run that may be a value of the task's.
		python = ""
	}
	s, err := a.openWith(ctx, arg, python)
	switch {
	case err == nil && s.Task != nil && s.Task.Kind == schema.Factory:
		return s, nil
	case err == nil && s.grammar.Python != python:
		python = s.grammar.Python
	case err != nil && python != given && exitcode.Of(err) != exitcode.Usage:
		// No other interpreter can tell: then this one is the host's.
		python = given
	default:
		return s, err
	}
	if err := a.guess(nil); err != nil {
		return nil, err
	}
	if arg, err = a.findPluginWord(); err != nil {
		return nil, err
	}
	return a.openWith(ctx, arg, python)
}

// openWith describes the plugin with an interpreter, and reads the command line as the task wants it.
func (a *app) openWith(ctx context.Context, arg, python string) (*session, error) {
	opened, err := a.program.Open(arg, python)
	if err != nil {
		return nil, a.notFound(err)
	}
	s := &session{app: a, Session: opened, python: python, wanted: a.split.guessTask()}
	s.unread.split, s.unread.grammar, s.unread.wanted = a.split.clone(), a.grammar, s.wanted
	err = s.describeAs(ctx, false)
	if s.Earlier && (err != nil || s.Task == nil && s.wanted != "") {
		err = s.describeAnew(ctx)
	}
	if err != nil {
		return nil, job.Exit(err)
	}
	if s.Task == nil || s.Task.Kind != schema.Factory {
		if err := s.answerVersion(); err != nil {
			return nil, err
		}
	}
	a.settleLog()
	// A task may have taken --env for itself.
	if err := s.CheckEnv(); err != nil {
		return nil, err
	}
	s.Equip()
	return s, nil
}

// describeAs describes the plugin and the task that the command line seems to name, and reads the command line as that task wants it.
func (s *session) describeAs(ctx context.Context, anew bool) error {
	if err := s.Describe(ctx, s.wanted, anew); err != nil {
		return err
	}
	return s.choose()
}

// describeAnew replaces a kept description: what it says is wrong with a command line is not reported before the plugin
// was asked once more.
func (s *session) describeAnew(ctx context.Context) error {
	before := s.unread.split.clone()
	s.app.split, s.wanted = &before, s.unread.wanted
	s.setGrammar(s.unread.grammar)
	return s.describeAs(ctx, true)
}

// resolve merges configuration and command line into the task and reports everything that is wrong, at once.
func (s *session) resolve(ctx context.Context) (*job.Spec, error) {
	spec, err := s.resolveAs(ctx)
	if !s.Earlier || exitcode.Of(err) != exitcode.Usage {
		return spec, err
	}
	if err := s.describeAnew(ctx); err != nil {
		return nil, err
	}
	s.Equip()
	return s.resolveAs(ctx)
}

func (s *session) resolveAs(ctx context.Context) (*job.Spec, error) {
	if err := s.needTask(); err != nil {
		return nil, err
	}
	return s.Resolve(ctx, s)
}

// needTask is the error of a command that needs a task and has none.
func (s *session) needTask() error {
	if s.Task != nil {
		return nil
	}
	names := taskNames(s.Described)
	has := "it has none"
	if len(names) > 0 {
		has = "it has: " + strings.Join(names, ", ")
	}
	if s.wanted == "" {
		return usage("which task of %s? %s", s.Found.Command.Name, has)
	}
	return usage("%s has no task %q%s; %s", s.Found.Command.Name, s.wanted, didYouMean(s.wanted, names), has)
}

func taskNames(p *schema.Plugin) []string {
	names := make([]string, len(p.Tasks))
	for i, t := range p.Tasks {
		names[i] = t.Name
	}
	return names
}

// Words implements job.Line. A -- is for the task's parser, too, as kagurazaka 0.1.1 has it; a task that takes what follows only
// without it gets it so.
func (s *session) Words() [][]string {
	words := s.split.restTexts()
	readings := [][]string{words}
	if i := slices.IndexFunc(s.split.rest, word.ends); i >= 0 {
		readings = append(readings, slices.Delete(slices.Clone(words), i, i+1))
	}
	return readings
}

// BackboneFlags implements job.Line.
func (s *session) BackboneFlags() []job.Value { return s.split.backbone }

// Answer implements job.Line.
func (s *session) Answer(text string) error {
	if _, err := fmt.Fprint(s.streams.Out, text); err != nil {
		return err
	}
	return errAnswered
}

// Reread implements job.Line.
func (s *session) Reread() error {
	if err := s.needTask(); err != nil {
		return err
	}
	if err := s.reread(s.split.pluginAt, s.split.taskAt); err != nil {
		return err
	}
	s.settleLog()
	return nil
}

// notFound gives an error about a plugin that was not found, or is wrong, its exit code. Its name may have been meant for a run.
func (a *app) notFound(err error) error {
	var e *discover.NotFoundError
	if errors.As(err, &e) {
		if hint := a.runMeant(e.Error()); hint != "" {
			e.Hints = append(e.Hints, hint)
		}
	}
	return findExit(err)
}
