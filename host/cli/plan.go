package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/job"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// plan is `plan PLUGIN TASK …`: it says what a run with the same flags would do, and starts no worker.
func (a *app) plan(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if a.grammar.Help {
		return s.taskHelp(ctx)
	}
	spec, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	names := unfinished{printer: printer{w: a.streams.Out}, wanted: a.grammar.Plan.Unfinished, json: a.grammar.Plan.JSON}
	summary, listErr := s.Plan(ctx, spec, a.grammar.Plan.First, names.take)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var input *template.InputError
	if listErr != nil && (!errors.As(listErr, &input) || summary.Listed == 0) {
		job.Warn(a.log, summary.Warnings, int(summary.WarningCount))
		return listErr
	}
	if a.grammar.Plan.JSON {
		err = planJSON(a.out.JSON(), summary, names.paths)
	} else {
		job.Warn(a.log, summary.Warnings, int(summary.WarningCount))
		if err = names.err; !names.wanted {
			err = planText(a.streams.Out, summary)
		}
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

// unfinished takes the paths of unfinished outputs where they are wanted: it prints them, or keeps them for JSON.
type unfinished struct {
	printer
	wanted, json bool
	paths        []string
}

func (u *unfinished) take(path string) {
	switch {
	case u.wanted && u.json:
		u.paths = append(u.paths, path)
	case u.wanted:
		u.line("%s", path)
	}
}

type planOutput struct {
	Items uint64 `json:"items"`
	Done  uint64 `json:"done"`
	ToDo  uint64 `json:"to_do"`
	Open  uint64 `json:"open,omitempty"`
	// Unfinished are those to do whose output exists, UnfinishedOutputs their paths, with --unfinished alone.
	Unfinished        uint64            `json:"unfinished,omitempty"`
	UnfinishedOutputs []string          `json:"unfinished_outputs,omitempty"`
	Shards            []planShard       `json:"shards,omitempty"`
	First             []json.RawMessage `json:"first"`
	Unlisted          uint64            `json:"unlisted"`
	Refused           uint64            `json:"refused,omitempty"`
	Refusals          []string          `json:"refusals,omitempty"`
	Repeated          uint64            `json:"repeated,omitempty"`
	Outputs           uint64            `json:"outputs_left_out,omitempty"`
	Special           uint64            `json:"special_left_out,omitempty"`
	Warnings          []string          `json:"warnings,omitempty"`
}

type planShard struct {
	Shard   int    `json:"shard"`
	Done    uint64 `json:"done"`
	ToDo    uint64 `json:"to_do"`
	Refused uint64 `json:"refused,omitempty"`
}

func planJSON(w io.Writer, s plan.Summary, unfinished []string) error {
	out := planOutput{
		Items: s.InShard, Done: s.Done, ToDo: s.ToDo, Open: s.Open, First: []json.RawMessage{}, Unlisted: s.Unlisted,
		Unfinished: s.Unfinished, UnfinishedOutputs: unfinished,
		Refused: s.Refused, Refusals: s.Refusals, Repeated: s.Repeated, Outputs: s.Outputs, Special: s.Special,
	}
	for _, item := range s.First {
		out.First = append(out.First, terminal.JSON(item))
	}
	for i, shard := range s.Shards {
		out.Shards = append(out.Shards, planShard{i, shard.Done, shard.ToDo, shard.Refused})
	}
	for _, warning := range s.Warnings {
		warning.Err = nil
		out.Warnings = append(out.Warnings, warning.String())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

func planText(w io.Writer, s plan.Summary) error {
	p := &printer{w: w}
	p.line("%s: %d to do, %d done%s%s", count.Of(s.InShard, "item"), s.ToDo, s.Done, otherText(s.Refused, "refused"), otherText(s.Open, "in the hands of another run"))
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
	return p.err
}

// otherText names items that are neither to do nor done; empty: there are none.
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

// line prints one line: a text that is put into it is a part of that line, unless it is a block.
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
