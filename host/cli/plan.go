package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plan"
)

// plan is `plan PLUGIN TASK …`: it says what a run with the same flags would do, and starts no worker.
func (a *app) plan(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	r, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	if !r.native() || !r.template.HasInput() {
		return usage("%s lists its items itself, so only a run can tell what there is to do: its template has no input_mode that the host knows", r.task.Name)
	}
	summary, err := plan.Summarise(ctx, r.template, a.grammar.Plan.First)
	if err != nil {
		return inputExit(err)
	}
	if a.grammar.Plan.JSON {
		err = planJSON(a.streams.Out, summary)
	} else {
		for _, w := range summary.Warnings {
			a.log.Warn(w.Message, "path", w.Path, "error", w.Err)
		}
		err = planText(a.streams.Out, summary)
	}
	if err == nil && summary.Unlisted > 0 {
		err = exitcode.With(exitcode.Partial, fmt.Errorf("%d folders could not be listed", summary.Unlisted))
	}
	return err
}

type planOutput struct {
	Items    uint64            `json:"items"`
	Done     uint64            `json:"done"`
	ToDo     uint64            `json:"to_do"`
	Shards   []planShard       `json:"shards,omitempty"`
	First    []json.RawMessage `json:"first"`
	Unlisted uint64            `json:"unlisted"`
	Warnings []string          `json:"warnings,omitempty"`
}

type planShard struct {
	Shard int    `json:"shard"`
	Done  uint64 `json:"done"`
	ToDo  uint64 `json:"to_do"`
}

func planJSON(w io.Writer, s plan.Summary) error {
	out := planOutput{Items: s.InShard, Done: s.Done, ToDo: s.ToDo, First: s.First, Unlisted: s.Unlisted}
	if out.First == nil {
		out.First = []json.RawMessage{}
	}
	for i, shard := range s.Shards {
		out.Shards = append(out.Shards, planShard{i, shard.Done, shard.ToDo})
	}
	for _, warning := range s.Warnings {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%s: %s", warning.Path, warning.Message))
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
	p.line("%d items: %d to do, %d done", s.InShard, s.ToDo, s.Done)
	for i, shard := range s.Shards {
		p.line("  shard %d: %d to do, %d done", i, shard.ToDo, shard.Done)
	}
	if len(s.First) > 0 {
		p.line("the first to do:")
	}
	for _, item := range s.First {
		p.line("  %s", item)
	}
	if n := s.ToDo - uint64(len(s.First)); n > 0 && len(s.First) > 0 {
		p.line("  … and %d more", n)
	}
	return p.err
}

// printer writes lines and remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
