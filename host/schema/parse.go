package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// occurrence is one use of an argument in an argument vector.
type occurrence struct {
	argument *Argument
	// spelling is how it was written: "--size", "-s"; the name of a positional argument.
	spelling string
	values   []string
}

// parser reads an argument vector in the way of argparse: it is there to find mistakes before any worker starts. The
// task's own parser has the last word, so what it might accept is let through.
type parser struct {
	task *Task
	// byFlag are all accepted spellings, negative ones included.
	byFlag      map[string]*Argument
	positionals []*Argument
	// digits says that a declared flag looks like a negative number, so that no such word is a value.
	digits bool

	// abbreviates says that the task's own parser takes an unambiguous beginning of a long flag for the flag.
	abbreviates bool

	found    []occurrence
	bare     []string
	unknown  []string
	problems []problem.Problem
}

var negativeNumber = regexp.MustCompile(`^-(?:\d[\d_]*|\d*\.\d+|\d+\.)(?:[eE][-+]?\d+)?$`)

func newParser(task *Task) *parser {
	p := &parser{task: task, byFlag: map[string]*Argument{}, abbreviates: task.Has(Abbreviates)}
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

// lookup returns the argument that a spelling names: exactly, or, where the task's parser takes it so, by a beginning that
// no other flag has.
func (p *parser) lookup(spelling string) *Argument {
	if a := p.byFlag[spelling]; a != nil || !p.abbreviates {
		return a
	}
	if flags := p.beginning(spelling); len(flags) == 1 {
		return p.byFlag[flags[0]]
	}
	return nil
}

// beginning returns the long flags of the task that begin with a spelling, --help, which every parser of argparse has,
// among them.
func (p *parser) beginning(spelling string) []string {
	if !strings.HasPrefix(spelling, "--") || len(spelling) < 3 {
		return nil
	}
	var flags []string
	if help := "--help"; strings.HasPrefix(help, spelling) && p.byFlag[help] == nil {
		flags = append(flags, help)
	}
	for flag := range p.byFlag {
		if strings.HasPrefix(flag, spelling) {
			flags = append(flags, flag)
		}
	}
	for _, flag := range p.task.Flags {
		if strings.HasPrefix(flag, spelling) {
			flags = append(flags, flag)
		}
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}

// Abbreviates reports whether the task's own parser takes a word, which is none of its flags, for one of them.
func (t *Task) Abbreviates(word string) (flag string, yes bool) {
	p := newParser(t)
	if !p.abbreviates || p.byFlag[word] != nil || slices.Contains(t.Flags, word) {
		return "", false
	}
	flags := p.beginning(word)
	if len(flags) != 1 || flags[0] == "--help" {
		return "", false
	}
	return flags[0], true
}

// Unknown reports whether no parser of the task can take a spelling for one of its long flags.
func (t *Task) Unknown(spelling string) bool {
	p := newParser(t)
	return strings.HasPrefix(spelling, "--") && p.byFlag[spelling] == nil && len(p.beginning(spelling)) == 0
}

// Knows reports whether the task's parser may take a spelling for one of its flags, whether or not it declares them all.
func (t *Task) Knows(spelling string) bool {
	p := newParser(t)
	return p.lookup(spelling) != nil || slices.Contains(t.Flags, spelling) || p.abbreviates && len(p.beginning(spelling)) > 0
}

// Argument returns the argument that a spelling names, or the positional one of that name; nil: there is none.
func (t *Task) Argument(spelling string) *Argument {
	p := newParser(t)
	for _, a := range p.positionals {
		if a.Name == spelling {
			return a
		}
	}
	return p.lookup(spelling)
}

// Spell returns the argument vector with every flag as the task declares it, where it was written with underscores for
// hyphens or the other way round. What follows -- stays as it is, as do the arguments of a task that does not name all of
// them: those may be somebody else's.
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

// fold makes hyphens and underscores within a flag the same.
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
			p.bare = append(p.bare, word)
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
		// What follows is most likely its value: one mistake is told once.
		if !attached && !p.task.OpenArguments && i+1 < len(args) && args[i+1] != "--" && p.isValue(args[i+1]) {
			i++
		}
	}
}

// take reads the values that follow a flag and returns how many there were.
func (p *parser) take(a *Argument, spelling string, rest []string) int {
	least, most := a.count()
	n := 0
	for n < len(rest) && (most < 0 || n < most) && rest[n] != "--" && p.isValue(rest[n]) {
		n++
	}
	if n < least {
		message := fmt.Sprintf("it takes %s, this gives %s", countWords(least, most), number(n))
		hint := ""
		if n < len(rest) && strings.HasPrefix(rest[n], "-") && p.byFlag[rest[n]] == nil && rest[n] != "--" {
			hint = fmt.Sprintf("a value that begins with a dash is written %s=%s", spelling, rest[n])
		}
		p.complain(spelling, message, hint)
		return n
	}
	p.found = append(p.found, occurrence{argument: a, spelling: spelling, values: rest[:n]})
	return n
}

