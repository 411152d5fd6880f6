package lease

import "time"

// The size of a lease: enough work that its overhead does not matter, and little enough that all nodes end together.
const (
	leastWork = 200 * time.Millisecond
	mostWork  = 30 * time.Second
	// aimedTime is how long a node should be busy with one lease.
	aimedTime = 2 * time.Second
	// growth is how much larger a lease may be than the largest finished one, because the first few items tell little.
	growth = 8
	// muchLonger bounds what one measurement counts, as a factor: workers had to start, or a node was stopped.
	muchLonger = 16
)

// sizer chooses how many items the next lease has, from measured item times.
type sizer struct {
	// perItem is a moving average of the time that an item takes a worker; 0: not known.
	perItem time.Duration
	// pace is the same of the time that an item takes a worker's turn at its node until its outcome is here: with its commit, and the wait for that.
	pace time.Duration
	// reached is the largest lease that is finished.
	reached int
}

// observe records the mean time of some items.
func (s *sizer) observe(mean time.Duration) {
	const most = 24 * time.Hour
	switch mean = min(mean, most); {
	case mean <= 0:
	case s.perItem == 0:
		s.perItem = mean
	default:
		s.perItem = max(s.perItem+(mean-s.perItem)/8, 1)
	}
}

// took records how long a lease kept its node, for as many items as each of its workers had of it.
func (s *sizer) took(passed time.Duration, rounds int) {
	each := passed / time.Duration(rounds)
	if known := max(s.perItem, s.pace); known > 0 {
		each = min(each, muchLonger*known)
	}
	if s.pace == 0 {
		s.pace = each
	}
	s.pace += (each - s.pace) / 8
}

// next is the number of items of the next lease. workers is the number of all workers, nodes that of the nodes; left the number of
// items that are still to be lent, or -1 if not known.
func (s *sizer) next(left, workers, nodes int) int {
	workers, nodes = max(workers, 1), max(nodes, 1)
	size := (workers + nodes - 1) / nodes
	least := 1
	if each := max(s.perItem, s.pace); each > 0 {
		aim := min(max(aimedTime*time.Duration(size), leastWork), mostWork)
		// A worker that gets less than an item waits: as many items as a node has workers do not make it wait for the longest of fewer.
		size = max(int(aim/each), 1)
		least = max(int(leastWork/each), 1)
	}
	size = max(min(size, max(s.reached, 1)*growth), 1)
	if left >= 0 {
		// Near the end leases get smaller, so that all nodes finish together.
		size = min(size, max((left+2*workers-1)/(2*workers), least))
	}
	return size
}
