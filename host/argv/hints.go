package argv

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// shortest is the least number of letters of an abbreviation that is worth a warning.
const shortest = 3

// Typos implements job.Line. One typo from a flag of kagurazaka 0.1.1 is an error, one from a newer flag a warning: a task that takes any
// argument would accept both silently. Arguments after -- are the task's.
func (l *Line) Typos(undeclared []problem.Problem) []problem.Problem {
	older, newer := l.flagNames()
	var found []problem.Problem
	look := func(p problem.Problem, word, dashes string) {
		meant, is := suggest.OneTypo(word, older), "one typo from "
		if meant == "" {
			p.Warning = true
			meant = suggest.OneTypo(word, newer)
		}
		if meant == "" {
			meant, is = abbreviated(word, older), "an abbreviation of "
		}
		if meant == "" {
			return
		}
		p.Message = fmt.Sprintf("%s does not declare it, and it is %s%s%s", l.session.Task.Name, is, dashes, meant)
		p.Suggestion = fmt.Sprintf("did you mean %s%s? What is the task's all the same stands behind --: %s -- --%s", dashes, meant, terminal.Command([]string{l.session.Found.Command.Name, l.session.Task.Name}), strings.TrimLeft(word, "-"))
		found = append(found, p)
	}
	for _, w := range l.rest {
		spelling, _, _ := strings.Cut(w.text, "=")
		if name, _, _ := flagOf(w.text); w.isFlag() && mayBeTasks[name] && w.at > l.taskAt && !l.session.Task.Knows(spelling) {
			found = append(found, l.doubtful(spelling, name))
			continue
		}
		if w.isFlag() && strings.HasPrefix(spelling, "--") && !l.session.Task.Knows(spelling) {
			look(problem.Problem{Path: spelling}, strings.TrimLeft(spelling, "-"), "--")
		}
	}
	for _, p := range undeclared {
		if !l.session.Task.Knows("--" + p.Path) {
			look(p, p.Path, "")
		}
	}
	return found
}

// doubtful is the problem of a newer flag behind a task whose arguments are not known. It stands unless the task's parser knows the flag.
// For --input and --output it is a warning: many parsers that cannot be asked have them.
func (l *Line) doubtful(spelling, name string) problem.Problem {
	return problem.Problem{
		Path: spelling, Warning: name == "input" || name == "output",
		Message: fmt.Sprintf("%s does not declare it, and it is a flag of kagurazaka", l.session.Task.Name),
		Suggestion: fmt.Sprintf("--%s%s is kagurazaka's; what is the task's all the same stands behind --: %s -- %s", own, name,
			terminal.Command([]string{l.session.Found.Command.Name, l.session.Task.Name}), spelling),
	}
}

// Explain implements job.Line.
func (l *Line) Explain(p problem.Problem) problem.Problem {
	hint := ""
	if l.session.Task.Argument(p.Path) == nil {
		hint = cmp.Or(l.elsewhere(p), l.hostFlagNear(p))
	}
	if hint == "" {
		hint = l.addressMeant(p)
	}
	if noRun := l.runMeant(p); hint == "" && noRun != nil {
		if p.Message == schema.Unexpected {
			return *noRun
		}
		hint = strings.TrimPrefix(noRun.String()+problem.Hint(noRun.Suggestion), noRun.Source+": ")
	}
	p.Suggestion = cmp.Or(hint, p.Suggestion)
	return p
}

// about reports whether a problem is that of a word, or quotes it.
func about(p problem.Problem, word string) bool {
	return p.Source == terminal.Quote(word) || strings.Contains(p.Message, strconv.Quote(word))
}

// addressMeant is the suggestion for a problem of the word after --listen; empty: it is not.
func (l *Line) addressMeant(p problem.Problem) string {
	for i, text := range l.Args[:max(len(l.Args)-1, 0)] {
		word := l.Args[i+1]
		if name, _, hasValue := flagOf(text); !hasValue && name == "listen" && about(p, word) {
			return "did you mean --listen=" + terminal.Quote(word) + "? The address is written with ="
		}
	}
	return ""
}

// AddressMeant is the suggestion for a word that was taken for PLUGIN, and follows --listen; empty: it does not.
func (l *Line) AddressMeant(plugin string) string {
	return l.addressMeant(problem.Problem{Source: terminal.Quote(plugin)})
}

