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

// tidyMade is from how many items on those that several runs did are left out while others are read.
const tidyMade = 1 << 16

// ReadMade reads what was done by runs, which are given with the newest first. It takes 16 bytes for each item that any of them did, and up to
// as much again while runs that did the same items are read.
func ReadMade(runs []Run, fingerprint string) (*Made, error) {
	m := &Made{}
	tidied := tidyMade
	for i, run := range runs {
		if err := m.add(run, int32(i), run.Info.Fingerprint == fingerprint); err != nil {
			return nil, err
		}
		if len(m.items) > 2*tidied {
			m.tidy()
			tidied = max(len(m.items), tidyMade)
		}
	}
	m.tidy()
	if cap(m.items) > len(m.items)+len(m.items)/4 {
		m.items = slices.Clone(m.items)
	}
	m.starts, m.shift = bucketsOf(len(m.items), func(i int) itemkey.Key { return m.items[i].key })
	return m, nil
}

// tidy keeps the newest run for each item.
func (m *Made) tidy() {
	slices.SortFunc(m.items, func(a, b maker) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.run, b.run)) })
	m.items = slices.CompactFunc(m.items, func(a, b maker) bool { return a.key == b.key })
}

func (m *Made) add(run Run, number int32, same bool) error {
	state, err := ReadState(run.Dir, false)
	if err != nil {
		return err
	}
	m.items = slices.Grow(m.items, int(min(state.Done.Items(), int64(state.keys))))
	return state.visitKeys(run.Dir, state.Done, func(key itemkey.Key) {
		if key != 0 {
			m.items = append(m.items, maker{key, number, same})
		}
	})
}

// Of reports whether any run did an item, and whether the last one that did has the fingerprint that was asked for.
func (m *Made) Of(key itemkey.Key) (same, known bool) {
	bucket := int(uint64(key) >> m.shift)
	some := m.items[m.starts[bucket]:m.starts[bucket+1]]
	i, found := slices.BinarySearchFunc(some, key, func(a maker, key itemkey.Key) int { return cmp.Compare(a.key, key) })
	return found && some[i].same, found
}
