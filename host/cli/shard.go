package cli

import (
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// shownParts is how many parts, and how many commands, are printed.
const shownParts = 10

// shard is `shard PLUGIN TASK …`: it divides the items of a run into manifests.
func (a *app) shard(ctx context.Context) error {
	if f := &a.grammar.Shard; !a.grammar.Help && (f.Layout == "hard" || f.Undo) {
		return a.shardHard(ctx)
	}
	if err := a.refuse("shard divides what is listed", "resume", "retry-failed"); err != nil && !a.grammar.Help {
		return err
	}
	a.program.Warm = &job.Warm{Log: a.log}
	defer a.program.Warm.Close()
	s, spec, err := a.openResolved(ctx)
	if err != nil {
		return err
	}
	f := &a.grammar.Shard
	division, summary, err := s.Divide(ctx, spec, job.DivideOptions{Parts: f.Shards, By: f.By, From: f.From, Dir: f.Out, ToDo: f.State == "todo", Replace: f.Force})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	words := a.program.Flags.Public(a.line.RunWords("shard", "manifest", "files-from", "null", "item", "limit", "include", "exclude", "run-dir", "resume", "retry-failed"))
	if f.JSON {
		err = a.shardJSON(&division, words)
	} else {
		err = a.shardText(&division, words)
	}
	if err == nil && summary.Unlisted > 0 {
		err = exitcode.With(exitcode.Partial, run.Unlisted(summary.Unlisted))
	}
	return err
}

// check returns the problems of the flags for manifests.
func (f *shardCmd) check() []problem.Problem {
	wrong := f.wrongParts()
	if f.Out == "" {
		wrong = append(wrong, problem.Problem{Source: "--out", Message: "is missing", Suggestion: "--out DIR is the folder for the manifests"})
	}
	if len(f.From) > 0 && f.By != job.ByTime {
		wrong = append(wrong, problem.Problem{Source: "--from", Message: "it is for --by time alone", Suggestion: "leave it out, or write --by time"})
	}
	return wrong
}

func (f *shardCmd) wrongParts() []problem.Problem {
	if f.Shards < 1 || f.Shards > job.MaxShards {
		return []problem.Problem{{Source: "--shards", Message: fmt.Sprintf("must say how many parts to make, from 1 to %d", job.MaxShards), Suggestion: "write for example --shards 8"}}
	}
	return nil
}

func (a *app) shardJSON(d *job.Division, words []string) error {
	out := struct {
		*job.Division
		Commands []string `json:"commands"`
	}{Division: d}
	for _, part := range d.Parts {
		out.Commands = append(out.Commands, d.Command(words, part))
	}
	return printJSON(a.out.JSON(), out)
}

func (a *app) shardText(d *job.Division, words []string) error {
	p := &printer{w: a.streams.Out}
	p.line("%s in %s by %s: %s", count.Of(d.Items, "item"), count.Of(len(d.Parts), "part"), d.By, d.Evenness())
	if d.Unknown > 0 {
		p.line("  %s: they count as the mean of the others", count.Of(d.Unknown, "item has no "+d.Unit+" that are known", "items have no "+d.Unit+" that are known"))
	}
	shown := min(len(d.Parts), shownParts)
	more := ""
	if n := len(d.Parts) - shown; n > 0 {
		more = fmt.Sprintf("  … and %d more", n)
	}
	for _, part := range d.Parts[:shown] {
		p.line("  %s: %s", part.Path(), d.Amount(part))
	}
	if more != "" {
		p.line("%s", more)
	}
	p.line("each part is a run of its own:")
	for _, part := range d.Parts[:shown] {
		p.line("  %s", block(d.Command(words, part)))
	}
	if more != "" {
		p.line("%s, each with its own file", more)
	}
	return p.err
}
