package backbones

import "time"

// NodeFigures are the figures of one node so far.
type NodeFigures struct {
	// Name is unique in the run, Host the machine's name.
	Name, Host string
	// Workers are the node's workers, Busy those that have work, by its last report.
	Workers, Busy int
	// Leases are what it has now. Done, Skipped and Failed count items.
	Leases                int
	Done, Skipped, Failed int64
	// Work is the time of its workers for items that are done, as far as it is known.
	Work time.Duration
	// Since is when it joined, Heard when it last said something.
	Since, Heard time.Time
	// Gone: it has left, or nothing was heard of it for longer than a lease lasts (Lost).
	Gone, Lost bool
	// Quarantined is why it gets nothing more; empty: it is in order.
	Quarantined string
}
