package job

import (
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// tellNothing says that a run had nothing to do, why, and what to check. counters are those of the host's own listing; nil: there was none.
func (e *execution) tellNothing(s progress.Summary, counters *plan.Counters) {
	why, hint := e.nothing(s, counters)
	text := "there was nothing to do: " + why + problem.Hint(hint)
	if s.Skipped > 0 {
		e.Log.Info(text)
		return
	}
	e.Log.Warn(text)
}

// nothing is why a run had nothing to do, and what to check; that may be empty.
func (e *execution) nothing(s progress.Summary, counters *plan.Counters) (why, hint string) {
	switch {
	case e.picker != nil && e.picker.Found() > 0:
		if e.spec.hasPdb() {
			hint = "kagurazaka debug does one item again"
		}
		return "what --item names is finished", hint
	case s.Skipped > 0:
		return e.allFinished(s.Skipped)
	case e.sieve.Dropped() > 0:
		return e.spec.filter() + " leaves no item", "each pattern must match all of an item's path, of its path below the input folder, or of its name"
	case e.failed != nil || e.picked != nil:
		return "the earlier run has no failed items", ""
	case e.template == nil || e.template.Input == nil || counters == nil:
		return e.spec.Task.Name + " listed no items", "check its arguments, and what its own list of items reads"
	}
	return emptyListing(e.template, counters)
}

// allFinished is why there was nothing to do where all items are finished.
func (e *execution) allFinished(items int64) (why, hint string) {
	all := count.Of(items, "item is finished", "items are finished")
	if items > 1 {
		all = "all " + all
	}
	switch {
	case e.outputs && e.template.OutputPath != "":
		return all + ": the outputs exist in " + e.template.OutputPath,
			"an output that is removed is made again; finish_check_mode.redo does items again whose inputs or code have changed"
	case e.earlier != nil && e.earlier.how == ledger.Resume && !e.spec.Task.Has("is_executed"):
		return all + ": the run " + e.earlier.run.Info.ID + " did them", "without --resume they are done again"
	default:
		return all, "the task's own check says so"
	}
}

// emptyListing is why a template listed nothing for this run.
func emptyListing(t *template.Template, c *plan.Counters) (why, hint string) {
	from := t.InputsFrom()
	if listed := c.Listed.Load(); listed > 0 {
		return "the " + count.Of(listed, "item in "+from+" is in another shard", "items in "+from+" are in other shards"), "a shard of few items may be empty"
	}
	what, field := looksFor(t.Input)
	why, hint = fmt.Sprintf("%s has no %s", from, what), "check "+from
	if field != "" {
		hint += " and input_mode." + field
	}
	for _, left := range []struct {
		n         uint64
		one, many string
	}{
		{c.Incomplete.Load(), "group of files lacks one that it needs", "groups of files lack one that they need"},
		{c.Outputs.Load(), "file there is an output of another item", "files there are outputs of other items"},
		{c.Special.Load(), "entry there is a named pipe, a socket or a device", "entries there are named pipes, sockets or devices"},
	} {
		if left.n > 0 {
			why += "; " + count.Of(left.n, left.one, left.many)
		}
	}
	if t.Input.Filter != nil && filters(t.Input.Filter) {
		hint += ", and its ignore, recursive, min_size, max_size and newer_than"
	}
	return why, hint
}

// filters reports whether a filter leaves out anything.
func filters(f *template.Filter) bool { return f.Flat || len(f.Ignore) > 0 || f.Examines() }

// looksFor says what an input mode lists, and which of its fields chooses that; empty: none does.
func looksFor(in *template.Input) (what, field string) {
	switch in.Kind {
	case template.ByExts:
		if len(in.Exts) == 0 {
			return "files", ""
		}
		return "files that end in " + oneOf(in.Exts), "exts"
	case template.ByGlob:
		return "files or folders that match " + in.Glob, "glob_pattern"
	case template.BySubDirectory:
		return fmt.Sprintf("folders at the depth %d", in.Level), "sub_directory_level"
	case template.ByGroup:
		return "files that end in " + oneOf(in.Exts), "files"
	case template.ByFolder:
		var names []string
		for _, m := range in.Members {
			names = append(names, m.Name)
		}
		return "folders with " + strings.Join(names, ", "), "file_to_read"
	case template.ByTar:
		return "archives that match " + in.Glob + " with samples in them", "glob"
	case template.Merged:
		return "items of its " + count.Of(len(in.Modes), "mode"), "modes"
	}
	return "lines with items", ""
}

// oneOf is a list with or before the last.
func oneOf(words []string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}
