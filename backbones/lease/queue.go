package lease

import (
	"context"
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
}

// Node is a node as the coordinator knows it.
type Node struct {
	// Name is unique in the run: the host's name, with a number where several are on one host.
	Name, Host string
	PID        int
	Workers    int
	Since      time.Time
}

// Queue is the coordinator's side of what carries leases.
type Queue interface {
	// Publish offers a lease to the nodes. It is delivered until somebody acknowledges it. It blocks while the queue has no room.
	Publish(ctx context.Context, l Lease) error
	// Open is how many leases of this generation are published and not acknowledged, as the queue itself counts them.
	Open(ctx context.Context) (int, error)
	// Renew makes the queue anew, empty: what is open must be published again.
	Renew(ctx context.Context) error
	// End tells every node, present and late, that the run has ended.
	End(ctx context.Context) error
}

// Session is the node's side.
type Session interface {
	// Pull waits for up to n leases, and returns at least one; io.EOF after the coordinator has said that the run has ended. An empty
	// queue is no end.
	Pull(ctx context.Context, n int) ([]Delivery, error)
	// Claim, Report and Grant ask the coordinator, again and again while it cannot be reached, until ctx ends.
	Claim(ctx context.Context, c Claim) (Claimed, error)
	Report(ctx context.Context, r Report) (Reported, error)
	Grant(ctx context.Context, a Ask) (Granted, error)
	// Leave says goodbye.
	Leave(ctx context.Context) error
}

// Delivery is a lease that a node got.
type Delivery struct {
	Lease Lease
	// Number counts the deliveries of this lease, from 1: the epoch to claim.
	Number uint64
	// Keep prolongs the time after which the queue delivers it to somebody else, Done takes it out of the queue, Back puts it back at once.
	Keep, Done, Back func() error
}
