package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/backbones/lease/leasetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nodes runs a source through a coordinator and nodes that each have a pool of their own.
func nodes(ctx context.Context, o backbonetest.Options, src backbones.Source, sink backbones.Sink) error {
	queue := leasetest.New()
	ofCoordinator := o.Policy
	ofCoordinator.Now = nil
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1, Policy: ofCoordinator})
	queue.Serve(c)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var closing error
	for i := range min(2, o.Workers) {
		workers := o.Workers / 2
		if i == 0 {
			workers = (o.Workers + 1) / 2
		}
		policy := o.Policy
		session := queue.Join(lease.Node{Name: fmt.Sprintf("n%d", i), Workers: workers})
		p := lease.NewPuller(lease.PullerOptions{Session: session, Workers: workers, Policy: policy})
		pool := mp.New(mp.Options{Workers: workers, ChunkSize: o.ChunkSize, Start: o.Crew.Start, Remaining: p.Remaining, Policy: p.Policy()})
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := p.Run(ctx, pool)
			var told *backbones.CloseError
			if errors.As(err, &told) {
				mu.Lock()
				closing = errors.Join(closing, told)
				mu.Unlock()
			}
			if err != nil && !errors.Is(err, backbones.ErrDrained) {
				c.Fail(err)
			}
		}()
	}
	err := c.Run(ctx, src, sink)
	wg.Wait()
	return errors.Join(err, closing)
}

func TestSuite(t *testing.T) {
	backbonetest.Suite(t, nodes, backbonetest.Revoking)
}
