package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/job"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// pythonFlag names the interpreter with which the task is described, so where it stands says whose it is: before PLUGIN
// the host's, behind it the task's if that declares it.
const pythonFlag = "python"

// findPluginWord chooses PLUGIN on a command line that was guessed at.
func (a *app) findPluginWord() (string, error) {
	arg := a.split.choosePlugin(discover.Exists)
	if arg == "" || !discover.Exists(arg) {
		// A newer flag may be the task's, and need no value: then what was taken for its value is the plugin.
		for _, f := range a.split.host {
			if !f.newer || f.value < 0 || !discover.Exists(a.args[f.value]) {
				continue
			}
			word := a.args[f.value]
			if err := a.guess(map[string]bool{f.name: true}); err != nil {
				return "", err
			}
			return a.split.choosePlugin(func(w string) bool { return w == word }), nil
		}
	}
	switch {
	case arg != "":
		return arg, nil
	case a.split.doubt != nil:
		return "", a.split.doubt
	}
	return "", usage("which plugin? Write kagurazaka PLUGIN TASK, where PLUGIN is an executable, a .py file, a folder or an installed name; kagurazaka -hk shows all flags")
}

// pythonMayBeTasks reports whether the interpreter stands where it may be an argument of the task.
func (a *app) pythonMayBeTasks() bool {
	return a.yields() && slices.ContainsFunc(a.split.host, func(f hostFlag) bool { return f.name == pythonFlag && f.newer && f.at > a.split.pluginAt })
}

// looksLikePython reports whether an interpreter is called like one.
func looksLikePython(exe string) bool {
	name := strings.ToLower(filepath.Base(exe))
	return strings.Contains(name, "python") || strings.Contains(name, "pypy")
}

// choose finds the task among those that the plugin has, and reads the command line again: newer flags of the host that
// the task declares are the task's.
func (s *session) choose() error {
	names := taskNames(s.Described)
	pluginAt := s.split.pluginAt
	name, known := s.split.chooseTask(func(w word) bool { return slices.Contains(names, w.text) })
	if known {
		s.Pick(name)
		s.wanted = name
		return s.reread(pluginAt, s.split.taskAt)
	}
	// What was taken for the value of a newer flag may be the task, if that task has the flag.
	for _, f := range s.split.host {
		if !s.yields() || !f.newer || f.value < 0 || !slices.Contains(names, s.args[f.value]) {
			continue
		}
		s.Pick(s.args[f.value])
		if yielded, _ := s.yielded(); yielded[f.name] {
			return s.reread(pluginAt, f.value)
		}
		s.Task = nil
	}
	s.wanted = name
	return s.split.doubt
}

// reread reads the command line as the task that was chosen wants it. Of a task that a function makes from the mixin that is
// still a guess; it is read once more when the task is made.
func (s *session) reread(pluginAt, taskAt int) error {
	if !s.yields() {
		return nil
	}
	r := reading{pluginAt: pluginAt, taskAt: taskAt, early: map[string]bool{pythonFlag: true}, guess: s.Task.Kind == schema.Factory}
	if !s.Made {
		r.isField = config.Fields(s.Task.Template)
	}
	var notes []string
	r.yielded, notes = s.yielded()
	if err := s.read(r); err != nil {
		return err
	}
	if !s.settle(pluginAt, taskAt) {
		// The task does not have the flag that it follows.
		return usage("which plugin? %s is the value of %s", s.args[pluginAt], s.args[pluginAt-1])
	}
	first := slices.IndexFunc(s.split.rest, func(w word) bool { return !w.isFlag() && !w.literal && !w.after && w.at > taskAt })
	if first >= 0 && s.Task.Has(schema.Remainder) {
		r.remainderAt = s.split.rest[first].at
		if err := s.read(r); err != nil {
			return err
		}
		s.settle(pluginAt, taskAt)
	}
	for _, n := range notes {
		s.note(n)
	}
	switch {
	case !s.Made:
		return nil
	case s.grammar.Python != "" && s.grammar.Python != s.python:
		return usage("--python %s: write it before %s, since %s tells its arguments only when it is called", s.grammar.Python, s.Found.Command.Name, s.Task.Name)
	}
	return s.answerVersion()
}

// answerVersion prints the version where the flag is the host's.
func (s *session) answerVersion() error {
	if !s.grammar.Version {
		return nil
	}
	if err := s.printVersion(); err != nil {
		return err
	}
	return errAnswered
}

// settle takes PLUGIN and TASK out of the rest, where they are known to stand.
func (s *session) settle(pluginAt, taskAt int) bool {
	at := func(place int) func(word) bool { return func(w word) bool { return w.at == place } }
	if !s.split.takePlugin(at(pluginAt)) {
		return false
	}
	s.split.chooseTask(at(taskAt))
	return true
}

// yielded are the flags of the host and the backbones that are the task's here, and what to tell about them.
func (s *session) yielded() (map[string]bool, []string) {
	yielded := map[string]bool{}
	var notes []string
	// The flags of the other backbones are none of the host's here: a normal task may have a --device of its own.
	for _, a := range job.BackboneArguments() {
		yielded[canonical(a.Name)] = true
	}
	newer := map[string]bool{}
	for _, a := range s.Backbone().Arguments() {
		delete(yielded, canonical(a.Name))
		newer[canonical(a.Name)] = true
	}
	for _, f := range s.parser.Model.Flags {
		newer[f.Name] = true
	}
	for _, n := range s.parser.Model.Children {
		if n.Name == s.split.command {
			for _, f := range n.Flags {
				newer[f.Name] = true
			}
		}
	}
	flags := slices.Clone(s.Task.Flags)
	for _, a := range s.Task.Arguments {
		flags = append(flags, spellingsOf(a)...)
	}
	for _, flag := range flags {
		n := canonical(flag)
		if full, ok := combined[flag]; ok {
			n = full
		}
		if !reserved[n] {
			yielded[n] = true
		} else if !yielded[n] && !strings.HasPrefix(flag, "--no-") {
			notes = append(notes, fmt.Sprintf("%s of %s is always the host's own; behind %q it is the task's", flag, s.Task.Name, dashes))
		}
	}
	for _, text := range s.args {
		if text == dashes {
			break
		}
		spelling, _, _ := strings.Cut(text, "=")
		name := canonical(spelling)
		if !strings.HasPrefix(spelling, "--") || !newer[name] || reserved[name] || yielded[name] {
			continue
		}
		if flag, yes := s.Task.Abbreviates(spelling); yes {
			yielded[name] = true
			notes = append(notes, fmt.Sprintf("%s is short for %s of %s here; the host's own flag is --%s%s", spelling, flag, s.Task.Name, own, name))
		}
	}
	return yielded, notes
}

// spellingsOf are all flags of an argument.
func spellingsOf(a schema.Argument) []string {
	flags := slices.Clone(a.Flags)
	for _, f := range a.Flags {
		if a.Negatable && strings.HasPrefix(f, "--") {
			flags = append(flags, "--no-"+f[2:])
		}
	}
	return flags
}
