package job

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/backbones"
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
		selected = plan.Select(all.Source, e.picker, place.shard(), place.sifted, place.show)
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

// tellLimit says that a run of the first items may have left others.
func (e *execution) tellLimit(s progress.Summary) {
	switch {
	case e.limited == nil || e.limited.Left() > 0:
	case e.Flags.Once && e.picker.Found() > 1:
		e.Log.Info("--item matches more items than one: this was the first of them")
	case !e.Flags.Once:
		e.Log.Info(fmt.Sprintf("--limit %d: %s taken; the rest was left out", e.spec.Limit, count.Of(s.Done+s.Failed, "item was", "items were")))
	}
}

// record keeps outcomes in the ledger, and remembers the first failed item.
func (e *execution) record(o backbones.Outcomes) {
	if e.firstFailed == nil && len(o.Failed) > 0 {
		e.firstFailed = &o.Failed[0]
	}
	if e.ledger != nil {
		e.ledger.Record(o)
	}
	e.gate.conclude(o)
}

// alikeHint is what to write about a run whose first items all fail in the same way.
func (e *execution) alikeHint() string {
	if given := e.spec.MaxFailures; given != "" {
		return fmt.Sprintf("%s %s ends the run later; Ctrl-C ends it now", e.MaxFailuresFlag, given)
	}
	return fmt.Sprintf("Ctrl-C ends the run; with %s 100 it ends by itself", e.MaxFailuresFlag)
}

// longItem is the length from which an item's text is too long for a command line that somebody reads.
const longItem = 120

// nameFailed is the ITEM that chooses a failed item and no other; empty: there is no short one.
func (e *execution) nameFailed(f *backbones.FailedItem) string {
	if path := plan.PathOf(f.Item); path != "" && utf8.ValidString(path) {
		return plan.EscapePattern(path)
	}
	if f.Item != "" && len(f.Item) <= longItem && !strings.ContainsAny(f.Item, "\n*?[") && utf8.ValidString(f.Item) {
		return f.Item
	}
	// Items of a listing that leaves out what is finished or not chosen have other numbers than in the plan. Those of a list that is
	// sifted keep their places in it.
	if e.failed == nil && !e.outputs && (e.sieve == nil || e.spec.native(e.template) && e.template.Input != nil) && (e.picker == nil || !e.spec.native(e.template)) {
		return fmt.Sprintf("#%d", f.Number+1)
	}
	return ""
}

// debugHint is what to type to look for the fault of the first failed item; empty: nothing.
func (e *execution) debugHint() string {
	if e.firstFailed == nil || e.spec.Debug != "" || e.spec.Idle || e.Bare == nil {
		return ""
	}
	item := e.nameFailed(e.firstFailed)
	if item == "" {
		return ""
	}
	if e.spec.hasPdb() {
		return terminal.Command(append([]string{"debug", e.ItemFlag, item}, e.Bare...)) + " runs the first of them in a debugger"
	}
	return terminal.Command(append([]string{"--kg-debug", e.ItemFlag, item}, e.Bare...)) + " shows the first of them"
}
