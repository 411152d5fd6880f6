package lease

import (
	"context"
	"errors"
	"time"
)

// Desk answers the nodes. The coordinator implements it; a queue calls it from any goroutine. No call may block.
type Desk interface {
	Claim(Claim) Claimed
	Report(Report) Reported
	Grant(Ask) Granted
	// Joined and Left report that a node is there, for the first time or again, or gone. lost: without a goodbye.
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
	// Session identifies the node's process among others of its name; a new container may have the same host name and process number. A lost
	// node that comes back has the same.
	Session string
	Workers int
	Since   time.Time
	// Own: it is the coordinator's own process.
	Own bool
}

// ErrGone is the error of Publish and Open of a queue that was removed, or that its server has forgotten. Renew creates it again.
var ErrGone = errors.New("the queue is gone")

// ErrReplaced is the error of Publish and Renew of a queue that a later coordinator of the run has taken over. It ends this one.
var ErrReplaced = errors.New("another coordinator has taken the queue over")

// Queue is the coordinator's side of what carries leases. Only the coordinator decides what becomes of a lease, so that a malicious node, or one
// that lost it, can neither prolong nor end it.
type Queue interface {
	// Publish offers leases to the nodes, each ID once. A lease is delivered, and again after a time, until Done. Publish blocks
	// while the queue has no room. After an error any of the leases may be in the queue, and the caller takes them out.
	Publish(ctx context.Context, leases ...Lease) error
	// Done takes a lease out of the queue, delivered or not. The coordinator calls it once a node has claimed the lease, because from then on the
	// Book knows who has it and until when. Back has a delivered lease delivered again at once. Neither blocks
	// or fails: a lost call shows in Open, and is harmless, since a claimed lease is refused to other nodes. An unknown ID is ignored.
	Done(ids ...ID)
	Back(ids ...ID)
	// Open is the number of leases that are published and not done, as the queue counts them.
	Open(ctx context.Context) (int, error)
	// Renew creates the queue again, empty. The caller publishes unclaimed items again, under new IDs.
	Renew(ctx context.Context) error
	// End tells all nodes, also later ones, that the run has ended. It waits until the present ones have left, or ctx ends.
	End(ctx context.Context) error
}

// Session is the node's side.
type Session interface {
	// Pull waits for leases and returns one to n of them, or io.EOF after the coordinator has ended the run. One goroutine calls it at a time.
	// Leases that came when ctx ended are returned by the next call.
	Pull(ctx context.Context, n int) ([]Delivery, error)
	// Claim, Report and Grant ask the coordinator, and repeat that while it cannot be reached, until ctx ends or the session is lost. Any
	// goroutine calls them. The session fills in Node. Claim returns an answer for each lease, in their order.
	Claim(ctx context.Context, all ...Held) ([]Claimed, error)
	Report(ctx context.Context, r Report) (Reported, error)
	Grant(ctx context.Context, a Ask) (Granted, error)
	// Generation is that of the coordinator that the node has joined last.
	Generation() uint64
	// Leave says goodbye, gives back unclaimed deliveries, and ends the session.
	Leave(ctx context.Context, f Farewell) error
}

// Delivery is a lease that a node got.
type Delivery struct {
	// Lease has its Blocks where the queue carries them; otherwise the answer to the claim has them.
	Lease Lease
	// Number grows with each delivery of this lease: the epoch to claim.
	Number uint64
}
