package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/trust"
	"github.com/kagurazaka/kagurazaka/host/userdir"
	"github.com/kagurazaka/kagurazaka/internal/blocked"
)

// Program is this program, as its sessions see it.
type Program struct {
	// Flags may be replaced while a command line is read.
	Flags *Flags
	Log   hclog.Logger
	// Version tells builds apart: what --version prints. Build has its parts.
	Version string
	Build   ledger.Build
	// Words are the whole command line of a run as 0.1.1 takes it; empty: it is another command.
	Words []string
	// Note logs a text once, and NoteWarning as a warning.
	Note, NoteWarning func(text string)
	// Stderr gets what plugins print as it is in a run that is debugged; nil: the log gets it.
	Stderr io.Writer
	// Warm keeps the process that described the plugin for the run; nil for commands that start no workers.
	Warm *Warm
}

// Session is a command about one plugin: what was found, its description, and the chosen task.
type Session struct {
	*Program
	Found     *discover.Plugin
	Described *schema.Plugin
	// Task is nil for a command without one.
	Task *schema.Task
	// Earlier: Described was made by an earlier command.
	Earlier bool
	// Config is nil before Configure.
	Config *config.Config
	// Made: a function made the task from the mixin. Keys without a field in its template were for that function.
	Made bool
	// sources are the plugin's code beside its own files: the modules of a Python task file that are its own.
	sources []string
	// project is nil before it was looked for.
	project *project
	// folders are those that the command line gives without --mixin.
	folders []config.Text
	// misplaced: they are given in a wrong way. unfilled is why two words are not taken for them; empty: there are none.
	misplaced bool
	unfilled  string
	// problems were found while the configuration was read.
	problems []problem.Problem
	options  discover.Options
	// bare is the plugin's command without what the command line adds; pin is its hash if that is checked.
	bare plugin.Command
	pin  *trust.Hash
}

// Line is the command line of a session: it knows which of its words are the task's.
type Line interface {
	// Words are the possible readings of the words for the task's own parser, the likelier ones first.
	Words() [][]string
	// BackboneFlags are the flags for the backbone, in their order.
	BackboneFlags() []Value
	// Wrong are the problems of the host's flags.
	Wrong() []problem.Problem
	// Explain returns the problem of a wrong or unknown argument with what the line tells about it.
	Explain(problem.Problem) problem.Problem
	// Typos are the arguments of an open task that were probably meant for the host. undeclared are keys of the configuration.
	Typos(undeclared []problem.Problem) []problem.Problem
	// Answer prints what the task's own parser answered to a flag like --version.
	Answer(text string) error
	// AsTyped returns problems with the flags in their sources as the line has them.
	AsTyped(problems []problem.Problem) []problem.Problem
	// Reread reads the line again once a function has made the task.
	Reread() error
	// Folders are the words that neither the host nor a flag of the task takes; none where the task takes words. TakeFolders keeps them
	// from the task.
	Folders() []string
	TakeFolders()
	// NoRun is the problem of a word behind --resume that does not name a run; nil: the word stands elsewhere.
	NoRun(word string) *problem.Problem
	// Implied reports whether TASK was left out.
	Implied() bool
	// Spelling is how a flag of the host is written beside the task's own.
	Spelling(name string) string
}

// DiscoverOptions are for finding plugins and describing them with a Python interpreter; empty: the default one.
func (p *Program) DiscoverOptions(python string) (discover.Options, error) {
	cache, note, err := userdir.Cache()
	p.Note(note)
	return discover.Options{Python: python, PythonPath: p.pythonPath(), Words: p.Words, CacheDir: cache, Log: p.Log}, err
}

// Open finds a plugin, and refuses one that is not trusted. Nothing of it is started.
func (p *Program) Open(arg, python string) (*Session, error) {
	options, err := p.DiscoverOptions(python)
	if err != nil {
		return nil, err
	}
	s := &Session{Program: p, options: options}
	if s.Found, err = discover.Find(arg, options); err != nil {
		return nil, err
	}
	if err := s.checkTrust(arg); err != nil {
		return nil, err
	}
	s.bare = s.Found.Command
	return s, nil
}

