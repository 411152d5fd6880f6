package job

import (
	"errors"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/shard"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// timing knows how long items took in earlier runs.
type timing struct {
	runs []timedRun
	// last is the result of the item before, and of which run; -1: it has none.
	last ledger.Result
	of   int
}

type timedRun struct {
	results *ledger.Results
	join    *ledger.Join
}

// openTiming opens the ledgers of runs of the spec's task.
func (s *Session) openTiming(spec *Spec, words []string) (_ *timing, err error) {
	if len(words) == 0 {
		return nil, exitcode.Usagef("--by time: it needs --from RUN, the run that measured how long the items take; hint: kagurazaka runs lists them")
	}
	t := &timing{of: -1}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	for _, word := range words {
		if err := t.open(spec, word); err != nil {
			return nil, exitcode.Usagef("--from %s: %w", terminal.Quote(word), err)
		}
	}
	return t, nil
}

func (t *timing) open(spec *Spec, word string) error {
	run, err := findNamed(word)
	switch {
	case err != nil:
		return err
	case run.Info.Task != spec.Task.Name || run.Info.Plugin.Name != spec.Plugin.Name:
		return errors.New("the run is of another task, " + run.Info.Task + " of " + run.Info.Plugin.Name)
	}
	results, err := ledger.OpenResults(run.Dir)
	if err != nil {
		return err
	}
	opened := timedRun{results: results}
	if results.Items() > 0 {
		if opened.join, err = ledger.NewJoin(results); err != nil {
			results.Close()
			return err
		}
	}
	t.runs = append(t.runs, opened)
	if opened.join == nil {
		return errors.New("the run's ledger does not say which items it had, so their times cannot be found; hint: it was written by an earlier version, or the run did no item: name one that did the work")
	}
	return nil
}

// weigh adds the seconds of the next item, as a worker gets it. Items that were measured together stay together: only the sum of their
// times is known.
func (t *timing) weigh(to *shard.Weights, line []byte) error {
	key := itemkey.Of(line)
	for n, run := range t.runs {
		r, ok, err := run.join.Of(key)
		if err != nil {
			return err
		}
		if !ok || !r.Timed {
			continue
		}
		l := &t.last
		if t.of == n && r.Mean && l.Mean && r.Time == l.Time && r.Number == l.Number+1 {
			to.AddJoined(r.Time.Seconds())
		} else {
			to.Add(r.Time.Seconds())
		}
		t.last, t.of = r, n
		return nil
	}
	t.of = -1
	to.AddUnknown()
	return nil
}

func (t *timing) close() {
	for _, run := range t.runs {
		if run.join != nil {
			run.join.Close()
		}
		run.results.Close()
	}
	t.runs = nil
}
