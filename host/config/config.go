package config

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// Sources are the sources of a run's configuration. Each may be empty.
type Sources struct {
	// CfgPath and MixinCfgPath are the files of --cfg and --mixin-cfg, as the user wrote them.
	CfgPath, MixinCfgPath string
	// Project takes the place of --cfg, with its entry for Task; nil: none.
	Project *Project
	Task    string
	// Mixins are the KEY=VALUE of all --mixin flags, in their order.
	Mixins []string
	// Texts are values of the command line's short forms. They win over all others.
	Texts []Text
	// Template is the task's template, which knows the fields for text; nil: none.
	Template *template.Node
	// ScriptPath is the plugin's path, for SCRIPT_PATH and SCRIPT_DIR.
	ScriptPath string
}

// Text is a value that is taken as it is. Path is its field, a.b.c, and Source what gave it.
type Text struct{ Path, Text, Source string }

// value is the text in maps, like the value of a --mixin.
func (t Text) value() *Value {
	value := newScalar(t.Text, t.Source)
	value.final, value.given = true, true
	names := strings.Split(t.Path, ".")
	for _, name := range slices.Backward(names) {
		m := newMap(t.Source)
		m.dotted = true
		m.set(Entry{Key: name, Value: value})
		value = m
	}
	return value
}

// Config is the resolved configuration of a run. Its values are maps, never nil.
type Config struct {
	// Mixin is the merge of --cfg's mixin: section, --mixin-cfg and --mixin. The later one wins.
	Mixin *Value
	// Task and Backbone are the sections of --cfg that become arguments.
	Task, Backbone *Value
	// Unread is set if a file could not be read: its values are unknown.
	Unread bool
}

// Sections of --cfg. Interpolations may refer to others.
const (
	sectionTask     = "task"
	sectionBackbone = "backbone"
	sectionMixin    = "mixin"
)

// Load reads and resolves the configuration. It returns all its problems, and a Config that is good enough to find more.
func Load(s Sources) (*Config, []problem.Problem) {
	l := &loader{Sources: s, used: map[string]bool{}}
	if s.Project != nil {
		l.CfgPath = s.Project.Path
	}
	l.inject()
	var cfg *Value
	if s.Project != nil {
		cfg = l.forTask(s.Project, s.Task)
	} else {
		cfg = l.file(s.CfgPath, "--cfg")
	}
	mixin := l.merge(cfg)
	// One resolver for all of it reports a cycle through several sections once.
	r := l.resolver()
	c := &Config{Unread: l.unread, Mixin: mapOr(r.all(mixin), mixin.Source), Task: newMap(""), Backbone: newMap("")}
	for _, e := range cfg.Entries {
		switch e.Key {
		case sectionMixin: // it is merged and resolved already
		case sectionTask:
			c.Task = l.section(e, r)
		case sectionBackbone:
			c.Backbone = l.section(e, r)
		default:
			// A project's file may have what another task needs.
			if s.Project == nil {
				r.all(e.Value)
			}
		}
	}
	if s.Project == nil {
		l.checkNames(cfg)
	}
	return c, problem.Unique(append(l.problems, r.problems...))
}

// mapOr is v if it is a map, and an empty map otherwise.
func mapOr(v *Value, source string) *Value {
	if v.Kind == KindMap {
		return v
	}
	return newMap(source)
}

type loader struct {
	Sources
	// used are the names at the root that interpolations refer to.
	used        map[string]bool
	injected    map[string]string
	unread      bool
	unavailable map[string]string
	// beside is the mixin of a project: a name that its file does not have is looked for there, as without the file.
	beside   *Value
	problems []problem.Problem
}

func (l *loader) complain(p problem.Problem) { l.problems = append(l.problems, p) }

// inject makes the names that every configuration can refer to.
func (l *loader) inject() {
	l.injected, l.unavailable = map[string]string{}, map[string]string{}
	for _, f := range []struct{ path, name, file string }{{l.CfgPath, "CONFIG", "file of --cfg or a kagurazaka.yaml"}, {l.ScriptPath, "SCRIPT", "plugin's file"}} {
		if f.path == "" {
			for _, name := range []string{f.name + "_PATH", f.name + "_DIR"} {
				l.unavailable[name] = fmt.Sprintf("%s needs the %s, and there is none", name, f.file)
			}
			continue
		}
		path, err := filepath.Abs(f.path)
		if err != nil {
			l.complain(problem.Problem{Source: f.path, Message: "finding its folder: " + err.Error()})
			path = f.path
		}
		l.injected[f.name+"_PATH"] = path
		l.injected[f.name+"_DIR"] = filepath.Dir(path)
	}
}

