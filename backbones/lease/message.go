// Package lease lends the items of a run to nodes: machines that each run a backbone of their own. The coordinator's side is a
// backbones.Backbone, the node's side a backbones.Source and a backbones.Sink. A Book decides who has which items; a queue carries the
// messages between the two (host/queue does that with NATS). Neither plugins nor templates are known here.
package lease

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// MaxBytes is the most that the items of a lease take, unless an opaque block that cannot be divided is larger.
const MaxBytes = 1 << 20

// ID is a lease of one generation of a coordinator. IDs begin at 1.
type ID uint64

// Lease is items that are lent together. An ID is lent to one node at most: whoever claims it first has it. Items that are lent again
// (a lost or drained node, speculation, a lost queue) get another ID.
type Lease struct {
	// Generation counts the starts of the coordinator of one run. IDs and numbers of items have a meaning only within one: a new start lists
	// anew, and what is finished by then has no number. Across generations, items are known by their Key.
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
	// Refused is why the node must drop the lease: another node has it, all its items have an outcome, or another generation has begun; empty: it
	// is the node's.
	Refused string
	// Skip are those of its items that must not be started: they have their outcome, or another holder was granted their commit.
	Skip []backbones.Span
	// For is how long the lease lasts without a renewal, by the node's own monotonic clock from the moment that it sent the claim.
	For time.Duration
	// Tail: no more items are to come than the nodes have workers for. A node takes no more than its idle workers can begin.
	Tail bool
	// Quarantined is why the node gets no more leases at all; it ends with that. May come with Refused.
	Quarantined string
}

// Report is what a node has to say about leases that it holds: outcomes, and that it is alive. It is sent at once for outcomes that wait, and
// at least three times within a lease's time while the workers' pages move.
type Report struct {
	Node string
	// Sequence counts the node's reports, from 1. A report that is sent again, because its answer was lost, keeps its number.
	Sequence uint64
	Leases   []Progress
	// Workers and Busy are the node's workers.
	Workers, Busy int
}

// Progress is what has happened to one lease since the last report.
type Progress struct {
	Held     Held
	Outcomes backbones.Outcomes
	// Keys, in a report about a lease of a former generation, are the keys of the items in Outcomes (Done, Skipped, Failed, in this order), and after
	// them those of items that the node is still on. Otherwise nil.
	Keys []uint64
	// Moved: its workers have moved on since the last report, which renews the lease.
	Moved bool
	// Returned are items that the node gives back untouched, because it drains; the lease ends with that.
	Returned []backbones.Span
	// Ended: every item has its outcome or was returned.
	Ended bool
}

// Reported is the answer to a Report.
type Reported struct {
	// Lost are leases that the node must stop to work on: another holder has them, or their generation has ended and they were lent again.
	Lost []Held
	// Renewed are those that last for their time again, from the moment that the report was sent.
	Renewed []Held
	// Generation is the coordinator's: another one than that of the node's leases tells that it was started again.
	Generation uint64
	// Tail and Quarantined are as in Claimed.
	Tail        bool
	Quarantined string
	// Stop: the run has ended or is interrupted; the node finishes nothing more than what it has begun.
	Stop bool
}

// Farewell is what a node has to say when it leaves.
type Farewell struct {
	// Unclosed is the number of its workers that could not close their task, First the error of the first.
	Unclosed int
	First    string
}

// Ask asks for the commit of items whose outputs are ready and wait aside. Nothing of them is renamed before the answer.
type Ask struct {
	Node  string
	Held  Held
	Items []backbones.Span
	// Keys are the keys of the items, in their order, if the lease is of a former generation; otherwise nil.
	Keys []uint64
}

// Granted is the answer to an Ask. What is not in Items was refused: the node removes those outputs and reports nothing of these items.
type Granted struct {
	Items []backbones.Span
	// Again are those of Items whose earlier grant was that of a node which is lost: what it left in place is replaced.
	Again []backbones.Span
	// Later: the coordinator cannot decide yet, because it has not listed some items of a former generation, or another coordinator may be at work. The
	// node asks again, for all items.
	Later bool
}
