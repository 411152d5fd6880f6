package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

func (f *planFlags) check() []problem.Problem {
	if f.First < 0 {
		return []problem.Problem{{Source: fmt.Sprintf("--first %d", f.First), Message: "must be a number of items, 0 or more"}}
	}
	return nil
}

// plan is `plan PLUGIN TASK …`: it says what a run with the same flags would do, and starts no worker.
func (a *app) plan(ctx context.Context) error {
	s, spec, err := a.openResolved(ctx)
	if err != nil {
		return err
	}
	return a.printPlan(ctx, s, spec, &a.grammar.Plan.planFlags)
}

// printPlan prints what a run would do.
func (a *app) printPlan(ctx context.Context, s *session, spec *job.Spec, f *planFlags) (err error) {
	if given := a.line.Given("resume", "retry-failed"); len(given) > 0 {
		a.log.Warn("a plan knows no earlier run: items that " + given[0] + " leaves out count as to do")
	}
	p := &printer{w: a.streams.Out}
	var unfinished []string
	summary, listErr := s.Plan(ctx, spec, f.First, func(path string) {
		switch {
		case f.Unfinished && f.JSON:
			unfinished = append(unfinished, path)
		case f.Unfinished:
			p.line("%s", path)
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var input *template.InputError
	if listErr != nil && (!errors.As(listErr, &input) || summary.Listed == 0) {
		job.Warn(a.log, summary.Warnings, int(summary.WarningCount))
		return listErr
	}
	if f.JSON {
		err = planJSON(a.out.JSON(), summary, unfinished)
	} else {
		job.Warn(a.log, summary.Warnings, int(summary.WarningCount))
		if !f.Unfinished {
			planText(p, summary)
		}
		err = p.err
	}
	switch {
	case err != nil:
		return err
	case listErr != nil:
		return listErr
	case summary.Refused > 0:
		return exitcode.With(exitcode.Partial, errors.New(count.Of(summary.Refused, "item would fail before it is begun", "items would fail before they are begun")))
	case summary.Unlisted > 0:
		return exitcode.With(exitcode.Partial, run.Unlisted(summary.Unlisted))
	}
	return nil
}

// planOutput is a plan as JSON. UnfinishedOutputs are for --unfinished alone.
type planOutput struct {
	plan.Summary
	UnfinishedOutputs []string    `json:"unfinished_outputs,omitempty"`
	Shards            []planShard `json:"shards,omitempty"`
	Warnings          []string    `json:"warnings,omitempty"`
}

type planShard struct {
	Shard int `json:"shard"`
	plan.ShardCount
}

func planJSON(w io.Writer, s plan.Summary, unfinished []string) error {
	out := planOutput{Summary: s, UnfinishedOutputs: unfinished}
	out.First = make([]json.RawMessage, len(s.First))
	for i, item := range s.First {
		out.First[i] = terminal.JSON(item)
	}
	for i, shard := range s.Shards {
		out.Shards = append(out.Shards, planShard{i, shard})
	}
	for _, warning := range s.Warnings {
		out.Warnings = append(out.Warnings, warning.String())
	}
	return printJSON(w, out)
}

func planText(p *printer, s plan.Summary) {
	of := ""
	if s.Unpicked > 0 {
		of = fmt.Sprintf(" of %d", s.InShard+s.Unpicked)
	}
	p.line("%s%s: %d to do, %d done%s%s", count.Of(s.InShard, "item"), of, s.ToDo, s.Done, otherText(s.Refused, "refused"), otherText(s.Open, "in the hands of another run"))
	if s.Filtered > 0 {
		p.line("  %s left out by --include and --exclude", count.Of(s.Filtered, "item is", "items are"))
	}
	if s.Outdated > 0 {
		p.line("  %s", count.Of(s.Outdated, "output is to do again by redo: its input is newer, or it was made by other code or with other arguments", "outputs are to do again by redo: their inputs are newer, or they were made by other code or with other arguments"))
	}
	if s.Unfinished > 0 {
		p.line("  %s, and to do again: --unfinished lists them", count.Of(s.Unfinished, "output is unfinished", "outputs are unfinished"))
	}
	for i, shard := range s.Shards {
		p.line("  shard %d: %d to do, %d done%s", i, shard.ToDo, shard.Done, otherText(shard.Refused, "refused"))
	}
	for _, why := range s.Refusals {
		p.line("  refused: %s", why)
	}
	if n := s.Refused - uint64(len(s.Refusals)); n > 0 && len(s.Refusals) > 0 {
		p.line("  … and %d more", n)
	}
	if len(s.First) > 0 {
		p.line("the first to do:")
	}
	for _, item := range s.First {
		p.line("  %s", string(item))
	}
	if n := s.ToDo - uint64(len(s.First)); n > 0 && len(s.First) > 0 {
		p.line("  … and %d more", n)
	}
}

// otherText counts items that are neither to do nor done; empty: none are.
func otherText(n uint64, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d %s", n, what)
}

// printer writes lines and remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

// block is text that may go over several lines, each but the first indented; see terminal.Block.
type block string

// maxWord is how much of a text is printed in a line.
const maxWord = 4000

// line prints one line. A text argument stays in that line unless it is a block.
func (p *printer) line(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = terminal.Line(text, maxWord)
		}
	}
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
