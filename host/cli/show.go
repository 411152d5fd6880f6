package cli

import (
	"cmp"
	"errors"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// show is `show RUN [--traceback|--all|--failed N] [--json]`.
func (a *app) show() error {
	word := a.line.TakeWord()
	if word == "" {
		return exitcode.Usagef("RUN: is missing; hint: give its id or the beginning of it, last, or its folder; kagurazaka runs lists them")
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
		return exitcode.Usagef("%s: %w", terminal.Quote(word), err)
	}
	out, err := runOutputOf(r)
	s, stateErr := ledger.ReadState(r.Dir, false)
	if stateErr != nil {
		s = &ledger.State{Listed: -1}
	}
	out.Unread = errors.Join(r.Err, cmp.Or(stateErr, err))
	p := &printer{w: a.streams.Out}
	if a.grammar.Show.JSON {
		p.err = a.showJSON(&out, s)
	} else {
		out.text(p, s)
		out.FailedLost, err = a.grammar.Show.failed(p, r.Dir, s)
		out.Unread = errors.Join(out.Unread, err)
	}
	if out.Unread != nil {
		a.log.Warn("not all of the run can be read: what can is shown", "error", out.Unread)
	}
	if n := out.FailedLost; n > 0 && !a.grammar.Show.JSON {
		p.line("  failed.jsonl lacks %s", count.Of(n, "more failed item"))
	}
	return p.err
}

// shownInJSON is how many failed items JSON has unless --failed says it.
const shownInJSON = 10

func (a *app) showJSON(out *runOutput, s *ledger.State) (err error) {
	most := shownInJSON
	if n := a.grammar.Show.Failed; n != nil {
		most = *n
	}
	if a.grammar.Show.All {
		most = -1
	}
	var groups progress.Groups
	out.FailedLost, err = ledger.FailedItems(out.Dir, s, func(f *ledger.FailedItem) error {
		groups.Add(failureOf(f))
		if most < 0 || len(out.FailedItems) < most {
			f.Item = terminal.JSON(f.Item)
			out.FailedItems = append(out.FailedItems, *f)
		}
		return nil
	})
	out.Unread = errors.Join(out.Unread, err)
	for _, g := range groups.Sorted() {
		out.FailedGroups = append(out.FailedGroups, g.JSON())
	}
	return printJSON(a.out.JSON(), out)
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
		p.line("  on        %s, process %d, kagurazaka %s", r.Host, r.PID, r.Build)
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