// file reads one configuration file. It always returns a map, which may be empty.
func (l *loader) file(path, flag string) *Value {
	if path == "" {
		return newMap("")
	}
	data, err := readFile(path)
	if err != nil {
		l.complain(problem.File(flag+" "+terminal.Quote(path), path, err))
		l.unread = true
		return newMap("")
	}
	v, problems := parseYAML(data, path)
	l.problems = append(l.problems, problems...)
	l.unread = l.unread || problem.Any(problems)
	if v.IsNull() {
		return newMap(path + ":1:1")
	}
	if v.Kind != KindMap {
		l.complain(problem.Problem{Source: v.Source, Message: fmt.Sprintf("a configuration must be a map (KEY: VALUE), not %s", v.what())})
		l.unread = true
		return newMap(v.Source)
	}
	return v
}

// maxFile bounds the length of a configuration file. A pipe or a device might never end.
const maxFile = 64 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is longer than %d MiB", maxFile>>20)
	}
	return data, err
}

// merge merges the three sources of the mixin. The result's parent is --cfg, so that its interpolations start at the root of
// that file. --cfg keeps its own section: ${mixin.a} is the file's value there.
func (l *loader) merge(cfg *Value) *Value {
	mixin := newMap("")
	if base := cfg.Get(sectionMixin); !base.IsNull() {
		r := l.resolver()
		switch target, err := r.deref(base); {
		case err != nil:
			r.report(err)
			l.problems = append(l.problems, r.problems...)
		case target.Kind != KindMap:
			l.complain(problem.Problem{Source: base.Source, Path: sectionMixin, Message: "must be a map of template fields, not " + target.what()})
		default:
			mixin = target.clone()
		}
	}
	if cfg.Source != "" {
		mixin.parent, mixin.key = cfg, sectionMixin
	}
	if l.Project != nil {
		l.beside = mixin
	}
	l.into(mixin, l.file(l.MixinCfgPath, "--mixin-cfg"))
	for _, arg := range l.Mixins {
		v, problems := parseDotlist(arg, l.Template)
		l.problems = append(l.problems, problems...)
		if v != nil {
			l.into(mixin, v)
		}
	}
	for _, t := range l.Texts {
		l.into(mixin, t.value())
	}
	return mixin
}

func (l *loader) resolver() *resolver {
	return &resolver{used: l.used, injected: l.injected, unavailable: l.unavailable, beside: l.beside, memo: map[*Value]memo{}}
}

// checkNames reports the keys of --cfg that are not sections, and that nothing refers to. One that is a typo of a section is an error. A file
// may have others, as it could for kagurazaka 0.1.1: they are one warning.
func (l *loader) checkNames(cfg *Value) {
	sections := []string{sectionTask, sectionBackbone, sectionMixin}
	rest := problem.Problem{Warning: true}
	var names []string
	for _, e := range cfg.Entries {
		if slices.Contains(sections, e.Key) || l.used[e.Key] || e.anchored {
			continue
		}
		at := fmt.Sprintf("%s:%d", l.CfgPath, e.line)
		if meant := suggest.OneTypo(e.Key, sections); meant != "" {
			l.complain(problem.Problem{Source: at, Path: e.Key, Message: "this is not a section, and nothing refers to it",
				Suggestion: problem.DidYouMean(meant) + " A section of your own needs another name"})
			continue
		}
		names = append(names, e.Key)
		rest.Source = cmp.Or(rest.Source, at)
		rest.Suggestion = cmp.Or(rest.Suggestion, problem.Near(e.Key, sections))
	}
	if len(names) == 0 {
		return
	}
	rest.Path, rest.Message = strings.Join(names[:min(len(names), shownNames)], ", "), "this is not a section, and nothing refers to it"
	if len(names) > 1 {
		rest.Message = "these are not sections, and nothing refers to them"
	}
	if more := len(names) - shownNames; more > 0 {
		rest.Path += fmt.Sprintf(" and %d more", more)
	}
	rest.Suggestion = cmp.Or(rest.Suggestion, "the sections are "+strings.Join(sections, ", "))
	l.complain(rest)
}

// shownNames is how many keys of a file a warning names.
const shownNames = 5

// section resolves a section that becomes arguments. It always returns a map.
func (l *loader) section(e Entry, r *resolver) *Value {
	v := r.all(e.Value)
	if !v.IsNull() && v.Kind != KindMap {
		l.complain(problem.Problem{Source: v.Source, Path: e.Key, Message: "must be a map of arguments, not " + v.what()})
	}
	return mapOr(v, "")
}
