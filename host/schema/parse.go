package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// occurrence is one use of an argument in an argument vector.
type occurrence struct {
	argument *Argument
	// spelling is the flag as written, "--size" or "-s", or the name of a positional argument.
	spelling string
	// values is empty for a flag that has a problem already.
	values []string
}

// parser reads an argument vector like argparse, to find mistakes before any worker starts. The task's own parser decides, so this
// one accepts everything that the task's may accept.
type parser struct {
	task *Task
	// byFlag are all accepted spellings, negative ones included.
	byFlag      map[string]*Argument
	positionals []*Argument
	// digits is set if a declared flag looks like a negative number. Then no such word is a value.
	digits bool

	found []occurrence
	// bare are the words without a flag; those in front of -- stand at the places of at.
	bare     []string
	at       []int
	unknown  []string
	problems []problem.Problem
}

var negativeNumber = regexp.MustCompile(`^-(?:\d[\d_]*|\d*\.\d+|\d+\.)(?:[eE][-+]?\d+)?$`)

func newParser(task *Task) *parser {
	p := &parser{task: task, byFlag: map[string]*Argument{}}
	for i := range task.Arguments {
		a := &task.Arguments[i]
		if len(a.Flags) == 0 {
			p.positionals = append(p.positionals, a)
		}
		for _, f := range a.Flags {
			p.byFlag[f] = a
			p.digits = p.digits || negativeNumber.MatchString(f)
			if a.Negatable && strings.HasPrefix(f, "--") {
				p.byFlag["--no-"+f[2:]] = a
			}
		}
	}
	return p
}

// lookup returns the argument of a spelling, or of an unambiguous abbreviation if the task's parser takes those.
func (p *parser) lookup(spelling string) *Argument {
	if a := p.byFlag[spelling]; a != nil || !p.task.Has(Abbreviates) {
		return a
	}
	if flags := p.beginning(spelling); len(flags) == 1 {
		return p.byFlag[flags[0]]
	}
	return nil
}

// beginning returns the long flags of the task that begin with a spelling. --help is among them: every parser of argparse has it.
func (p *parser) beginning(spelling string) []string {
	if !strings.HasPrefix(spelling, "--") || len(spelling) < 3 {
		return nil
	}
	flags := []string{"--help"}
	flags = slices.AppendSeq(append(flags, p.task.Flags...), maps.Keys(p.byFlag))
	flags = slices.DeleteFunc(flags, func(f string) bool { return !strings.HasPrefix(f, spelling) })
	slices.Sort(flags)
	return slices.Compact(flags)
}

// Abbreviates returns the flag that the task's parser takes a word for, if the word abbreviates one.
func (t *Task) Abbreviates(word string) (flag string, yes bool) {
	p := newParser(t)
	if !t.Has(Abbreviates) || p.byFlag[word] != nil || slices.Contains(t.Flags, word) {
		return "", false
	}
	flags := p.beginning(word)
	if len(flags) != 1 || flags[0] == "--help" {
		return "", false
	}
	return flags[0], true
}

// Unknown reports whether a spelling cannot be one of the task's long flags.
func (t *Task) Unknown(spelling string) bool {
	p := newParser(t)
	return strings.HasPrefix(spelling, "--") && p.byFlag[spelling] == nil && len(p.beginning(spelling)) == 0
}

// Knows reports whether the task's parser may take a spelling for one of its flags, declared or not.
func (t *Task) Knows(spelling string) bool {
	p := newParser(t)
	return p.lookup(spelling) != nil || slices.Contains(t.Flags, spelling) || t.Has(Abbreviates) && len(p.beginning(spelling)) > 0
}

// Argument returns the argument of a spelling, or the positional one of that name; nil: there is none.
func (t *Task) Argument(spelling string) *Argument {
	p := newParser(t)
	for _, a := range p.positionals {
		if a.Name == spelling {
			return a
		}
	}
	return p.lookup(spelling)
}

// Loose are the places of the words in front of -- that are neither flags of the task nor their values.
func Loose(task *Task, args []string) []int {
	p := newParser(task)
	p.parse(args)
	return p.at
}

