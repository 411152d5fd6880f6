package lease

import (
	"context"
	"errors"
	"time"
)

// Desk answers the nodes. The coordinator implements it with its Book; a queue calls it from any goroutine. No call may block.
type Desk interface {
	Claim(Claim) Claimed
	Report(Report) Reported
	Grant(Ask) Granted
	// Joined and Left tell of nodes. lost: the node has not said goodbye.
	Joined(node Node)
	Left(name string, lost bool)
	// Farewell comes before Left of a node that has more to say than goodbye.
	Farewell(name string, f Farewell)
}

// Node is a node as the coordinator knows it.
type Node struct {
	// Name is unique in the run: the host's name, with a number where several are on one host.
	Name, Host string
	PID        int
	// Session tells the node's process from others of its name, also where a new container has the same host name and process number. It stays when
	// the node is lost and comes back.
	Session string
	Workers int
	Since   time.Time
}

// ErrGone is the error of Publish and Open of a queue that was removed, or whose server has forgotten it: it must be made anew.
var ErrGone = errors.New("the queue is gone")

// ErrReplaced is the error of Publish and Renew of a queue that a later coordinator of the run has taken over. It ends this one.
var ErrReplaced = errors.New("another coordinator has taken the queue over")

// Queue is the coordinator's side of what carries leases. Only the coordinator tells it what becomes of a lease, so that a node which lost
// one, or means harm, can neither prolong nor end it.
type Queue interface {
	// Publish offers a lease to the nodes, each ID once. It is delivered, after a time without Done once more, until Done. Publish blocks
	// while the queue has no room.
	Publish(ctx context.Context, l Lease) error
	// Done takes a lease out of the queue, delivered or not: the coordinator does that as soon as a node has claimed it, because the Book knows
	// from then on who has it, until when, and when it must be lent again. Back has a delivered lease delivered again at once. Neither blocks
	// or fails: what gets lost on the way shows in Open, and is harmless, since a lease that was claimed is refused to all others. An
	// unknown ID is no error.
	Done(ids ...ID)
	Back(ids ...ID)
	// Open is how many leases of this generation are published and not done, as the queue itself counts them.
	Open(ctx context.Context) (int, error)
	// Renew makes the queue anew, empty: what nobody has claimed is published again, under new IDs.
	Renew(ctx context.Context) error
	// End tells every node, present and late, that the run has ended. It waits until the present ones have left, or ctx ends.
	End(ctx context.Context) error
}

// Session is the node's side.
type Session interface {
	// Pull waits for up to n leases, and returns at least one; io.EOF after the coordinator has said that the run has ended. An empty
	// queue is no end. One goroutine calls it at a time. Leases that came when ctx ended are returned by the next call.
	Pull(ctx context.Context, n int) ([]Delivery, error)
	// Claim, Report and Grant ask the coordinator, again and again while it cannot be reached, until ctx ends or the session is lost. Any
	// goroutine calls them. The session fills in Node.
	Claim(ctx context.Context, c Claim) (Claimed, error)
	Report(ctx context.Context, r Report) (Reported, error)
	Grant(ctx context.Context, a Ask) (Granted, error)
	// Generation is that of the coordinator that the node has joined last.
	Generation() uint64
	// Leave says goodbye, gives back what was delivered and not claimed, and ends the session.
	Leave(ctx context.Context, f Farewell) error
}

// Delivery is a lease that a node got.
type Delivery struct {
	Lease Lease
	// Number grows with each delivery of this lease: the epoch to claim.
	Number uint64
}
