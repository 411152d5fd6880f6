package chaostest

import (
	"github.com/kagurazaka/kagurazaka/host/ledger"
)

// books are what the ledgers of all runs of a world say together.
type books struct {
	runs int
	// died is how many runs have no end.
	died int
	done int64
}

// audit reads the ledger of each run: what one holds is what its run counted, and no item has two outcomes.
func (w *world) audit() books {
	w.t.Helper()
	runs, err := ledger.List(w.path(".state", "kagurazaka", "runs"))
	w.check(err)
	b := books{runs: len(runs)}
	for _, run := range runs {
		if run.Err != nil {
			w.t.Errorf("a run cannot be read: %v", run.Err)
			continue
		}
		s, err := ledger.ReadState(run.Dir, true)
		if err != nil {
			w.t.Errorf("run %s: %v", run.Info.ID, err)
			continue
		}
		b.done += s.Done.Items()
		failed := int64(0)
		_, err = ledger.FailedItems(run.Dir, s, func(*ledger.FailedItem) error {
			failed++
			return nil
		})
		w.check(err)
		end := run.Info.End
		if end == nil {
			b.died++
			continue
		}
		if end.Incomplete != "" || s.Cut > 0 {
			w.t.Errorf("run %s: incomplete (%s), with %d bytes of no whole record", run.Info.ID, end.Incomplete, s.Cut)
		}
		// An item with two outcomes would be counted twice and kept once.
		if s.Done.Items() != end.Done || s.Failed.Items() != end.Failed || failed != end.Failed {
			w.t.Errorf("run %s kept %d done and %d failed, with reasons for %d, and counted %d and %d", run.Info.ID,
				s.Done.Items(), s.Failed.Items(), failed, end.Done, end.Failed)
		}
	}
	return b
}