// Spell returns the argument vector with every flag as the task declares it, also if it was written with underscores for hyphens or
// the other way round. Words after -- stay as they are, and so do all arguments of a task with open arguments.
func Spell(task *Task, args []string) []string {
	if task.OpenArguments {
		return args
	}
	p := newParser(task)
	declared := map[string]string{}
	for flag := range p.byFlag {
		if name := fold(flag); declared[name] == "" {
			declared[name] = flag
		} else {
			declared[name] = "--" // ambiguous
		}
	}
	spelt := slices.Clone(args)
	for i, word := range spelt {
		if word == "--" {
			break
		}
		spelling, value, attached := strings.Cut(word, "=")
		flag := declared[fold(spelling)]
		if !strings.HasPrefix(word, "--") || p.byFlag[spelling] != nil || len(flag) < 3 || strings.Contains(spelling, " ") {
			continue
		}
		spelt[i] = flag
		if attached {
			spelt[i] += "=" + value
		}
	}
	return spelt
}

// fold makes hyphens and underscores in a flag the same.
func fold(flag string) string { return strings.ReplaceAll(flag, "_", "-") }

// isValue reports whether a word can be a value of the argument before it.
func (p *parser) isValue(word string) bool {
	switch {
	case !strings.HasPrefix(word, "-"), word == "-":
		return true
	case p.byFlag[word] != nil:
		return false
	case negativeNumber.MatchString(word):
		return !p.digits
	}
	return strings.Contains(word, " ") && !strings.Contains(word, "=")
}

func (p *parser) complain(path, message, suggestion string) {
	p.problems = append(p.problems, problem.Problem{Path: path, Message: message, Suggestion: suggestion})
}

func (p *parser) parse(args []string) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			p.bare = append(p.bare, args[i+1:]...)
			break
		}
		if p.isValue(word) {
			p.bare, p.at = append(p.bare, word), append(p.at, i)
			continue
		}
		if a := p.lookup(word); a != nil {
			i += p.take(a, word, args[i+1:])
			continue
		}
		spelling, value, attached := strings.Cut(word, "=")
		if a := p.lookup(spelling); a != nil && attached {
			p.attached(a, spelling, value)
			continue
		}
		if !strings.HasPrefix(word, "--") && len(word) > 2 && p.byFlag[word[:2]] != nil {
			i += p.cluster(word, args[i+1:])
			continue
		}
		p.unknown = append(p.unknown, spelling)
		// The next word is probably its value: report one mistake once.
		if !attached && !p.task.OpenArguments && i+1 < len(args) && args[i+1] != "--" && p.isValue(args[i+1]) {
			i++
		}
	}
}

// take reads the values after a flag and returns their number.
func (p *parser) take(a *Argument, spelling string, rest []string) int {
	o := occurrence{argument: a, spelling: spelling}
	least, most := a.count()
	n := 0
	for n < len(rest) && (most < 0 || n < most) && rest[n] != "--" && p.isValue(rest[n]) {
		n++
	}
	if n < least {
		message := fmt.Sprintf("needs %s, not %s", countWords(least, most), number(n))
		hint := ""
		if n < len(rest) && strings.HasPrefix(rest[n], "-") && p.byFlag[rest[n]] == nil && rest[n] != "--" {
			hint = fmt.Sprintf("a value that begins with a dash is written %s=%s", spelling, rest[n])
		}
		p.complain(spelling, message, hint)
	} else {
		o.values = rest[:n]
	}
	p.found = append(p.found, o)
	return n
}

// attached reads --flag=value.
func (p *parser) attached(a *Argument, spelling, value string) {
	least, most := a.count()
	o := occurrence{argument: a, spelling: spelling}
	switch {
	case most == 0:
		if _, err := strconv.ParseBool(value); err != nil {
			p.complain(spelling, fmt.Sprintf("takes no value, not %q", value), "write "+spelling+" alone")
		}
	case least > 1:
		p.complain(spelling, fmt.Sprintf("needs %s, not one", countWords(least, most)), "write them after it, separated by spaces")
	default:
		o.values = []string{value}
	}
	p.found = append(p.found, o)
}

