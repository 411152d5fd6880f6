package argv

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// pythonFlag names the interpreter that describes the task: before PLUGIN it is the host's, after it the task's if declared.
const pythonFlag = "python"

// Plugin chooses PLUGIN on a command line that was guessed at.
func (l *Line) Plugin() (string, error) {
	arg := l.choosePlugin(discover.Exists)
	if arg == "" || !discover.Exists(arg) {
		// A newer flag may be the task's, without a value: then the word after it is the plugin.
		for _, f := range l.host {
			if !f.newer || f.value < 0 || !discover.Exists(l.Args[f.value]) {
				continue
			}
			word := l.Args[f.value]
			if err := l.read(reading{guess: true, yielded: map[string]bool{f.name: true}}); err != nil {
				return "", err
			}
			return l.choosePlugin(func(w string) bool { return w == word }), nil
		}
	}
	switch {
	case arg != "":
		return arg, nil
	case len(l.flaws) > 0:
		return "", l.Doubt()
	}
	return "", l.noPlugin()
}

// noPlugin is the error for a line without PLUGIN. It names the first flag that the host does not have.
func (l *Line) noPlugin() error {
	command := "kagurazaka"
	if l.Named() {
		command += " " + l.Command
	}
	hint := "write " + command + " PLUGIN [TASK], where PLUGIN is an executable, a .py file, a folder or an installed name; kagurazaka -hk shows all flags"
	for _, w := range l.rest {
		if w.isFlag() {
			flag, _, _ := strings.Cut(w.text, "=")
			return exitcode.Usagef("%s: %s has no such flag, and PLUGIN is missing; hint: %s", terminal.Quote(flag), command, cmp.Or(l.flagMeant(flag), l.commandsWith(flag), hint))
		}
	}
	return exitcode.Usagef("PLUGIN: is missing; hint: %s", hint)
}

// PythonMayBeTasks reports whether the interpreter stands where it may be an argument of the task.
func (l *Line) PythonMayBeTasks() bool {
	return l.Yields() && slices.ContainsFunc(l.host, func(f hostFlag) bool { return f.name == pythonFlag && f.newer && f.at > l.pluginAt })
}

// LooksLikePython reports whether an interpreter is called like one.
func LooksLikePython(exe string) bool {
	name := strings.ToLower(filepath.Base(exe))
	return strings.Contains(name, "python") || strings.Contains(name, "pypy")
}

// Choose finds the task among the plugin's, and picks it in the session. If it finds none, name is what the user probably meant.
func (l *Line) Choose(s *job.Session) (name string, found bool) {
	l.session = s
	if name, found = l.chooseTask(func(w word) bool { return s.Pick(w.text) }); found {
		return name, true
	}
	// The word after a newer flag may be the task, if that task has the flag.
	for _, f := range l.host {
		if !l.Yields() || !f.newer || f.value < 0 || !s.Pick(l.Args[f.value]) {
			continue
		}
		if yielded, _ := l.yielded(); yielded[f.name] {
			l.taskAt = f.value
			return s.Task.Name, true
		}
		s.Task = nil
	}
	return l.imply(s, name)
}

// imply picks the only task of a plugin where none of the words is its name, unless the first of them looks like a typo of that.
func (l *Line) imply(s *job.Session, name string) (string, bool) {
	if len(s.Described.Tasks) != 1 || !l.Yields() && l.Command != "init" {
		return name, false
	}
	only := s.Described.Tasks[0].Name
	s.Pick(only)
	if loose := l.loose(); len(loose) > 0 {
		word := l.rest[loose[0]].text
		if _, err := os.Lstat(word); err != nil && suggest.Closest(word, []string{only}) != "" {
			s.Task = nil
			return word, false
		}
	}
	l.implyTask()
	return "", true
}

// Reread reads the command line for the chosen task: newer flags that it declares are the task's. For a task that a function makes from
// the mixin this is still a guess; the line is read again when the task is made.
func (l *Line) Reread() error {
	if !l.Yields() {
		return nil
	}
	task, pluginAt, taskAt, implied := l.session.Task, l.pluginAt, l.taskAt, l.implied
	r := reading{pluginAt: pluginAt, taskAt: taskAt, guess: task.Kind == schema.Factory}
	if !l.session.Made {
		r.isField = config.Fields(task.Template)
	}
	if task.OpenArguments && !task.Has(schema.IgnoresArguments) {
		r.doubtful = mayBeTasks
	}
	r.positionals = slices.ContainsFunc(task.Arguments, func(a schema.Argument) bool { return len(a.Flags) == 0 })
	var notes []string
	r.yielded, notes = l.yielded()
	if r.positionals && len(l.Given("files-from")) > 0 && slices.ContainsFunc(l.host, func(f hostFlag) bool { return l.Args[f.at] == nulFlag && f.at > taskAt }) {
		notes = append(notes, fmt.Sprintf("%s is a number for %s here; the host's own flag is --%snull", nulFlag, task.Name, own))
	}
	if err := l.read(r); err != nil {
		return err
	}
	if !l.settle(pluginAt, taskAt, implied) {
		// PLUGIN follows a flag that the task does not have.
		return exitcode.Usagef("PLUGIN: is missing; hint: %s is the value of %s", l.Args[pluginAt], l.Args[pluginAt-1])
	}
	first := slices.IndexFunc(l.rest, func(w word) bool { return !w.isFlag() && !w.literal && !w.after && w.at > taskAt })
	if first >= 0 && task.Has(schema.Remainder) {
		r.remainderAt = l.rest[first].at
		if err := l.read(r); err != nil {
			return err
		}
		l.settle(pluginAt, taskAt, implied)
	}
	for _, n := range notes {
		l.program.Note(n)
	}
	l.refuseDoubtful()
	return nil
}

