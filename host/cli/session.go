package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/trust"
	"github.com/kagurazaka/kagurazaka/host/userdir"
)

// session is a command about one plugin: what was found, what it says of itself, and the task that is meant.
type session struct {
	*app
	found     *discover.Plugin
	described *schema.Plugin
	// task is nil where a command does without one.
	task *schema.Task
	// python is the interpreter that was asked for when the plugin was described.
	python string
	// wanted is the task's name as the user wrote it; empty: none was given.
	wanted string
	// earlier says that described was made by an earlier command.
	earlier bool
	// unread is what describeAnew goes back to.
	unread unread
	config *config.Config
	// made says that a function made the task from the mixin: what its template has no field for was the function's.
	made bool
	// problems were found while the configuration was read.
	problems []problem.Problem
	// bare is how the plugin is started without what the command line adds; pin is its hash where that is checked.
	bare plugin.Command
	pin  *trust.Hash
}

func (a *app) discoverOptions(python string) (discover.Options, error) {
	cache, note, err := userdir.Cache()
	a.note(note)
	return discover.Options{Python: python, PythonPath: a.pythonPath(), CacheDir: cache, Log: a.log}, err
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
	case err == nil && s.task != nil && s.task.Kind == schema.Factory:
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
	s := &session{app: a, python: python, wanted: a.split.guessTask()}
	opts, err := a.discoverOptions(python)
	if err != nil {
		return nil, err
	}
	s.found, err = discover.Find(arg, opts)
	if err != nil {
		return nil, a.notFound(err)
	}
	// Before anything of the plugin is started, or what it once said of itself is shown.
	if err := s.checkTrust(arg); err != nil {
		return nil, err
	}
	s.bare = s.found.Command
	s.equip(opts)
	s.remember(opts)
	err = s.describeGuess(ctx, discover.Describe)
	if s.earlier && (err != nil || s.task == nil && s.wanted != "") {
		err = s.describeAnew(ctx)
	}
	if err != nil {
		return nil, taskExit(err)
	}
	if s.task == nil || s.task.Kind != schema.Factory {
		if err := s.answerVersion(); err != nil {
			return nil, err
		}
	}
	a.settleLog()
	// A task may have taken --env for itself.
	if err := s.checkEnv(); err != nil {
		return nil, err
	}
	s.equip(opts)
	return s, nil
}

func (s *session) describeWith(ctx context.Context, opts discover.Options, task string, mixin []byte, describe describer) error {
	start := s.startOptions("")
	// A function that makes a task is called once in a process: the one that it was called in to be described is no good.
	keeps := s.warm != nil && len(mixin) == 0
	if keeps {
		var err error
		if start, err = s.warm.options(start); err != nil {
			return err
		}
	}
	found, err := describe(ctx, s.found, s.version, task, mixin, opts, start)
	if err != nil {
		return taskExit(err)
	}
	s.described, s.earlier = found.Plugin, found.Kept
	if keeps {
		s.warm.keep(found.Process, s.found.Command)
	}
	return nil
}

// taskExit gives an error its exit code: what the task says is wrong with its configuration is the user's.
func taskExit(err error) error {
	var task *plugin.TaskError
	if errors.As(err, &task) && (len(task.Problems) > 0 || task.IsNoTask) {
		return exitcode.With(exitcode.Usage, err)
	}
	if errors.Is(err, plugin.ErrNotTrusted) || errors.Is(err, plugin.ErrNoCertificate) {
		return exitcode.With(exitcode.Usage, err)
	}
	if errors.As(err, &task) && task.Ended && !errors.As(err, new(*exitcode.Error)) {
		return exitcode.With(exitcode.OK, err)
	}
	return err
}

func (s *session) startOptions(runtimeDir string) plugin.StartOptions {
	return plugin.StartOptions{
		Log: s.log, Timeout: s.grammar.StartTimeout, OpenTimeout: s.grammar.OpenTimeout, RuntimeDir: runtimeDir,
		MTLS: s.grammar.MTLS,
	}
}

func (s *session) pick(name string) {
	for i := range s.described.Tasks {
		if s.described.Tasks[i].Name == name {
			s.task = &s.described.Tasks[i]
			s.wanted = name
		}
	}
}

func taskNames(p *schema.Plugin) []string {
	names := make([]string, len(p.Tasks))
	for i, t := range p.Tasks {
		names[i] = t.Name
	}
	return names
}

// needTask is the error of a command that needs a task and has none.
func (s *session) needTask() error {
	if s.task != nil {
		return nil
	}
	names := taskNames(s.described)
	has := "it has none"
	if len(names) > 0 {
		has = "it has: " + strings.Join(names, ", ")
	}
	if s.wanted == "" {
		return usage("which task of %s? %s", s.found.Command.Name, has)
	}
	return usage("%s has no task %q%s; %s", s.found.Command.Name, s.wanted, didYouMean(s.wanted, names), has)
}