// Describe asks the plugin for its description, or takes an earlier command's unless anew is set. wanted is the task probably meant.
func (s *Session) Describe(ctx context.Context, wanted string, anew bool) error {
	s.Task, s.Made = nil, false
	s.Equip()
	err := s.describe(ctx, wanted, nil, anew)
	var task *plugin.TaskError
	if errors.As(err, &task) && task.IsNoTask {
		// The guess is not one of its tasks: ask for those.
		err = s.describe(ctx, "", nil, anew)
	}
	return err
}

func (s *Session) describe(ctx context.Context, task string, mixin []byte, anew bool) error {
	start := s.startOptions()
	// A function that makes a task is called once in a process: this process cannot open the task again.
	keeps := s.Warm != nil && len(mixin) == 0
	if keeps {
		var err error
		if start, err = s.Warm.options(start); err != nil {
			return err
		}
	}
	request := discover.Request{Version: s.Version, Task: task, MixinJSON: mixin, Fresh: anew}
	found, err := discover.Describe(ctx, s.Found, request, s.options, start)
	if err != nil {
		return err
	}
	s.Described, s.Earlier = found.Plugin, found.Cached
	if len(mixin) == 0 {
		s.sources = found.Sources
	}
	if keeps {
		s.Warm.keep(found.Process, s.Found.Command)
	}
	return nil
}

func (s *Session) plugin() Plugin {
	p := Plugin{
		Name: s.Described.Name, Version: s.Described.Version, SDK: s.Described.SDK, Path: s.Found.Path, Capabilities: s.Described.Capabilities,
		Command: s.Found.Command, StartTimeout: s.Flags.StartTimeout, OpenTimeout: s.Flags.OpenTimeout, MTLS: s.Flags.MTLS,
	}
	if s.pin != nil {
		p.SHA256 = s.pin.Sum
	}
	return p
}

func (s *Session) startOptions() plugin.StartOptions {
	o := plugin.StartOptions{Log: s.Log, Timeout: s.Flags.StartTimeout, OpenTimeout: s.Flags.OpenTimeout, MTLS: s.Flags.MTLS}
	if s.Flags.Mode != "" {
		o.Messages, o.Stderr = true, s.Stderr
	}
	return o
}

// Pick chooses a task of the plugin. It reports whether that exists.
func (s *Session) Pick(name string) bool {
	at := slices.IndexFunc(s.Described.Tasks, func(t schema.Task) bool { return t.Name == name })
	if at >= 0 {
		s.Task = &s.Described.Tasks[at]
	}
	return at >= 0
}

// Configure reads the configuration. A task that is a function is described again with its mixin.
func (s *Session) Configure(ctx context.Context, line Line) error {
	s.folders, s.misplaced, s.unfilled = nil, false, ""
	s.Config, s.problems = s.load()
	if s.Task == nil || s.Task.Kind != schema.Factory {
		s.fill(line)
		return nil
	}
	if problem.Any(s.problems) {
		_, found := readBackbone(line.BackboneFlags())
		return problem.Err(slices.Concat(line.Wrong(), s.problems, found))
	}
	mixin, err := s.mixin()
	if err != nil {
		return err
	}
	if s.options, err = s.DiscoverOptions(s.options.Python); err != nil {
		return err
	}
	name := s.Task.Name
	if err := s.describe(ctx, name, mixin, true); err != nil {
		return err
	}
	if s.Made = true; !s.Pick(name) {
		s.Task = nil
	}
	if err := line.Reread(); err != nil {
		return err
	}
	s.fill(line)
	return nil
}