// cluster reads short flags in one word, -abc, or one with its value, -s5. It returns the number of words after it that are values.
func (p *parser) cluster(word string, rest []string) int {
	letters := word[1:]
	for letters != "" {
		spelling := "-" + letters[:1]
		a := p.byFlag[spelling]
		letters = letters[1:]
		if a == nil {
			p.unknown = append(p.unknown, spelling)
			return 0
		}
		if _, most := a.count(); most == 0 {
			p.found = append(p.found, occurrence{argument: a, spelling: spelling})
			continue
		}
		if letters == "" {
			return p.take(a, spelling, rest)
		}
		p.attached(a, spelling, strings.TrimPrefix(letters, "="))
		return 0
	}
	return 0
}

// Unexpected is the message about a word that no positional argument takes. Its source is the word.
const Unexpected = "unexpected argument"

// assign gives the words without a flag to the positional arguments. Each takes as many as it can, and leaves enough for the others.
func (p *parser) assign() {
	count := func(a *Argument) (least, most int) {
		least, most = a.count()
		if !a.Required && a.HasDefault {
			least = 0
		}
		return least, most
	}
	rest, needed := p.bare, 0
	for _, a := range p.positionals {
		least, _ := count(a)
		needed += least
	}
	for _, a := range p.positionals {
		least, most := count(a)
		needed -= least
		n := max(least, len(rest)-needed)
		if most >= 0 {
			n = min(n, most)
		}
		if n > len(rest) {
			p.complain(a.Name, fmt.Sprintf("needs %s, not %s", countWords(least, most), number(len(rest))), "")
			rest = nil
			continue
		}
		if n > 0 {
			p.found = append(p.found, occurrence{argument: a, spelling: a.Name, values: rest[:n]})
		}
		rest = rest[n:]
	}
	for _, word := range rest {
		p.problems = append(p.problems, problem.Problem{Source: terminal.Quote(word), Message: Unexpected})
	}
}

// meant is the suggestion for a flag that the task does not have.
func (p *parser) meant(flag string) string {
	// One letter is no basis for a suggestion.
	if len(strings.TrimLeft(flag, "-")) > 1 {
		if near := problem.Near(flag, slices.Sorted(maps.Keys(p.byFlag))); near != "" {
			return near
		}
	}
	var first []string
	for _, a := range p.task.Arguments {
		if len(a.Flags) > 0 {
			first = append(first, a.Flags[0])
		}
	}
	return problem.Meant("", "its arguments", first)
}

// count returns the smallest and the largest number of the argument's values; -1: no limit.
func (a *Argument) count() (least, most int) {
	switch a.Arity {
	case "":
		return 1, 1
	case "?":
		return 0, 1
	case "+":
		return 1, -1
	}
	if n, err := strconv.Atoi(a.Arity); err == nil {
		return n, n
	}
	return 0, -1
}

func countWords(least, most int) string {
	values := func(n int) string {
		if n == 1 {
			return "one value"
		}
		return number(n) + " values"
	}
	switch {
	case most < 0 && least == 0:
		return "any number of values"
	case most < 0:
		return "at least " + values(least)
	case least == most:
		return values(least)
	}
	return "at most " + values(most)
}

func number(n int) string {
	if words := []string{"none", "one", "two", "three"}; n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

// Given returns the names in an argument vector: the Name of a declared argument, any other flag without its dashes. An abbreviation
// of one declared flag counts as that flag, because the task's parser may read it so.
func Given(task *Task, args []string) map[string]bool {
	p := newParser(task)
	p.parse(args)
	names := map[string]bool{}
	for _, o := range p.found {
		names[o.argument.Name] = true
	}
	for _, u := range p.unknown {
		names[strings.TrimLeft(u, "-")] = true
		if flags := p.beginning(u); len(flags) == 1 && p.byFlag[flags[0]] != nil {
			names[p.byFlag[flags[0]].Name] = true
		}
	}
	// Values of undeclared flags look like positional ones. They count as the flags'.
	if len(p.unknown) == 0 {
		for _, a := range p.positionals[:min(len(p.bare), len(p.positionals))] {
			names[a.Name] = true
		}
	}
	return names
}