// configure reads the configuration. A task that is a function is described again with its mixin.
func (s *session) configure(ctx context.Context) error {
	s.config, s.problems = s.load()
	if s.task == nil || s.task.Kind != schema.Factory {
		return nil
	}
	if err := problem.Err(s.problems); err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	mixin, err := s.config.MixinJSON(s.exact())
	if err != nil {
		return fmt.Errorf("handing the mixin to %s: %w", s.task.Name, err)
	}
	opts, err := s.discoverOptions(s.python)
	if err != nil {
		return err
	}
	name := s.task.Name
	if err := s.describeWith(ctx, opts, name, mixin, discover.Anew); err != nil {
		return err
	}
	s.task, s.made = nil, true
	s.pick(name)
	if err := s.needTask(); err != nil {
		return err
	}
	if err := s.reread(s.split.pluginAt, s.split.taskAt); err != nil {
		return err
	}
	s.settleLog()
	return nil
}

// load reads the configuration as the task's template wants it.
func (s *session) load() (*config.Config, []problem.Problem) {
	f := &s.grammar.hostFlags
	sources := config.Sources{CfgPath: f.Cfg, MixinCfgPath: f.MixinCfg, Mixins: f.Mixin, ScriptPath: s.found.Path}
	if s.task != nil {
		sources.Template = s.task.Template
	}
	return config.Load(sources)
}

// resolved is a task with everything that it needs for a run.
type resolved struct {
	*session
	args []string
	tree *template.Node
	// template is nil for a task without one.
	template  *template.Template
	mixinJSON []byte
	endurance endurance
	// options are the backbone's flags: those of --cfg first, so that the command line wins.
	options backboneOptions
}

// resolveAs is resolve for the plugin as it is described.
func (s *session) resolveAs(ctx context.Context) (*resolved, error) {
	if err := s.needTask(); err != nil {
		return nil, err
	}
	if err := s.configure(ctx); err != nil {
		return nil, err
	}
	r := &resolved{session: s}
	problems := s.problems
	if s.task.Kind != schema.Factory {
		tree, found := config.Apply(s.task.Template, s.templateMixin(), s.exact())
		r.tree = tree
		problems = append(problems, found...)
		if tree != nil {
			compiled, wrong := template.Compile(tree)
			if r.template = compiled; compiled != nil && s.task.Has("own_template") {
				r.template = compiled.Plugins()
			}
			var inTemplate []problem.Problem
			for _, p := range wrong {
				if p.Open && s.config.Unread {
					continue
				}
				inTemplate = append(inTemplate, problem.Problem{
					Source: p.Origin, Path: p.Path, Message: p.Message, Suggestion: p.Suggestion,
				})
			}
			problems = append(problems, problem.Fresh(problems, inTemplate)...)
			if compiled != nil {
				problems = append(problems, notFolder(compiled.OutputRoot())...)
			}
		}
	}
	arguments, found, err := s.arguments(ctx)
	if err != nil {
		return nil, err
	}
	problems = append(problems, found...)
	r.args = arguments.Args
	var backbone []flagValue
	for name, v := range arguments.Host {
		backbone = append(backbone, flagValue{canonical(name), v.Text(), v.Source})
	}
	r.options, found = parseBackbone(append(backbone, s.split.backbone...))
	problems = append(problems, found...)
	r.endurance, found = s.grammar.endurance()
	problems = append(problems, found...)
	wrong := problem.Err(problems)
	warnings := 0
	for _, p := range problem.Unique(problems) {
		// Where something is wrong with a kept description, they come with the next.
		if !p.Warning || wrong != nil && s.earlier {
			continue
		}
		if warnings++; warnings <= problem.Most {
			s.log.Warn(p.String(), "hint", p.Suggestion)
		}
	}
	tellMore(s.log, warnings-problem.Most)
	if wrong != nil {
		return nil, exitcode.With(exitcode.Usage, wrong)
	}
	mixin, err := s.config.MixinJSON(s.exact())
	if err != nil {
		return nil, fmt.Errorf("handing the mixin to %s: %w", s.task.Name, err)
	}
	r.mixinJSON = mixin
	s.log.Debug("resolved", "args", r.args, "template", plainJSON(r.tree))
	return r, nil
}

// exact reports whether the plugin takes values that JSON has no form for.
func (s *session) exact() bool { return slices.Contains(s.described.Capabilities, "exact") }

// templateMixin is what of the mixin is for the template.
func (s *session) templateMixin() *config.Value {
	if !s.made {
		return s.config.Mixin
	}
	// The function has had its mixin before anything was known of a template.
	read, _ := s.load()
	return read.Mixin.Only(func(key string) bool { return s.task.Template != nil && s.task.Template.Get(key) != nil })
}

func plainJSON(n *template.Node) string {
	data, err := json.Marshal(n.Plain())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// hostNames are the flags that a configuration's task: and backbone: sections may hold for the host.
func (s *session) hostNames() map[string]bool {
	names := map[string]bool{}
	for _, a := range argumentsOf(chooseBackbone(s.grammar.Backbone, s.task)) {
		names[a.Name] = true
	}
	return names
}
