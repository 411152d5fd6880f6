package cli

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// show is `show RUN [--json] [--failed N]`.
func (a *app) show() error {
	word := a.line.TakeWord()
	if word == "" {
		return exitcode.Usagef("RUN is missing; hint: give its id or the beginning of it, last, or its folder; kagurazaka runs lists them")
	}
	if !a.line.Empty() {
		return a.line.Unexpected("show takes one run")
	}
	return a.showRun(word)
}

func (a *app) showRun(word string) error {
	root, err := ledger.Root()
	if err != nil && !ledger.IsRun(word) {
		return err
	}
	r, err := ledger.Find(root, word)
	if damaged := new(ledger.DamagedError); err != nil && !errors.As(err, &damaged) {
		return exitcode.With(exitcode.Usage, err)
	}
	out, err := runOutputOf(r)
	s, stateErr := ledger.ReadState(r.Dir, false)
	if stateErr != nil {
		s = &ledger.State{Listed: -1}
	}
	out.Unread = errors.Join(r.Err, cmp.Or(stateErr, err))
	most := a.grammar.Show.Failed
	failed := 0
	out.FailedLost, err = ledger.FailedItems(r.Dir, s, func(f *ledger.FailedItem) error {
		failed++
		if most < 0 || failed <= most {
			out.FailedItems = append(out.FailedItems, *f)
		}
		return nil
	})
	out.Unread = errors.Join(out.Unread, err)
	if out.Unread != nil {
		a.log.Warn("not all of the run can be read: what can is shown", "error", out.Unread)
	}
	if a.grammar.Show.JSON {
		for i := range out.FailedItems {
			out.FailedItems[i].Item = terminal.JSON(out.FailedItems[i].Item)
		}
		return printJSON(a.out.JSON(), out)
	}
	p := &printer{w: a.streams.Out}
	out.text(p, s)
	failedText(p, out.FailedItems, failed)
	if n := out.FailedLost; n > 0 {
		p.line("  failed.jsonl lacks %s", count.Of(n, "more failed item"))
	}
	return p.err
}

func (r runOutput) text(p *printer, s *ledger.State) {
	p.line("run %s: %s", r.ID, r.State)
	if r.Task != "" {
		p.line("  task      %s of %s", r.Task, describePlugin(r.Plugin))
	}
	if r.Command != "" {
		p.line("  command   %s", r.Command)
		p.line("  in        %s", r.Folder)
	}
	if r.Host != "" {
		p.line("  on        %s, process %d, kagurazaka %s", r.Host, r.PID, r.Version)
	}
	if !r.Began.IsZero() {
		p.line("  began     %s", r.Began.Local().Format(time.DateTime))
	}
	if r.End != nil {
		p.line("  ended     %s, exit code %d", r.End.Time.Local().Format(time.DateTime), r.End.Exit)
	}
	if r.Parent != nil {
		p.line("  takes up  %s (--%s)", r.Parent.ID, r.Parent.How)
	}
	const shown = 16
	for i, placed := range r.Placement[:min(len(r.Placement), shown)] {
		p.line("  %-9s %s", [2]string{"workers"}[min(i, 1)], placed)
	}
	if more := len(r.Placement) - shown; more > 0 {
		p.line("            … and %d more: --json shows all", more)
	}
	for i, n := range r.Nodes[:min(len(r.Nodes), shown)] {
		p.line("  %-9s %s", [2]string{"nodes"}[min(i, 1)], n)
	}
	if more := len(r.Nodes) - shown; more > 0 {
		p.line("            … and %d more: --json shows all", more)
	}
	if r.End == nil && len(r.Nodes) > 0 {
		p.line("            as of %s; items as of now", r.NodesAt.Local().Format(time.TimeOnly))
	}
	p.line("  items     done %d, skipped %d, failed %d", r.Counts.Done, r.Counts.Skipped, r.Counts.Failed)
	if n := s.Resumed.Items(); n > 0 {
		p.line("            %s done by the run before", count.Of(n, "of those skipped was", "of those skipped were"))
	}
	p.line("  ledger    %s", r.Dir)
	if s.Cut > 0 {
		p.line("            its last %s", count.Of(s.Cut, "byte was not written whole and does not count", "bytes were not written whole and do not count"))
	}
	if r.End != nil && r.End.Incomplete != "" {
		p.line("            it is not complete: %s", r.End.Incomplete)
	}
	if r.End != nil && r.End.Message != "" {
		p.line("  message   %s", block(terminal.Block(r.End.Message, "            ", maxWord)))
	}
}

func describePlugin(p ledger.Plugin) string {
	text := p.Name
	if p.Version != "" {
		text += " " + p.Version
	}
	text += " (" + p.Path
	if p.SHA256 != "" {
		text += ", sha256 " + p.SHA256[:min(12, len(p.SHA256))] + "…"
	}
	return text + ")"
}

func failedText(p *printer, items []ledger.FailedItem, all int) {
	if all == 0 {
		return
	}
	p.line("failed items:")
	for _, f := range items {
		times := ""
		if f.Attempts > 1 {
			times = fmt.Sprintf(", %s", count.Of(f.Attempts, "attempt"))
		}
		p.line("  %d (%s%s) %s", f.Number, f.Kind, times, f.Text())
		p.line("      %s", block(terminal.Block(f.Message, "      ", maxWord)))
	}
	if more := all - len(items); more > 0 {
		p.line("  … and %d more: --failed -1 shows all, and failed.jsonl in the run's folder has them with tracebacks", more)
	}
}