// FileProblems are the problems of the files of --cfg and --mixin-cfg, for a plugin that was not found.
func (p *Program) FileProblems(script string) []problem.Problem {
	_, found := config.Load(config.Sources{CfgPath: p.Flags.Cfg, MixinCfgPath: p.Flags.MixinCfg, ScriptPath: script})
	return found
}

func (s *Session) load() (*config.Config, []problem.Problem) {
	sources := config.Sources{CfgPath: s.Flags.Cfg, MixinCfgPath: s.Flags.MixinCfg, Mixins: s.Flags.Mixin, Texts: s.folders, ScriptPath: s.Found.Path}
	if s.Task != nil {
		sources.Template, sources.Task = s.Task.Template, s.Task.Name
		sources.Project = s.Project()
		s.TellProject(s.Task.Name)
	}
	return config.Load(sources)
}

func (s *Session) mixin() ([]byte, error) {
	mixin, err := s.Config.MixinJSON(s.exact())
	if err != nil {
		return nil, fmt.Errorf("handing the mixin to %s: %w", s.Task.Name, err)
	}
	return mixin, nil
}

// exact reports whether the plugin accepts values that JSON cannot express.
func (s *Session) exact() bool { return slices.Contains(s.Described.Capabilities, "exact") }

// Template is the task's template with the values of the configuration, and their problems; nil for a task without one.
func (s *Session) Template() (*template.Node, []problem.Problem) {
	mixin := s.Config.Mixin
	if s.Made {
		// The mixin was read before the template was known.
		read, _ := s.load()
		mixin = read.Mixin.Only(func(key string) bool { return s.Task.Template != nil && s.Task.Template.Get(key) != nil })
	}
	return config.Apply(s.Task.Template, mixin, s.exact())
}

// Configured is the task with the values that the configuration and --mixin have, as help and others show it. given are those of arguments and flags of
// the backbone, as YAML by their names.
func (s *Session) Configured(ctx context.Context, line Line) (task schema.Task, given map[string]string, err error) {
	if err := s.Configure(ctx, line); err != nil {
		return task, nil, err
	}
	task, given = *s.Task, map[string]string{}
	if tree, _ := s.Template(); tree != nil {
		task.Template = tree
	}
	for _, section := range []*config.Value{s.Config.Backbone, s.Config.Task} {
		for _, e := range section.Entries {
			given[e.Key] = strings.ReplaceAll(e.Value.JSON(), "${", `\${`)
		}
	}
	return task, given, nil
}

// Misconfigured is what is wrong with the files and words of the configuration; nil: nothing.
func (s *Session) Misconfigured() error { return problem.Err(s.problems) }

// Backbone is the backbone that runs the task.
func (s *Session) Backbone() *Factory { return Backbone(s.Flags.Backbone, s.Task) }