// runMeant is the problem of the word after --resume that a problem is about; nil: it is about none.
func (l *Line) runMeant(p problem.Problem) *problem.Problem {
	for _, word := range l.Args {
		if about(p, word) {
			if noRun := l.NoRun(word); noRun != nil {
				return noRun
			}
		}
	}
	return nil
}

// hostFlagNear suggests the host's flag that an unknown flag is near to, unless the task has one.
func (l *Line) hostFlagNear(p problem.Problem) string {
	if !strings.HasPrefix(p.Path, "--") || strings.HasPrefix(p.Suggestion, "did you mean") {
		return ""
	}
	older, newer := l.flagNames()
	word, all := strings.TrimLeft(p.Path, "-"), slices.Concat(older, newer)
	if meant := cmp.Or(suggest.OneTypo(word, all), abbreviated(word, all), suggest.Similar(word, all)); meant != "" {
		return fmt.Sprintf("did you mean --%s?", meant)
	}
	return ""
}

// elsewhere is a suggestion for an unknown argument that is a flag without effect here.
func (l *Line) elsewhere(p problem.Problem) string {
	name := job.Canonical(p.Path)
	if l.session.Backbone().Declares(name) {
		return ""
	}
	if other := l.session.Backbone().OtherBackbone(name); other != nil {
		return fmt.Sprintf("it is a flag for %s; leave it out for %s", other.Tasks, l.session.Task.Name)
	}
	if p.Source != "" && slices.ContainsFunc(l.parser.Model.Flags, func(f *kong.Flag) bool { return f.Name == name }) {
		return fmt.Sprintf("give it on the command line, as --%s", name)
	}
	return ""
}

// Unexpected is the error for the first word that a command does not take: with the flag that it is near to, or else a hint.
func (l *Line) Unexpected(hint string) error {
	word := l.First()
	return exitcode.Usagef("%s: unexpected argument; hint: %s", terminal.Quote(word), cmp.Or(l.flagMeant(word), hint))
}

// flagMeant suggests the flag of the host or a backbone that a word is near to; empty: it is near to none.
func (l *Line) flagMeant(word string) string {
	if !strings.HasPrefix(word, dashes) {
		return ""
	}
	var names []string
	for _, f := range slices.Concat(l.ownFlags(l.parser), l.parser.Model.Flags) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	for _, a := range job.BackboneArguments() {
		names = append(names, a.Name)
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if meant := cmp.Or(suggest.OneTypo(name, names), abbreviated(name, names), suggest.Similar(name, names)); meant != "" {
		return fmt.Sprintf("did you mean --%s?", meant)
	}
	return ""
}

// commandsWith suggests the commands that have a flag; empty: none does.
func (l *Line) commandsWith(flag string) string {
	var commands []string
	for _, n := range l.parser.Model.Children {
		if !n.Hidden && slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return dashes+f.Name == flag }) {
			commands = append(commands, n.Name)
		}
	}
	if len(commands) == 0 {
		return ""
	}
	return "it is a flag of " + strings.Join(commands, ", ")
}

// CommandNear is the command that a word is a typo or the beginning of; empty: none.
func (l *Line) CommandNear(word string) string {
	if len(word) < shortest || strings.ContainsAny(word, "/.") {
		return ""
	}
	var names []string
	for _, n := range l.parser.Model.Children {
		names = append(names, n.Name)
	}
	return cmp.Or(suggest.OneTypo(word, names), abbreviated(word, names))
}

// flagNames are the flags of the host and the task's backbone, without dashes: those of kagurazaka 0.1.1, and newer ones not yielded here.
func (l *Line) flagNames() (older, newer []string) {
	yielded, _ := l.yielded()
	add := func(name, shown string) {
		switch {
		case reserved[name] && !protecting[name]:
			older = append(older, shown)
		case !yielded[name]:
			newer = append(newer, shown)
		}
	}
	for _, f := range slices.Concat(l.parser.Model.Flags, l.ownFlags(l.parser)) {
		if !f.Hidden {
			add(f.Name, f.Name)
		}
	}
	for _, a := range l.session.Backbone().Arguments() {
		add(job.Canonical(a.Name), a.Name)
	}
	return older, newer
}

// abbreviated is the only name that begins with a word, as kagurazaka 0.1.1 took it; empty: none, or several.
func abbreviated(word string, names []string) string {
	found := ""
	for _, name := range names {
		if len(word) < shortest || !strings.HasPrefix(job.Canonical(name), job.Canonical(word)) {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}