// attached reads --flag=value.
func (p *parser) attached(a *Argument, spelling, value string) {
	least, most := a.count()
	switch {
	case most == 0:
		if _, err := strconv.ParseBool(value); err != nil {
			p.complain(spelling, fmt.Sprintf("it is a flag without a value, this gives %q", value), "write "+spelling+" alone")
			return
		}
		p.found = append(p.found, occurrence{argument: a, spelling: spelling})
	case least > 1:
		p.complain(spelling, fmt.Sprintf("it takes %s, this gives one", countWords(least, most)), "write them behind it, separated by spaces")
	default:
		p.found = append(p.found, occurrence{argument: a, spelling: spelling, values: []string{value}})
	}
}

// cluster reads short flags that are written together, -abc, or with their value, -s5. It returns how many words that
// follow were values.
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

// assign gives the words without a flag to the positional arguments, each as many as it can have with enough left for
// those behind it.
func (p *parser) assign() {
	rest := p.bare
	needed := 0
	for _, a := range p.positionals {
		least, _ := a.count()
		if !a.Required && a.HasDefault {
			least = 0
		}
		needed += least
	}
	for _, a := range p.positionals {
		least, most := a.count()
		if !a.Required && a.HasDefault {
			least = 0
		}
		needed -= least
		n := max(least, len(rest)-needed)
		if most >= 0 {
			n = min(n, most)
		}
		if n > len(rest) {
			p.complain(a.Name, fmt.Sprintf("it takes %s, this gives %s", countWords(least, most), number(len(rest))), "")
			rest = nil
			continue
		}
		if n > 0 {
			p.found = append(p.found, occurrence{argument: a, spelling: a.Name, values: rest[:n]})
		}
		rest = rest[n:]
	}
	for _, word := range rest {
		p.complain("", fmt.Sprintf("unexpected argument %q", word), "")
	}
}

// meant is the suggestion for a flag that the task does not have.
func (p *parser) meant(flag string) string {
	// Any two letters are as near to one another as any other two.
	if len(strings.TrimLeft(flag, "-")) > 1 {
		if near := problem.Near(flag, p.spellings()); near != "" {
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

// spellings are all flags of the task, for suggestions.
func (p *parser) spellings() []string {
	var all []string
	for _, a := range p.task.Arguments {
		all = append(all, a.Flags...)
		if a.Negatable && len(a.Flags) > 0 {
			all = append(all, "--no-"+strings.TrimLeft(a.Flags[0], "-"))
		}
	}
	return all
}

// count is how many values the argument takes: at least and at most, -1 for any number.
func (a *Argument) count() (least, most int) {
	switch a.Arity {
	case "":
		return 1, 1
	case "?":
		return 0, 1
	case "*":
		return 0, -1
	case "+":
		return 1, -1
	}
	if n, err := strconv.Atoi(a.Arity); err == nil {
		return n, n
	}
	return 0, -1
}

func countWords(least, most int) string {
	switch {
	case most < 0 && least == 0:
		return "any number of values"
	case most < 0:
		return fmt.Sprintf("at least %s value%s", number(least), plural(least))
	case least == most:
		return fmt.Sprintf("%s value%s", number(least), plural(least))
	}
	return fmt.Sprintf("at most %s value%s", number(most), plural(most))
}

func number(n int) string {
	if words := []string{"none", "one", "two", "three"}; n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// Given returns the names that an argument vector gives: of a declared argument its Name, of any other flag the flag
// without its dashes. An abbreviation of one declared flag counts as that flag, because a task's own parser may take it
// so. task may be nil.
func Given(task *Task, args []string) map[string]bool {
	if task == nil {
		task = &Task{}
	}
	p := newParser(task)
	p.parse(args)
	names := map[string]bool{}
	left := p.bare
	p.bare = nil
	for _, o := range p.found {
		names[o.argument.Name] = true
	}
	for _, u := range p.unknown {
		names[strings.TrimLeft(u, "-")] = true
		if flags := p.beginning(u); len(flags) == 1 && p.byFlag[flags[0]] != nil {
			names[p.byFlag[flags[0]].Name] = true
		}
	}
	// Values of flags that are not declared look like positional ones: they are taken to be the flags'.
	if len(p.unknown) == 0 {
		for i, a := range p.positionals {
			if i < len(left) {
				names[a.Name] = true
			}
		}
	}
	// A flag with too few values was given all the same.
	for _, wrong := range p.problems {
		if a := p.lookup(wrong.Path); a != nil {
			names[a.Name] = true
		}
	}
	return names
}