// Resolve merges configuration and command line into the picked task, and reports all problems at once. Those of an Earlier description
// must be judged again by a new one.
func (s *Session) Resolve(ctx context.Context, line Line) (*Spec, error) {
	if err := s.Configure(ctx, line); err != nil {
		return nil, err
	}
	r := &Spec{
		Plugin: s.plugin(), Task: schema.Task{Name: s.Task.Name, Kind: s.Task.Kind, Capabilities: s.Task.Capabilities},
		Listing: s.Flags.listing(), Backbone: s.Backbone().Name, MaxFailures: s.Flags.MaxFailures,
	}
	problems := append(line.Wrong(), s.problems...)
	problems = append(problems, s.resolveTemplate(r, line)...)
	for _, m := range s.Task.Mistakes {
		if m.Counts(s.Task.Template, r.Template) {
			problems = append(problems, problem.Problem{Source: m.Where, Message: m.Message, Suggestion: m.Hint})
		}
	}
	arguments, found, err := s.arguments(ctx, line)
	if err != nil {
		return nil, err
	}
	for i, p := range found {
		found[i].Suggestion = cmp.Or(p.Suggestion, s.unfilled)
	}
	problems = append(problems, found...)
	r.Args = arguments.Args
	var values []Value
	for name, v := range arguments.Host {
		values = append(values, Value{name, v.Text(), v.Source})
	}
	// Those of the configuration first, so that the command line wins.
	values, found = s.lend(r, append(values, line.BackboneFlags()...))
	problems = append(problems, found...)
	r.Flags, found = readBackbone(values)
	problems = append(problems, found...)
	r.Policy, found = s.Flags.policy()
	problems = append(problems, found...)
	r.Globs, found = s.Flags.globs()
	problems = append(problems, found...)
	if r.makesBatches() && !r.Globs.Empty() {
		problems = append(problems, problem.Problem{
			Message:    fmt.Sprintf("%s: the loader of %s makes its batches itself, so the host does not know its items", r.filter(), s.Task.Name),
			Suggestion: "leave files out where the loader finds them",
		})
	}
	r.Select, r.Limit, found = s.Flags.selection()
	problems = append(problems, found...)
	problems = append(problems, s.Flags.debugging(r, line.BackboneFlags())...)
	problems = append(problems, s.Flags.LedgerFlags.check()...)
	problems = append(problems, s.lendable(r)...)
	if err := s.report(line.AsTyped(problems)); err != nil {
		return nil, err
	}
	if err := s.checkFolder(r.compiled()); err != nil {
		return nil, err
	}
	if err := s.checkOver(r.compiled()); err != nil {
		return nil, err
	}
	if r.Mixin, err = s.mixin(); err != nil {
		return nil, err
	}
	if r.Template != nil {
		if r.Outputs, err = s.outputs(r); err != nil {
			return nil, err
		}
	}
	plain, _ := json.Marshal(r.Template.Plain())
	s.Log.Debug("resolved", "args", r.Args, "template", string(plain))
	return r, nil
}

// resolveTemplate sets the template of a spec: the task's, with the values of the configuration and of the flags.
func (s *Session) resolveTemplate(r *Spec, line Line) []problem.Problem {
	if s.Task.Kind == schema.Factory {
		return nil
	}
	tree, problems := s.Template()
	r.Template = tree
	problems = append(problems, s.Flags.SourceFlags.apply(s.Task, tree)...)
	problems = append(problems, missingFiles(s.Flags.SourceFlags.given()...)...)
	problems = append(problems, s.shard(r)...)
	if s.Flags.Once {
		evenFinished(tree)
	}
	open := s.shortForm(line, tree, s.inTemplate(tree))
	return append(problems, problem.Fresh(slices.Concat(s.problems, problems), open)...)
}

// report logs the warnings, and returns the other problems as one error.
func (s *Session) report(problems []problem.Problem) error {
	wrong := problem.Err(problems)
	warnings := listingWarnings{log: s.Log}
	for _, p := range problem.Unique(problems) {
		// By a cached description that leads to an error: the next one brings the warnings.
		if p.Warning && (wrong == nil || !s.Earlier) {
			warnings.warn(p.String(), "hint", p.Suggestion)
		}
	}
	warnings.end()
	return wrong
}

// originOf is where the value of a field of the hard shard mode was given; empty: in the task.
func originOf(tree *template.Node, field string) string {
	if mode := tree.Get(template.RoleHardShard); mode != nil && mode.Get(field) != nil {
		return mode.Get(field).Origin
	}
	return ""
}

// inTemplate returns the problems of a template.
func (s *Session) inTemplate(tree *template.Node) []problem.Problem {
	if tree == nil {
		return nil
	}
	compiled, problems := template.Compile(tree)
	problems = slices.DeleteFunc(problems, func(p problem.Problem) bool { return p.Open && s.Config.Unread })
	if compiled == nil || compiled.OutputPath == "" {
		return problems
	}
	if why, hint := blocked.Folder(compiled.OutputPath); why != "" {
		problems = append(problems, problem.Problem{Source: originOf(tree, "output_path"), Message: "the output folder " + why, Suggestion: hint})
	}
	return problems
}
