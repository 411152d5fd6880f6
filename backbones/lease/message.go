// Package lease lends the items of a run to nodes: machines that each run a backbone of their own. The coordinator's side is a
// backbones.Backbone, the node's side a backbones.Source and a backbones.Sink. A Book decides which node has which items; a queue carries the
// messages (host/queue does that with NATS). The package knows neither plugins nor templates.
package lease

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// MaxBytes bounds the items of a lease, unless an opaque block, which cannot be divided, is larger.
const MaxBytes = 1 << 20

// ID is a lease of one generation of a coordinator. IDs begin at 1.
type ID uint64

// Lease is items that are lent together. An ID is lent to one node at most: the first that claims it. Items that are lent again
// (a lost or drained node, speculation, a lost queue) get another ID.
type Lease struct {
	// Generation counts the starts of the run's coordinator. IDs and numbers of items are valid within one: a new start lists again, without
	// finished items. Across generations, keys identify items.
	Generation uint64
	ID         ID
	// Blocks are pieces of the listing's blocks, never Indexed ones. Their marshal does not travel.
	Blocks []backbones.Block
}

// Held is a lease as one node holds it.
type Held struct {
	Generation uint64
	ID         ID
	// Epoch is the delivery that the node has claimed, from 1. A result with another epoch than the claimed one is dropped.
	Epoch uint64
}

// Claim asks for a lease that was just delivered. It is the node's first message about it.
type Claim struct {
	Node string
	Held Held
}

// Claimed is the answer to a Claim.
type Claimed struct {
	// Refused is why the node must drop the lease: another node has it, all its items have an outcome, or another generation has begun; empty: the
	// node has it.
	Refused string
	// Skip are items that must not be started, because they have an outcome or another holder was granted their commit.
	Skip []backbones.Span
	// Blocks are the lease's. A session may leave them out where the delivery had them.
	Blocks []backbones.Block
	// For is how long the lease lasts without a renewal, by the node's own monotonic clock from the moment that it sent the claim.
	For time.Duration
	// Tail: few more items come than the nodes have workers. A node takes only what its idle workers can begin.
	Tail bool
	// Quarantined is why the node gets no more leases; the node ends. It may come with Refused.
	Quarantined string
}

// Report has a node's outcomes, and shows that it is alive. A node reports waiting outcomes at once, and at least three times within a lease's
// time while its workers' pages move.
type Report struct {
	Node string
	// Sequence counts the node's reports, from 1. A report that is repeated because its answer was lost keeps its number.
	Sequence uint64
	Leases   []Progress
	// Workers and Busy are the node's workers.
	Workers, Busy int
}

// Progress is what has happened to one lease since the last report.
type Progress struct {
	Held     Held
	Outcomes backbones.Outcomes
	// Keys, for a lease of a former generation, are the keys of the items in Outcomes (Done, Skipped, Failed, in this order), then
	// those of items that the node is still on. Otherwise nil.
	Keys []uint64
	// Moved: the node has looked at its workers since the last report, which renews the lease.
	Moved bool
	// Returned are items that a draining node gives back untouched; the lease ends with that.
	Returned []backbones.Span
	// Ended: every item has its outcome or was returned.
	Ended bool
}

// Reported is the answer to a Report.
type Reported struct {
	// Lost are leases that the node must drop: another node has them, or their generation has ended and their items were lent again.
	Lost []Held
	// Renewed are leases that last for their full time again, from the moment that the report was sent.
	Renewed []Held
	// Generation is the coordinator's. If it differs from that of the node's leases, the coordinator was started again.
	Generation uint64
	// Tail and Quarantined are as in Claimed.
	Tail        bool
	Quarantined string
	// Stop: the run has ended or is interrupted; the node begins nothing more.
	Stop bool
}

// Farewell is what a node has to say when it leaves.
type Farewell struct {
	// Unclosed is the number of its workers that could not close their task, First the error of the first.
	Unclosed int
	First    string
	// Refused is the reason why the node cannot work on the run. Such a node has done no item. Empty: it can work.
	Refused string
}

// Ask asks for the grant to commit items whose outputs wait aside. The node renames none of them before the answer.
type Ask struct {
	Node  string
	Held  Held
	Items []backbones.Span
	// Keys are the keys of the items, in their order, if the lease is of a former generation; otherwise nil.
	Keys []uint64
}

// Granted is the answer to an Ask. Items that are not in it were refused: the node removes their outputs and does not report them.
type Granted struct {
	Items []backbones.Span
	// Again are those of Items that were granted to a lost node before: existing outputs are replaced.
	Again []backbones.Span
	// Later: the coordinator cannot decide yet, because it has not listed some items of a former generation, or another coordinator may be at work. The
	// node asks again, for all items.
	Later bool
}
