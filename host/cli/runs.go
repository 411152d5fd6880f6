package cli

import (
	"cmp"
	"encoding/json"
	"io"
	"text/tabwriter"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// runs is `runs [--json] [--prune N]`.
func (a *app) runs() error {
	if !a.line.Empty() {
		return a.line.Unexpected("kagurazaka show RUN prints one run")
	}
	root, err := ledger.Root()
	if err != nil {
		return err
	}
	f := &a.grammar.Runs
	if keep := f.Prune; keep != nil {
		if *keep < 0 {
			return exitcode.Usagef("--prune %d: must be the number of runs to keep, 0 or more", *keep)
		}
		removed, kept, err := ledger.Prune(root, *keep)
		if err != nil {
			return err
		}
		for _, why := range kept {
			a.log.Warn("a run was not removed", "reason", why)
		}
		a.log.Info("removed runs", "count", removed)
	}
	found, err := ledger.List(root)
	if err != nil {
		return err
	}
	all := make([]runOutput, 0, len(found))
	for _, r := range found {
		if r.Err != nil {
			a.log.Warn("a run cannot be read", "error", r.Err)
			continue
		}
		out, err := runOutputOf(r)
		if err != nil {
			a.log.Warn("a run cannot be read", "error", err)
		}
		all = append(all, out)
	}
	if f.JSON {
		return printJSON(a.out.JSON(), all)
	}
	if len(all) == 0 {
		a.log.Info("there is no run yet", "folder", root)
		return nil
	}
	return runsText(a.streams.Out, all)
}

// runOutput is one run as runs and show print it.
type runOutput struct {
	*ledger.Info
	Dir    string        `json:"dir"`
	State  ledger.Status `json:"state"`
	Counts ledger.Counts `json:"counts"`
	// FailedItems are for show alone.
	FailedItems []ledger.FailedItem `json:"failed_items,omitempty"`
	// FailedGroups are the failed items by what went wrong, for show alone.
	FailedGroups []progress.GroupJSON `json:"failed_groups,omitempty"`
	// FailedLost counts the failed items that are missing from failed.jsonl.
	FailedLost int64 `json:"failed_lost,omitempty"`
	// Unread is the reason why a part of the run cannot be read; nil: all can.
	Unread error `json:"-"`
}

// runOutputOf describes a run. It counts the items of a run without an end.
func runOutputOf(r ledger.Run) (runOutput, error) {
	out := runOutput{Info: r.Info, Dir: r.Dir, State: ledger.StatusOf(r.Dir, r.Info)}
	if r.Info.End != nil {
		out.Counts = r.Info.End.Counts
		return out, nil
	}
	s, err := ledger.ReadState(r.Dir, false)
	if err != nil {
		return out, err
	}
	out.Counts = ledger.Counts{
		Done: s.Done.Items(), Skipped: s.Skipped.Items() + s.Resumed.Items(), Failed: s.Failed.Items(),
	}
	return out, nil
}

// runCandidates are the newest runs, for a shell that completes.
func runCandidates() []candidate {
	const most = 50
	out := []candidate{{"last", "the newest run"}}
	root, err := ledger.Root()
	if err != nil {
		return out
	}
	runs, err := ledger.List(root)
	if err != nil {
		return out
	}
	for _, r := range runs[:min(len(runs), most)] {
		out = append(out, candidate{r.Info.ID, r.Info.Plugin.Name + " " + r.Info.Task})
	}
	return out
}

// maxName is how much of a name stands in a table.
const maxName = 200

func runsText(w io.Writer, runs []runOutput) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := &printer{w: t}
	p.line("RUN\tBEGAN\tTASK\tDONE\tSKIPPED\tFAILED\tSTATE")
	for _, r := range runs {
		p.line("%s\t%s\t%s %s\t%d\t%d\t%d\t%s", r.ID, r.Began.Local().Format(time.DateTime), terminal.Line(r.Plugin.Name, maxName), terminal.Line(r.Task, maxName),
			r.Counts.Done, r.Counts.Skipped, r.Counts.Failed, r.State)
	}
	return cmp.Or(p.err, t.Flush())
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
