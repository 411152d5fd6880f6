package job

import (
	"context"
	"os"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/gpu"
	"github.com/kagurazaka/kagurazaka/host/queue"
)

// node is this process as one of the machines of a run.
type node struct {
	place   *Place
	spec    *Spec
	factory *Factory
	policy  backbones.Policy
	join    queue.Join
	version string
	// welcome is what a coordinator of another process has told; nil: there is none.
	welcome *welcome
}

// runNode joins a run as a node of this process's own coordinator, and works until the run ends.
func runNode(ctx context.Context, n node) error {
	n.join.Hello = hello("", n.version, n.spec.Workers)
	session, err := queue.Dial(ctx, n.join)
	if err != nil {
		return err
	}
	return n.pull(ctx, session, lease.PullerOptions{})
}

// hello describes this process as a node; an empty name is the host's.
func hello(name, version string, workers int) queue.Hello {
	host, _ := os.Hostname()
	return queue.Hello{Name: name, Host: host, PID: os.Getpid(), Workers: workers, Version: version}
}

// batchesAhead is how many batches a node has for each device: one on it, one on its way back, and some that are being loaded.
const batchesAhead = 6

// batchPatience is how long a batch that is not full waits for more items.
const batchPatience = 200 * time.Millisecond

// pull runs the node's backbone on leases.
func (n node) pull(ctx context.Context, session lease.Session, o lease.PullerOptions) error {
	o.Session, o.Workers, o.Policy = session, n.spec.Workers, n.policy
	o.Prepare, o.Dropped = n.place.aside, n.place.dropped
	if o.Settle == nil {
		o.Settle = n.place.settle
	}
	if n.spec.staged() {
		devices := max(len(gpu.Names(n.spec.Device)), 1)
		o.Least, o.Pause = batchesAhead*devices*n.spec.batchSize(), batchPatience
	}
	puller := lease.NewPuller(o)
	backbone, err := n.factory.New(ctx, n.spec, puller.Policy(), Local{Place: n.place, Remaining: puller.Remaining})
	if err != nil {
		_ = session.Leave(ctx, lease.Farewell{})
		return err
	}
	return puller.Run(ctx, backbone)
}
