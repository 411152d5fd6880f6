package job

import (
	"fmt"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// checkSelection refuses numbers where nothing is listed.
func (e *execution) checkSelection() error {
	numbered := slices.IndexFunc(e.spec.Select.Picks, func(p plan.Pick) bool { return p.Number > 0 })
	if e.Flags.RetryFailed == "" || numbered < 0 {
		return nil
	}
	return exitcode.Usagef("--item %s: a number is a place in the plan, and --retry-failed does the failed items of an earlier run; hint: write the item's path, or a pattern for it",
		terminal.Quote(e.spec.Select.Picks[numbered].String()))
}

// choose takes the chosen items of a listing through the ledger: those of lists that the host does not make itself are picked here, and the
// first of all that are left.
func (e *execution) choose(place *Place, all items) items {
	var selected *plan.Selected
	if e.picker != nil && !all.picked {
		selected = plan.Select(all.Source, e.picker, place.shard(), place.show)
		all.Source, all.picked = selected, true
	}
	all = e.filter(all, place.show)
	if selected != nil {
		all.Source, all.figures = selected.Chosen(all.Source), e.ofSelected(all.figures, selected)
	}
	all = place.shared(all)
	if n := e.spec.Limit; n > 0 {
		e.limited = plan.Limit(all.Source, n)
		all.Source, all.figures = e.limited, ofLimited(all.figures, e.limited)
	}
	return all
}

// ofSelected are the figures of a listing that items are picked from.
func (e *execution) ofSelected(listing func() run.Figures, s *plan.Selected) func() run.Figures {
	return func() run.Figures {
		taken, all := s.Taken()
		f := run.Figures{TotalKnown: all, RemainingKnown: all, Unlisted: listing().Unlisted}
		// Of those that the ledger leaves out, the chosen ones are known at the end.
		if all && e.failed == nil && e.picked == nil {
			f.Skipped = max(int64(e.picker.Found())-taken, 0)
		}
		f.Total = taken + f.Skipped
		return f
	}
}

// ofLimited are the figures of a listing of which the first items are taken.
func ofLimited(listing func() run.Figures, l *plan.Limited) func() run.Figures {
	return func() run.Figures {
		f := listing()
		left := l.Left()
		if f.RemainingKnown {
			left = min(left, int64(f.Remaining))
		}
		f.Remaining, f.RemainingKnown = int(left), true
		f.Total, f.TotalKnown = f.Skipped+l.Taken()+left, true
		return f
	}
}

// unmatched is the error about picks that no item matches; nil: all do.
func unmatched(picker *plan.Picker, done bool) error {
	if picker == nil {
		return nil
	}
	missing, near := picker.Missing()
	var wrong []problem.Problem
	for _, pick := range missing {
		p := problem.Problem{Source: "--item " + terminal.Quote(pick.String()), Message: "no item matches", Suggestion: problem.Near(pick.Pattern, near)}
		if pick.Number > 0 {
			p.Message = "the plan has " + count.Of(picker.Seen(), "item")
		}
		wrong = append(wrong, p)
	}
	err := problem.Err(wrong)
	if done {
		err = exitcode.With(exitcode.Partial, err)
	}
	return err
}

// tellLimit says that a run of the first items has left others.
func (e *execution) tellLimit(s progress.Summary) {
	if e.limited != nil && e.limited.Left() == 0 {
		e.Log.Info(fmt.Sprintf("--limit %d: %s taken, and what comes after is left", e.spec.Limit, count.Of(s.Done+s.Failed, "item was", "items were")))
	}
}
