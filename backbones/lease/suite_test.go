package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/cuda"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/backbones/lease/leasetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kind is how the nodes of a test are made.
type kind struct {
	puller lease.PullerOptions
	// backbone is that of a node with a number of workers.
	backbone func(p *lease.Puller, workers int) backbones.Backbone
}

// nodes runs a source through a coordinator and two nodes that share the workers and each have a backbone of their own.
func nodes(ctx context.Context, o backbonetest.Options, k kind, src backbones.Source, sink backbones.Sink) error {
	queue := leasetest.New()
	ofCoordinator := o.Policy
	ofCoordinator.Now = nil
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1, Policy: ofCoordinator})
	queue.Serve(c)
	var wg sync.WaitGroup
	// A node may fail when the coordinator has ended already; its own process reports that.
	failed := make(chan error, 2)
	for i := range min(2, o.Workers) {
		workers := o.Workers / 2
		if i == 0 {
			workers = (o.Workers + 1) / 2
		}
		options := k.puller
		options.Session, options.Workers, options.Policy = queue.Join(lease.Node{Name: fmt.Sprintf("n%d", i), Workers: workers}), workers, o.Policy
		p := lease.NewPuller(options)
		backbone := k.backbone(p, workers)
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := p.Run(ctx, backbone); err != nil && !errors.Is(err, backbones.ErrDrained) {
				failed <- err
				c.Fail(err)
			}
		}()
	}
	err := c.Run(ctx, src, sink)
	wg.Wait()
	close(failed)
	if err == nil {
		err = <-failed
	}
	return err
}

func TestSuite(t *testing.T) {
	backbonetest.Suite(t, func(ctx context.Context, o backbonetest.Options, src backbones.Source, sink backbones.Sink) error {
		return nodes(ctx, o, kind{backbone: func(p *lease.Puller, workers int) backbones.Backbone {
			return mp.New(mp.Options{Workers: workers, ChunkSize: o.ChunkSize, Start: o.Crew.Start, Remaining: p.Remaining, Policy: p.Policy()})
		}}, src, sink)
	}, backbonetest.Revoking)
}

// TestSuiteOfDevices has nodes with pipelines. Batches that their leases do not fill must not wait for items that never come.
func TestSuiteOfDevices(t *testing.T) {
	lacks := []backbonetest.Feature{backbonetest.Beats, backbonetest.Recycling, backbonetest.Revoking}
	for _, tt := range []struct {
		name     string
		scripted backbonetest.Stage
		lacks    []backbonetest.Feature
	}{
		{"loaders", backbonetest.Load, []backbonetest.Feature{backbonetest.Last}},
		{"finishers", backbonetest.Finish, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			backbonetest.Suite(t, func(ctx context.Context, o backbonetest.Options, src backbones.Source, sink backbones.Sink) error {
				size := o.ChunkSize
				if size == 0 {
					size = 8
				}
				rest := &backbonetest.Crew{T: t}
				starter := func(stage backbonetest.Stage) backbones.StageStarter {
					return func(context.Context, int) (backbones.StageWorker, error) {
						if stage == tt.scripted {
							return o.Crew.StartStage(stage)
						}
						return rest.StartStage(stage)
					}
				}
				err := nodes(ctx, o, kind{
					puller: lease.PullerOptions{Least: 6 * size, Pause: 20 * time.Millisecond},
					backbone: func(p *lease.Puller, workers int) backbones.Backbone {
						of := [3]int{1, 1, 1}
						of[tt.scripted] = workers
						return cuda.New(cuda.Options{
							BatchSize: size, Loaders: of[backbonetest.Load], Devices: of[backbonetest.Device], Finishers: of[backbonetest.Finish], Memory: 1 << 40,
							StartLoader: starter(backbonetest.Load), StartDevice: starter(backbonetest.Device), StartFinisher: starter(backbonetest.Finish),
							Policy: p.Policy(),
						})
					},
				}, src, sink)
				rest.Wait()
				return err
			}, append(lacks, tt.lacks...)...)
		})
	}
}
