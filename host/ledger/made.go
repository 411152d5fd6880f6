package ledger

import (
	"cmp"
	"slices"

	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Made knows what made the outputs of items, by the ledgers of the runs that did them.
type Made struct {
	// items are sorted by key, one for each.
	items  []maker
	starts []uint32
	shift  int
}

// maker is the newest run that did an item.
type maker struct {
	key itemkey.Key
	// run counts from the newest run; same: it has the fingerprint that is asked for.
	run  int32
	same bool
}

// ReadMade reads what was done by runs, which are given with the newest first. It takes 16 bytes for each item that any of them did.
func ReadMade(runs []Run, fingerprint string) (*Made, error) {
	m := &Made{}
	for i, run := range runs {
		if err := m.add(run, int32(i), run.Info.Fingerprint == fingerprint); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(m.items, func(a, b maker) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.run, b.run)) })
	m.items = slices.CompactFunc(m.items, func(a, b maker) bool { return a.key == b.key })
	m.starts, m.shift = bucketsOf(len(m.items), func(i int) itemkey.Key { return m.items[i].key })
	return m, nil
}

func (m *Made) add(run Run, number int32, same bool) error {
	r, err := OpenResults(run.Dir)
	if err != nil {
		return err
	}
	defer r.Close()
	for result, err := range r.All() {
		if err != nil {
			return err
		}
		if result.Outcome == OutcomeDone && result.Key != 0 {
			m.items = append(m.items, maker{result.Key, number, same})
		}
	}
	return nil
}

// Of reports whether any run did an item, and whether the last one that did has the fingerprint that was asked for.
func (m *Made) Of(key itemkey.Key) (same, known bool) {
	bucket := int(uint64(key) >> m.shift)
	some := m.items[m.starts[bucket]:m.starts[bucket+1]]
	i, found := slices.BinarySearchFunc(some, key, func(a maker, key itemkey.Key) int { return cmp.Compare(a.key, key) })
	return found && some[i].same, found
}
