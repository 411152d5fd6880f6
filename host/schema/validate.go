package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// Validate checks an argument vector against the task's declaration and returns all problems. Path of a problem is the flag as
// written, or the name of a positional argument. Names must be exact, except for abbreviations that the task's parser takes.
// It does not check undeclared arguments of a task with open arguments.
func Validate(task *Task, args []string) []problem.Problem {
	p := newParser(task)
	p.parse(args)
	for _, u := range p.unknown {
		flags := p.beginning(u)
		switch {
		case task.OpenArguments:
		case task.Has(Abbreviates) && len(flags) > 1:
			p.complain(u, "it is ambiguous: it may be short for "+strings.Join(flags, " or "), "")
		case len(task.Arguments) == 0:
			p.complain(u, task.Name+" takes no arguments", p.meant(u))
		default:
			p.complain(u, task.Name+" has no such argument", p.meant(u))
		}
	}
	// Words without a flag may be values of undeclared flags.
	if task.OpenArguments && len(p.bare) > 0 {
		for _, a := range p.positionals {
			p.found = append(p.found, occurrence{argument: a, spelling: a.Name})
		}
	} else {
		p.assign()
	}
	given := map[*Argument]bool{}
	for _, o := range p.found {
		given[o.argument] = true
		for _, v := range o.values {
			if message, hint := o.argument.check(v); message != "" {
				p.complain(o.spelling, message, hint)
			}
		}
	}
	for i := range task.Arguments {
		a := &task.Arguments[i]
		if a.Required && len(a.Flags) > 0 && !given[a] {
			p.complain(a.Flags[0], "required argument is not set: give "+strings.TrimSpace(a.Flags[0]+" "+a.metavar()), a.Help)
		}
	}
	return p.problems
}

// Ends reports whether an argument vector contains an argument that ends the program, such as --help.
func Ends(task *Task, args []string) bool {
	p := newParser(task)
	p.parse(args)
	return slices.ContainsFunc(p.found, func(o occurrence) bool { return o.argument.Ends })
}

var wholeNumber = regexp.MustCompile(`^\s*[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)\s*$`)

// check returns the problem of a value; empty: it is valid.
func (a *Argument) check(value string) (message, hint string) {
	switch a.Type {
	case Int:
		if !wholeNumber.MatchString(value) {
			return fmt.Sprintf("must be an integer, not %q", value), ""
		}
	case Float:
		if !isFloat(value) {
			return fmt.Sprintf("must be a number, not %q", value), ""
		}
	case JSON:
		if !json.Valid([]byte(value)) {
			return fmt.Sprintf("%q is not JSON", short(value)), `texts need double quotes: '{"a": "b"}'`
		}
	case Duration:
		if _, err := time.ParseDuration(value); err != nil {
			return fmt.Sprintf("%q is not a duration", value), "a number with its unit, as in 1m30s or 500ms"
		}
	}
	if len(a.Choices) == 0 {
		return "", ""
	}
	words := a.choiceWords()
	for i, c := range a.Choices {
		if words[i] == value || sameNumber(c, value) {
			return "", ""
		}
	}
	return fmt.Sprintf("%s, not %q", problem.OneOf(words), value), problem.Near(value, words)
}

func isFloat(value string) bool {
	text := strings.ReplaceAll(strings.TrimSpace(value), "_", "")
	_, err := strconv.ParseFloat(text, 64)
	return err == nil || strings.Contains(err.Error(), "range")
}

// short cuts a long text for a message.
func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "…"
	}
	return s
}

// sameNumber reports whether a choice is a number and the value another spelling of it.
func sameNumber(choice any, value string) bool {
	if _, isText := choice.(string); isText {
		return false
	}
	x, ok := new(big.Float).SetString(fmt.Sprint(choice))
	y, also := new(big.Float).SetString(strings.TrimSpace(value))
	return ok && also && x.Cmp(y) == 0
}

// choiceWords are the choices as a command line has them.
func (a *Argument) choiceWords() []string {
	words := make([]string, len(a.Choices))
	for i, c := range a.Choices {
		words[i] = plainText(c)
	}
	return words
}

// plainText is a JSON-like value as a command line has it: a text without quotes, anything else as JSON.
func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return compactJSON(v)
}

// compactJSON is a value as one line of JSON, without the escapes that only HTML needs.
func compactJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// metavar names the argument's value in usage and help: INT, {a,b}, or nothing for a flag.
func (a *Argument) metavar() string {
	if a.Arity == "0" {
		return ""
	}
	var word string
	switch {
	case a.Placeholder != "":
		return a.Placeholder
	case len(a.Choices) > 0 && len(a.Choices) <= 8:
		word = "{" + strings.Join(a.choiceWords(), ",") + "}"
	case len(a.Flags) == 0:
		word = strings.ToUpper(a.Name)
	case strings.Contains(a.typeName(), " "):
		word = "VALUE"
	default:
		word = strings.ToUpper(a.typeName())
	}
	if n, err := strconv.Atoi(a.Arity); err == nil && n > 0 && n < 6 {
		return strings.TrimSpace(strings.Repeat(word+" ", n))
	}
	return a.times(word)
}

// times is a word as often as the argument takes values.
func (a *Argument) times(word string) string {
	switch a.Arity {
	case "":
		return word
	case "?":
		return "[" + word + "]"
	case "*":
		return "[" + word + " …]"
	case "+":
		return word + " [" + word + " …]"
	}
	return word + " …"
}

// typeName names the argument's type in one word.
func (a *Argument) typeName() string {
	switch a.Type {
	case String:
		return "text"
	case Custom:
		return cmp.Or(a.TypeName, "value")
	default:
		return string(a.Type)
	}
}
