package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// failureOf is a line of failed.jsonl as a run shows it.
func failureOf(f *ledger.FailedItem) progress.Failure {
	text := f.Text()
	key, _ := f.Key.MarshalText()
	return progress.Failure{
		Item: text, Key: string(key), Kind: f.Kind, Path: plan.PathOf(text), ErrorType: f.ErrorType, Message: f.Message, Traceback: f.Traceback,
		Worker: string(f.Worker), Attempts: f.Attempts,
	}
}

// failed shows the failed items of a run: groups of them, or each. lost is how many failed.jsonl lacks.
func (c *showCmd) failed(p *printer, dir string, s *ledger.State) (lost int64, err error) {
	if c.All {
		begun := false
		return ledger.FailedItems(dir, s, func(f *ledger.FailedItem) error {
			if !begun {
				begun = true
				p.line("failed items:")
			}
			shown := failureOf(f)
			p.line("  %s", shown.Name()+": "+shown.Line())
			return p.err
		})
	}
	var groups progress.Groups
	lost, err = ledger.FailedItems(dir, s, func(f *ledger.FailedItem) error {
		groups.Add(failureOf(f))
		return nil
	})
	n := groups.Total()
	if n == 0 || p.err != nil {
		return lost, err
	}
	p.line("failed items, by what went wrong:")
	tracebacks := 0
	if c.Traceback {
		tracebacks = progress.MaxGroups
	}
	if p.err = progress.GroupsText(p.w, &groups, tracebacks, true); p.err != nil {
		return lost, err
	}
	if c.Failed == nil && !c.Traceback {
		p.line("  --traceback shows a traceback of each, --all lists every failed item")
	}
	if c.Failed == nil {
		return lost, err
	}
	p.line("failed items:")
	return lost, errors.Join(err, c.first(p, dir, s, n))
}

// first shows the first of all failed items with all that they say.
func (c *showCmd) first(p *printer, dir string, s *ledger.State, all int64) error {
	shown := int64(0)
	_, err := ledger.FailedItems(dir, s, func(f *ledger.FailedItem) error {
		if *c.Failed >= 0 && shown >= int64(*c.Failed) {
			return io.EOF
		}
		shown++
		times := ""
		if f.Attempts > 1 {
			times = fmt.Sprintf(", %s", count.Of(f.Attempts, "attempt"))
		}
		p.line("  %d (%s%s) %s", f.Number, f.Kind, times, f.Text())
		p.line("      %s", block(terminal.Block(f.Message, "      ", maxWord)))
		return p.err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if more := all - shown; more > 0 {
		p.line("  … and %d more: --all lists all, and failed.jsonl in the run's folder has them with tracebacks", more)
	}
	return err
}
