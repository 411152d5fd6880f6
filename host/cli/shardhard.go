package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/shard"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// shardHard is `shard --layout hard IN BASE`: it divides the files of a folder into folders of hard links, or takes those back.
func (a *app) shardHard(ctx context.Context) error {
	f := &a.grammar.Shard
	in, base, more := a.line.TakeWord(), a.line.TakeWord(), a.line.First()
	const form = "kagurazaka shard --layout hard IN BASE --shards N, or --undo in place of --shards N"
	switch {
	case f.Layout != "hard":
		return exitcode.Usagef("--undo: it is for --layout hard alone; hint: write %s", form)
	case in == "" || base == "" || more != "":
		return exitcode.Usagef("--layout hard: it takes two folders and no plugin; hint: write %s", form)
	}
	unused := slices.Concat([]string{"from", "out", "state", "force", "null", "resume", "retry-failed", "run-dir"}, choosing)
	if f.Undo {
		unused = append(unused, "shards", "name", "by")
	}
	if err := a.refuse("shard --layout hard divides the files of a folder", unused...); err != nil {
		return err
	}
	if f.Undo {
		return a.undoHard(ctx, in, base)
	}
	wrong := f.wrongParts()
	if f.By == job.ByTime {
		wrong = append(wrong, problem.Problem{Source: "--by time", Message: "it is for items of a run, and --layout hard divides files", Suggestion: "write --by index, hash or size"})
	}
	if err := problem.Err(wrong); err != nil {
		return err
	}
	d, err := job.LayOut(ctx, shard.Layout{In: in, Base: base, Name: f.Name, Parts: f.Shards}, f.By)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	if f.JSON {
		return printJSON(a.out.JSON(), d)
	}
	p := &printer{w: a.streams.Out}
	p.line("%s in %s by %s: %s", count.Of(d.Items, "file"), count.Of(len(d.Parts), "part"), d.By, d.Evenness())
	for _, part := range d.Parts[:min(len(d.Parts), shownParts)] {
		p.line("  %s: %s", part.Path(), d.Amount(part))
	}
	if n := len(d.Parts) - shownParts; n > 0 {
		p.line("  … and %d more", n)
	}
	p.line("the part I is read with --mixin hard_shard_mode=HardShardModeV1 hard_shard_mode.base_input_path=%s hard_shard_mode.input_name=%s hard_shard_mode.shard_idx=I, and its outputs go to hard_shard_mode.base_output_path and hard_shard_mode.output_name",
		terminal.Quote(base), terminal.Quote(f.Name))
	return p.err
}

// choosing are the flags that say what the items of a run are, and choose among them.
var choosing = []string{"input", "output", "include", "exclude", "manifest", "files-from", "shard", "item", "limit", "cfg", "mixin-cfg", "mixin"}

// refuse returns an error if the line has flags that the command has no use for. why says what the command does.
func (a *app) refuse(why string, names ...string) error {
	if given := a.line.Given(names...); len(given) > 0 {
		return exitcode.Usagef("%s: has no use here: %s; hint: leave it out", strings.Join(given, ", "), why)
	}
	return nil
}

func (a *app) undoHard(ctx context.Context, in, base string) error {
	u, err := shard.Undo(ctx, in, base)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	p := &printer{w: a.streams.Out}
	if a.grammar.Shard.JSON {
		p.err = printJSON(a.out.JSON(), u)
	} else {
		p.line("%s removed, %s", count.Of(u.Removed, "link"), count.Of(u.Returned, "file returned to "+in, "files returned to "+in))
	}
	if u.Kept > 0 && p.err == nil {
		return exitcode.With(exitcode.Partial, fmt.Errorf("%s: %s; hint: move one of both away and write --undo again",
			count.Of(u.Kept, "file stays, because there is another one in its place in "+in, "files stay, because there are others in their places in "+in), strings.Join(u.First, ", ")))
	}
	return p.err
}
