package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// Sources are where a run's configuration comes from. Empty ones are left out.
type Sources struct {
	// CfgPath and MixinCfgPath are the files of --cfg and --mixin-cfg, as the user wrote them.
	CfgPath, MixinCfgPath string
	// Mixins are the KEY=VALUE of all --mixin flags in their order.
	Mixins []string
	// Template is that of the task, which says what takes text; nil: it has none.
	Template *template.Node
	// ScriptPath is the plugin's path, for SCRIPT_PATH and SCRIPT_DIR.
	ScriptPath string
	// Env looks up environment variables; nil: os.LookupEnv.
	Env func(string) (string, bool)
}

// Config is the resolved configuration of a run. Its values are maps, never nil.
type Config struct {
	// Mixin is what --cfg's mixin: section, --mixin-cfg and --mixin say together, the later winning.
	Mixin *Value
	// Task and Backbone are the sections of --cfg that become arguments.
	Task, Backbone *Value
	// Unread says that a file could not be read, so that values are not known which are given there.
	Unread bool
}

// Sections of --cfg. Others are there to be referred to.
const (
	sectionTask     = "task"
	sectionBackbone = "backbone"
	sectionMixin    = "mixin"
)

// Load reads and resolves the configuration. Everything that is wrong with it is in the problems; the Config is always
// usable to look for more.
func Load(s Sources) (*Config, []problem.Problem) {
	l := &loader{Sources: s}
	if l.Env == nil {
		l.Env = os.LookupEnv
	}
	l.inject()
	cfg := l.file(s.CfgPath, "--cfg")
	dots := l.dotlist()
	mixinCfg := l.file(s.MixinCfgPath, "--mixin-cfg")

	mixin := l.merge(cfg, mixinCfg, dots)
	// All of it is resolved with one resolver, so that a cycle through several sections is told once.
	r := l.resolver()
	c := &Config{Unread: l.unread, Mixin: section(r.all(mixin), mixin.Source)}
	for _, e := range cfg.Entries {
		switch e.Key {
		case sectionMixin: // the merged one was resolved in its place
		case sectionTask:
			c.Task = l.section(e, r)
		case sectionBackbone:
			c.Backbone = l.section(e, r)
		default:
			l.checkName(e)
			r.all(e.Value)
		}
	}
	c.Task, c.Backbone = section(c.Task, ""), section(c.Backbone, "")
	return c, problem.Unique(append(l.problems, r.problems...))
}

// section is v where it is a map, and an empty map otherwise.
func section(v *Value, source string) *Value {
	if v != nil && v.Kind == KindMap {
		return v
	}
	return newMap(source)
}

type loader struct {
	Sources
	// read is the text of all that was read.
	read        []byte
	injected    map[string]string
	unread      bool
	unavailable map[string]string
	problems    []problem.Problem
}

func (l *loader) complain(p problem.Problem) { l.problems = append(l.problems, p) }

// inject makes the names that every configuration can refer to.
func (l *loader) inject() {
	l.injected, l.unavailable = map[string]string{}, map[string]string{}
	for _, f := range []struct{ path, name, reason string }{
		{l.CfgPath, "CONFIG", "CONFIG_%s is of the file of --cfg, and there is none"},
		{l.ScriptPath, "SCRIPT", "SCRIPT_%s is of the plugin's file, and there is none"},
	} {
		if f.path == "" {
			l.unavailable[f.name+"_PATH"] = fmt.Sprintf(f.reason, "PATH")
			l.unavailable[f.name+"_DIR"] = fmt.Sprintf(f.reason, "DIR")
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

// file reads one configuration file: always a map, empty where there is nothing to read.
func (l *loader) file(path, flag string) *Value {
	if path == "" {
		return newMap("")
	}
	data, err := readFile(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		l.complain(problem.Problem{Source: flag + " " + path, Message: "reading the configuration: " + err.Error()})
		l.unread = true
		return newMap("")
	}
	l.read = append(append(l.read, data...), '\n')
	v, problems := parseYAML(data, path)
	l.problems = append(l.problems, problems...)
	l.unread = l.unread || problem.Any(problems)
	if v.IsNull() {
		return newMap(path + ":1:1")
	}
	if v.Kind != KindMap {
		l.complain(problem.Problem{Source: v.Source, Message: fmt.Sprintf("a configuration is a map (KEY: VALUE), this is %s", v.what())})
		l.unread = true
		return newMap(v.Source)
	}
	return v
}

// maxFile is how long a configuration file may be. One that comes through a pipe, or from a device, might never end.
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

// dotlist reads every --mixin, in order.
func (l *loader) dotlist() []*Value {
	var trees []*Value
	isText := takesText(l.Template)
	for _, arg := range l.Mixins {
		v, problems := parseDotlist(arg, isText)
		l.problems = append(l.problems, problems...)
		if v != nil {
			trees = append(trees, v)
		}
	}
	return trees
}

// merge merges the three sources of the mixin. The result hangs where --cfg has its mixin: section, so that its
// interpolations start from the root of --cfg, which keeps its own section: ${mixin.a} is the file's value there.
func (l *loader) merge(cfg, mixinCfg *Value, dots []*Value) *Value {
	m := &merger{follow: func(v *Value) *Value {
		target, err := l.resolver().deref(v)
		if err != nil {
			return nil
		}
		return target
	}}
	mixin := newMap("")
	hang := func() {
		if cfg.Source != "" {
			mixin.parent, mixin.key = cfg, sectionMixin
		}
	}
	hang()
	if base := cfg.Get(sectionMixin); base != nil && !base.IsNull() {
		switch target, err := l.resolver().deref(base); {
		case err != nil:
			r := l.resolver()
			r.report(err)
			l.problems = append(l.problems, r.problems...)
		case target.Kind != KindMap:
			l.complain(problem.Problem{Source: base.Source, Path: sectionMixin, Message: "mixin: is a map of template fields, this is " + target.what()})
		default:
			mixin = target.clone()
			hang()
		}
	}
	m.into(mixin, mixinCfg)
	for _, d := range dots {
		m.into(mixin, d)
	}
	l.problems = append(l.problems, m.problems...)
	return mixin
}

func (l *loader) resolver() *resolver {
	return &resolver{env: l.Env, injected: l.injected, unavailable: l.unavailable, memo: map[*Value]memo{}}
}

// checkName reports a key beside the sections that is one typo from one of them, unless something refers to it.
func (l *loader) checkName(e Entry) {
	meant := suggest.OneTypo(e.Key, []string{sectionTask, sectionBackbone, sectionMixin})
	if meant == "" {
		return
	}
	key := regexp.QuoteMeta(e.Key)
	used := regexp.MustCompile(`[{.]\s*` + key + `\s*[.}\[]|(?m:^["']?` + key + `["']?\s*:\s*&)`)
	if used.Match(l.read) || slices.ContainsFunc(l.Mixins, used.MatchString) {
		return
	}
	l.complain(problem.Problem{Source: fmt.Sprintf("%s:%d", l.CfgPath, e.line), Path: e.Key, Message: "this is not a section, and nothing refers to it",
		Suggestion: fmt.Sprintf("did you mean %s? A section of your own needs a name that is less like it", meant)})
}

// section resolves a section that becomes arguments.
func (l *loader) section(e Entry, r *resolver) *Value {
	v := r.all(e.Value)
	if !v.IsNull() && v.Kind != KindMap {
		l.complain(problem.Problem{Source: v.Source, Path: e.Key, Message: fmt.Sprintf("%s: is a map of arguments, this is %s", e.Key, v.what())})
	}
	return v
}
