// Package argv decides whose each word of a command line is: the host's, the backbone's, the plugin's name, the task's name or an
// argument of the task. See docs/design/cli.md.
package argv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
)

// Line is a command line. It is read twice: by a guess, and again when the task is known. It is the session's job.Line then.
type Line struct {
	*split
	// Args are all words of the line.
	Args    []string
	parser  *kong.Kong
	program *job.Program
	parse   func(command string, flags []string) error
	// Ignores reports whether a variable for a flag has no effect on a command; nil: each has.
	Ignores func(command, flag string) bool
	// session is nil before a task was chosen.
	session *job.Session
}

// New returns a line that is not read yet. The parser's model is the table of the host's flags and commands; parse reads the host's flags.
func New(args []string, parser *kong.Kong, program *job.Program, parse func(command string, flags []string) error) *Line {
	return &Line{Args: args, parser: parser, program: program, parse: parse, split: &split{Command: "run"}}
}

// Given are those of some flags of the host that the line has, as they are written.
func (l *Line) Given(names ...string) (given []string) {
	for _, name := range names {
		if slices.ContainsFunc(l.host, func(f hostFlag) bool { return f.name == name }) {
			given = append(given, dashes+name)
		}
	}
	return given
}

// Texts are some flags of the host as kong reads them, --NAME or --NAME=VALUE, where the line has them.
func (l *Line) Texts(names ...string) (texts []string) {
	for _, f := range l.host {
		if slices.Contains(names, f.name) {
			texts = append(texts, f.text)
		}
	}
	return texts
}

// Empty reports whether all words are flags of the host or the backbone.
func (l *Line) Empty() bool { return len(l.rest) == 0 }

// Named reports whether the line has the word of its command.
func (l *Line) Named() bool { return l.commandAt >= 0 }

// First is the first word that is neither a flag of the host nor of the backbone; empty: none.
func (l *Line) First() string {
	if l.Empty() {
		return ""
	}
	return l.rest[0].text
}

// Yields reports whether the command has arguments of a task, to which newer flags of the host give way.
func (l *Line) Yields() bool { return taskCommands[l.Command] }

// taskCommands are the commands with the arguments of a run.
var taskCommands = map[string]bool{"run": true, "plan": true, "shard": true, "export": true, "debug": true, "config": true}

// Save keeps the line as it is now. What it returns brings that back, any number of times.
func (l *Line) Save() (restore func()) {
	saved := *l.split
	rest := slices.Clone(saved.rest)
	return func() {
		again := saved
		again.rest = slices.Clone(rest)
		l.split, l.session = &again, nil
	}
}

// Guess reads the command line before the task is known. What is wrong with a flag that may be the task's is only a Doubt.
func (l *Line) Guess() error { return l.read(reading{guess: true}) }

// ReadBefore reads the first words of a line that a shell completes. waiting is the flag that waits for a value; empty: none does.
func (l *Line) ReadBefore(words []string) (waiting string, err error) {
	l.Args = words
	if err := l.readSound(); err == nil || len(words) == 0 {
		return "", err
	}
	l.Args = words[:len(words)-1]
	return words[len(words)-1], l.readSound()
}

func (l *Line) readSound() error { return cmp.Or(l.read(reading{}), l.Doubt()) }

// read takes the command line apart and lets kong read the host's part. It collects the problems of all flags, and reads the others.
func (l *Line) read(r reading) error {
	s := splitArgs(l.Args, knownFlags(l.parser, job.BackboneArguments(), r), l.parser)
	l.split = s
	l.readVariables(s)
	if err := l.parse(s.Command, s.hostTexts()); err != nil {
		var sound []string
		for _, f := range s.texts() {
			if wrong := l.parse(s.Command, []string{f.text}); wrong != nil {
				s.flaws = append(s.flaws, l.flaw(f, wrong))
			} else {
				sound = append(sound, f.text)
			}
		}
		if err := l.parse(s.Command, sound); err != nil {
			return err
		}
	}
	slices.SortStableFunc(s.flaws, func(a, b flaw) int { return cmp.Compare(a.at, b.at) })
	if slices.ContainsFunc(s.flaws, func(f flaw) bool { return protecting[f.name] }) {
		// Nothing of the plugin is started without its protection.
		return l.Doubt()
	}
	return nil
}

// Doubt is what is wrong with the host's flags, those that may be the task's included.
func (l *Line) Doubt() error { return problem.Err(l.problems(func(flaw) bool { return true })) }

// Wrong implements job.Line.
func (l *Line) Wrong() []problem.Problem {
	return l.problems(func(f flaw) bool { return !l.guess || !f.newer })
}

func (l *Line) problems(counts func(flaw) bool) []problem.Problem {
	var problems []problem.Problem
	for _, f := range l.flaws {
		if counts(f) {
			problems = append(problems, f.Problem)
		}
	}
	return problems
}

// CheckUTF8 refuses arguments that are not UTF-8, which the contract with plugins cannot carry. PLUGIN may be any file name.
func (l *Line) CheckUTF8() error {
	var wrong []string
	for i, arg := range l.Args {
		if !utf8.ValidString(arg) {
			wrong = append(wrong, fmt.Sprintf("%q (argument %d)", arg, i+1))
		}
	}
	if len(wrong) == 0 || len(wrong) == 1 && !utf8.ValidString(l.existing()) {
		return nil
	}
	return exitcode.Usagef("%s: arguments must be UTF-8; hint: give a file of such a name by a link that has another one", strings.Join(wrong, ", "))
}

// Plain are the words of the command line without --resume and --retry-failed.
func (l *Line) Plain() []string {
	var out []string
	for i := 0; i < len(l.Args); i++ {
		if l.Args[i] == dashes {
			return append(out, l.Args[i:]...)
		}
		name, _, hasValue := flagOf(l.Args[i])
		if !optional[strings.TrimPrefix(name, own)] {
			out = append(out, l.Args[i])
		} else if !hasValue && i+1 < len(l.Args) && isRunWord(l.Args[i+1]) {
			i++
		}
	}
	return out
}

// RunWords are the words of the command line for a run of the same task: without the command and its own flags, and without others.
func (l *Line) RunWords(without ...string) []string {
	gone := map[int]bool{l.commandAt: true}
	flags := l.ownFlags(l.parser)
	for _, f := range l.host {
		isOwn := slices.ContainsFunc(flags, func(o *kong.Flag) bool { return o.Name == f.name })
		if f.text == "" || !isOwn && !slices.Contains(without, f.name) {
			continue
		}
		gone[f.at] = true
		if f.value >= 0 {
			gone[f.value] = true
		}
	}
	var out []string
	for i, word := range l.Args {
		if !gone[i] {
			out = append(out, word)
		}
	}
	return out
}
