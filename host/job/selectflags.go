package job

import (
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// SelectFlags choose some of a run's items.
type SelectFlags struct {
	Include []string `name:"include" sep:"none" placeholder:"GLOB" help:"List only the items that a pattern (*, ?, [abc]) matches, by their path, their path below the input folder or their name; * matches slashes, too. May be given several times."`
	Exclude []string `name:"exclude" sep:"none" placeholder:"GLOB" help:"Do not list the items that a pattern matches, as for --include; it wins over --include. May be given several times."`

	Limit *int     `name:"limit" placeholder:"N" help:"Do the first N items that are to do, and no others."`
	Item  []string `name:"item" sep:"none" placeholder:"ITEM" help:"Do only this item: #N is the N-th of the plan, anything else a pattern (*, ?, [abc]) for its path, its name, its text or its key. May be given several times."`
}

// globs are the patterns of the flags, with all their problems.
func (f *SelectFlags) globs() (g plan.Globs, wrong []problem.Problem) {
	for _, flag := range []struct {
		name     string
		patterns []string
	}{{"--include", f.Include}, {"--exclude", f.Exclude}} {
		for _, text := range flag.patterns {
			if err := plan.CheckGlob(text); err != nil {
				wrong = append(wrong, problem.Problem{Message: fmt.Sprintf("%s %s: %s", flag.name, terminal.Quote(text), err)})
			}
		}
	}
	return plan.Globs{Include: f.Include, Exclude: f.Exclude}, wrong
}

// filter are the flags of --include and --exclude as text; empty: all items are listed.
func (s *Spec) filter() string {
	var words []string
	for _, text := range s.Globs.Include {
		words = append(words, "--include "+terminal.Quote(text))
	}
	for _, text := range s.Globs.Exclude {
		words = append(words, "--exclude "+terminal.Quote(text))
	}
	return strings.Join(words, " ")
}

// selection is the choice by the flags, with all their problems.
func (f *SelectFlags) selection() (s plan.Selection, limit int, wrong []problem.Problem) {
	for _, text := range f.Item {
		pick, err := plan.ParsePick(text)
		if err != nil {
			wrong = append(wrong, problem.Problem{Source: "--item " + terminal.Quote(text), Message: err.Error()})
		}
		s.Picks = append(s.Picks, pick)
	}
	if f.Limit == nil {
		return s, 0, wrong
	}
	if *f.Limit < 1 {
		wrong = append(wrong, problem.Problem{Source: fmt.Sprintf("--limit %d", *f.Limit), Message: "must be a number of items, 1 or more"})
	}
	return s, *f.Limit, wrong
}

// selected are the flags of a selection as text; empty: all items are done.
func (s *Spec) selected() string {
	var words []string
	if s.Limit > 0 {
		words = append(words, fmt.Sprintf("--limit %d", s.Limit))
	}
	for _, pick := range s.Select.Picks {
		words = append(words, "--item "+terminal.Quote(pick.String()))
	}
	return strings.Join(words, " ")
}
