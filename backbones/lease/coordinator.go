package lease

import (
	"context"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// CoordinatorOptions are the settings of a coordinator.
type CoordinatorOptions struct {
	// Queue carries the leases. The coordinator alone publishes and ends there.
	Queue Queue
	// Generation counts the starts of this run's coordinator, from 1.
	Generation uint64
	// LeaseTime is how long a lease lasts without a renewal; 0: 30 s.
	LeaseTime time.Duration
	// Remaining is the number of items that the source has still to yield, if it is known; may be nil.
	Remaining func() (n int, known bool)
	// Policy's Drain, Grace, StallAfter, Log and Now are the coordinator's; the rest is the nodes'.
	Policy backbones.Policy
}

// Coordinator lends the items of a run to nodes. It is a backbone without workers, and the Desk of a queue. It is used once.
type Coordinator struct {
	opts CoordinatorOptions
}

var (
	_ backbones.Backbone = (*Coordinator)(nil)
	_ Desk               = (*Coordinator)(nil)
)

// NewCoordinator returns a coordinator. It starts nothing. It answers nodes at once; there are leases once Run is under way.
func NewCoordinator(o CoordinatorOptions) *Coordinator { return &Coordinator{opts: o} }

// Run implements backbones.Backbone. A run without any node waits for one.
func (c *Coordinator) Run(ctx context.Context, src backbones.Source, sink backbones.Sink) error {
	return ctx.Err()
}

// Status implements backbones.Backbone.
func (c *Coordinator) Status() backbones.Status { return backbones.Status{} }

// Fail ends the run with an error when no node is there, or as soon as none is: the coordinator's own node could not work.
func (c *Coordinator) Fail(err error) {}

// Claim implements Desk.
func (c *Coordinator) Claim(claim Claim) Claimed { return Claimed{} }

// Report implements Desk.
func (c *Coordinator) Report(r Report) Reported { return Reported{} }

// Grant implements Desk.
func (c *Coordinator) Grant(a Ask) Granted { return Granted{} }

// Joined implements Desk.
func (c *Coordinator) Joined(node Node) {}

// Left implements Desk.
func (c *Coordinator) Left(name string, lost bool) {}