// selecting are newer flags of the host that say which items are done. A task whose arguments are not known may have one of that name,
// and would silently do other items.
var selecting = map[string]bool{"limit": true, "item": true, "shard": true, "manifest": true, "files-from": true, "null": true}

// mayBeTasks are newer flags with names that many tasks have. Behind TASK, a task whose arguments are not known gets them: see Typos.
var mayBeTasks = map[string]bool{"input": true, "output": true, "include": true, "exclude": true, "dry-run": true}

// refuseDoubtful notes flags behind TASK that may be the task's.
func (l *Line) refuseDoubtful() {
	// The other commands came after the flags.
	if task := l.session.Task; l.Command != "run" && l.Command != "plan" || !task.OpenArguments || task.Has(schema.IgnoresArguments) {
		return
	}
	for _, f := range l.host {
		if selecting[f.name] && f.newer && f.at > l.taskAt {
			written, _, _ := strings.Cut(l.Args[f.at], "=")
			l.flaws = append(l.flaws, flawOf(f, written, fmt.Sprintf("it may be an argument of %s, whose arguments are not known", l.session.Task.Name),
				fmt.Sprintf("--%s%s is the host's flag, and the task's stands behind %q", own, f.name, dashes)))
		}
	}
}

// settle takes PLUGIN and TASK, at their known positions, out of the rest. implied: there is no TASK.
func (l *Line) settle(pluginAt, taskAt int, implied bool) bool {
	at := func(place int) func(word) bool { return func(w word) bool { return w.at == place } }
	if !l.takePlugin(at(pluginAt)) {
		return false
	}
	if implied {
		l.implyTask()
	} else {
		l.chooseTask(at(taskAt))
	}
	return true
}

// yielded are the flags of the host and the backbones that are the task's here, and notes about them.
func (l *Line) yielded() (map[string]bool, []string) {
	yielded := map[string]bool{}
	var notes []string
	// The flags of other backbones are not the host's here: a normal task may have its own --device.
	if !slices.ContainsFunc(l.flaws, func(f flaw) bool { return f.name == "backbone" }) {
		for _, a := range job.BackboneArguments() {
			yielded[job.Canonical(a.Name)] = true
		}
	}
	if l.program.Flags.Lends() {
		// 0 says of any task that this machine only coordinates.
		delete(yielded, "num-process")
	}
	newer := map[string]bool{}
	for _, a := range l.session.Backbone().Arguments() {
		delete(yielded, job.Canonical(a.Name))
		newer[job.Canonical(a.Name)] = true
	}
	for _, f := range slices.Concat(l.parser.Model.Flags, l.ownFlags(l.parser)) {
		newer[f.Name] = true
	}
	spellings := slices.Clone(l.session.Task.Flags)
	for _, a := range l.session.Task.Arguments {
		spellings = append(spellings, spellingsOf(a)...)
	}
	for _, flag := range spellings {
		n := job.Canonical(flag)
		if full, ok := combined[flag]; ok {
			n = full
		}
		if shortAlone[flag] {
			yielded[flag] = true
			continue
		}
		if !reserved[n] {
			yielded[n] = true
		} else if !yielded[n] && !strings.HasPrefix(flag, "--no-") {
			notes = append(notes, fmt.Sprintf("%s of %s is always the host's own; behind %q it is the task's", flag, l.session.Task.Name, dashes))
		}
	}
	for _, text := range l.Args {
		if text == dashes {
			break
		}
		spelling, _, _ := strings.Cut(text, "=")
		name := job.Canonical(spelling)
		if !strings.HasPrefix(spelling, "--") || !newer[name] || reserved[name] || yielded[name] {
			continue
		}
		if flag, yes := l.session.Task.Abbreviates(spelling); yes {
			yielded[name] = true
			notes = append(notes, fmt.Sprintf("%s is short for %s of %s here; the host's own flag is --%s%s", spelling, flag, l.session.Task.Name, own, name))
		}
	}
	return yielded, notes
}

// shortAlone are short flags that give way without their long spelling.
var shortAlone = map[string]bool{"-i": true, "-o": true}

// Spelling is how a newer flag of the host is written for the chosen task, which may have one of that name.
func (l *Line) Spelling(name string) string {
	flag := dashes + name
	if l.session == nil || l.session.Task == nil {
		return flag
	}
	_, short := l.session.Task.Abbreviates(flag)
	yielded, _ := l.yielded()
	if t := l.session.Task; short || yielded[name] || mayBeTasks[name] && t.OpenArguments && !t.Has(schema.IgnoresArguments) {
		return dashes + own + name
	}
	return flag
}

func spellingsOf(a schema.Argument) []string {
	flags := slices.Clone(a.Flags)
	for _, f := range a.Flags {
		if a.Negatable && strings.HasPrefix(f, "--") {
			flags = append(flags, "--no-"+f[2:])
		}
	}
	return flags
}
