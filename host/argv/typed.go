package argv

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// flaw is the flag's problem that kong found, which parse returned as problem.Errors.
func (l *Line) flaw(f hostFlag, err error) flaw {
	found := flaw{f, problem.Problem{Message: err.Error()}}
	if told := (problem.Errors)(nil); errors.As(err, &told) && len(told) == 1 {
		found.Problem = told[0]
	}
	found.Source = l.typed(f)
	return found
}

// typed is a flag with its value as it stands on the line, or the variable that gives it.
func (l *Line) typed(f hostFlag) string {
	if f.at < 0 {
		return Variable(f.name) + "=" + terminal.Quote(os.Getenv(Variable(f.name)))
	}
	spelling, value, attached := strings.Cut(l.Args[f.at], "=")
	switch {
	case attached:
		return spelling + "=" + terminal.Quote(value)
	case f.value >= 0:
		return spelling + " " + terminal.Quote(l.Args[f.value])
	}
	return spelling
}

// repeatable are flags that may be given several times, each with a value that counts.
var repeatable = map[string]bool{"input": true, "output": true, "include": true, "exclude": true, "item": true, "env": true, "plugin-sha256": true}

// AsTyped implements job.Line.
func (l *Line) AsTyped(problems []problem.Problem) []problem.Problem {
	problems = slices.Clone(problems)
	for i, p := range problems {
		name, value, hasValue := strings.Cut(p.Source, " ")
		if !strings.HasPrefix(name, dashes) {
			continue
		}
		for _, f := range slices.Concat(l.host, l.ofBackbone) {
			if f.name != job.Canonical(name) || f.name == "mixin" {
				continue
			}
			spelling, _, _ := strings.Cut(l.Args[f.at], "=")
			switch {
			case !hasValue:
				problems[i].Source = spelling
			case l.valueOf(f) == value, !repeatable[f.name] && l.typed(f) != spelling:
				// A time is shown in other words: 1m0s.
				problems[i].Source = l.typed(f)
			}
		}
	}
	return problems
}

// valueOf is a flag's value as it stands on the line, in quotes if a shell needs them.
func (l *Line) valueOf(f hostFlag) string {
	_, value, attached := strings.Cut(l.Args[f.at], "=")
	if !attached && f.value >= 0 {
		value = l.Args[f.value]
	}
	return terminal.Quote(value)
}
