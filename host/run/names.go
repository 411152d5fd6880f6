package run

import (
	"slices"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// names has the names of the items that workers are on. The plugin is asked for one at a time, and nothing waits for its answer.
type names struct {
	job    *Job
	mu     sync.Mutex
	known  map[uint64]string
	asking bool
}

// seats returns what workers are on with their items' names, as far as they are known by now.
func (n *names) seats(all []backbones.Seat) []backbones.Seat {
	if len(all) == 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	seats, known := slices.Clone(all), map[uint64]string{}
	for i := range seats {
		s := &seats[i]
		if !s.Unnamed {
			s.Item = n.job.name(s.Item)
			continue
		}
		name, asked := n.known[s.Number]
		switch {
		case asked:
			known[s.Number] = name
		case s.For >= slowItem && !n.asking && n.job.Show != nil:
			n.asking = true
			go n.ask(s.Number)
		}
		if name != "" {
			s.Item = name
		}
	}
	// Those of items that nobody is on any more are forgotten.
	n.known = known
	return seats
}

func (n *names) ask(number uint64) {
	name := n.job.name(n.job.Show(number))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[number], n.asking = name, false
}
