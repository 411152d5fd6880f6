package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/backbones/lease/leasetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

// start starts a node with one worker. Its run's error goes to the channel.
func start(ctx context.Context, t *testing.T, queue *leasetest.Queue, name string, o lease.PullerOptions, script backbonetest.Script) <-chan error {
	ended := make(chan error, 1)
	o.Session, o.Workers = queue.Join(lease.Node{Name: name, Workers: 1}), 1
	p := lease.NewPuller(o)
	crew := &backbonetest.Crew{T: t, Beats: true, Script: script}
	go func() {
		err := p.Run(ctx, mp.New(mp.Options{Workers: 1, ChunkSize: 1, Start: crew.Start, Remaining: p.Remaining, Policy: p.Policy()}))
		crew.Wait()
		ended <- err
	}()
	return ended
}

// count is a sink that counts outcomes by number.
type count struct {
	mu sync.Mutex
	of map[uint64]int
}

func (c *count) sink(o backbones.Outcomes) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, spans := range [][]backbones.Span{o.Done, o.Skipped} {
		for _, s := range spans {
			for i := range s.Count {
				c.of[s.First+uint64(i)]++
			}
		}
	}
	for _, f := range o.Failed {
		c.of[f.Number]++
	}
	return nil
}

func (c *count) once(t *testing.T, n int) {
	t.Helper()
	for i := range uint64(n) {
		if c.of[i] != 1 {
			t.Errorf("item %d has %d outcomes", i, c.of[i])
		}
	}
}

// What a queue loses is published again.
func TestQueueThatLosesEverything(t *testing.T) {
	queue := leasetest.New()
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1, WatchAfter: 60 * time.Millisecond})
	queue.Serve(c)
	outcomes := &count{of: map[uint64]int{}}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context(), &items{count: 30}, outcomes.sink) }()
	<-queue.Holds()
	queue.Lose()
	node := start(t.Context(), t, queue, "n", lease.PullerOptions{}, nil)
	if err := errors.Join(<-ended, <-node); err != nil {
		t.Fatal(err)
	}
	outcomes.once(t, 30)
}

// replaced is a queue that a later coordinator has taken over.
type replaced struct{ *leasetest.Queue }

func (replaced) Publish(context.Context, ...lease.Lease) error { return lease.ErrReplaced }

// A coordinator whose queue a later one has taken over ends, instead of waiting for nodes that do not come.
func TestCoordinatorThatWasReplaced(t *testing.T) {
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: replaced{leasetest.New()}, Generation: 1})
	err := c.Run(t.Context(), &items{count: 3}, func(backbones.Outcomes) error { return nil })
	if !errors.Is(err, lease.ErrReplaced) {
		t.Errorf("it ended with %v", err)
	}
}

// A node that drains finishes what it has begun and gives back the rest, which another node does.
func TestNodeThatDrainsGivesBack(t *testing.T) {
	queue := leasetest.New()
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1})
	queue.Serve(c)
	outcomes := &count{of: map[uint64]int{}}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context(), &items{count: 100}, outcomes.sink) }()
	drain := make(chan struct{})
	begun := 0
	first := start(t.Context(), t, queue, "first", lease.PullerOptions{Policy: backbones.Policy{Drain: drain}}, func(string, int) backbonetest.Act {
		if begun++; begun == 3 {
			close(drain)
		}
		return backbonetest.Do
	})
	if err := <-first; !errors.Is(err, backbones.ErrDrained) {
		t.Errorf("the first node ended with %v", err)
	}
	second := start(t.Context(), t, queue, "second", lease.PullerOptions{}, nil)
	// Well before a lease lapses.
	if err := errors.Join(<-ended, <-second); err != nil {
		t.Fatal(err)
	}
	outcomes.once(t, 100)
	figures := c.Status().Nodes
	if len(figures) != 2 || figures[0].Done != int64(begun) || figures[0].Done+figures[1].Done != 100 || !figures[0].Gone {
		t.Errorf("%d were begun by the first node; figures: %+v", begun, figures)
	}
}

// A node without work ends when it was told to, and the run goes on.
func TestNodeThatIsIdleEnds(t *testing.T) {
	queue := leasetest.New()
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1})
	queue.Serve(c)
	if err := <-start(t.Context(), t, queue, "idle", lease.PullerOptions{IdleExit: 20 * time.Millisecond}, nil); err != nil {
		t.Error(err)
	}
}

// The coordinator's own node cannot work, and no other is there: the run ends with the reason. With another node it goes on.
func TestOwnNodeThatCannotWork(t *testing.T) {
	for name, other := range map[string]bool{"alone": false, "with another": true} {
		t.Run(name, func(t *testing.T) {
			queue := leasetest.New()
			c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1})
			queue.Serve(c)
			var node <-chan error
			if other {
				node = start(t.Context(), t, queue, "other", lease.PullerOptions{}, nil)
			}
			why := errors.New("no interpreter")
			c.Fail(why)
			outcomes := &count{of: map[uint64]int{}}
			err := c.Run(t.Context(), &items{count: 10}, outcomes.sink)
			if other {
				if err := errors.Join(err, <-node); err != nil {
					t.Error(err)
				}
				outcomes.once(t, 10)
			} else if !errors.Is(err, why) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A run that is interrupted has its nodes give back what they have not begun.
func TestInterruptedRun(t *testing.T) {
	queue := leasetest.New()
	drain := make(chan struct{})
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1, Policy: backbones.Policy{Drain: drain}})
	queue.Serve(c)
	begun := 0
	node := start(t.Context(), t, queue, "n", lease.PullerOptions{}, func(string, int) backbonetest.Act {
		if begun++; begun == 5 {
			close(drain)
		}
		return backbonetest.Do
	})
	outcomes := &count{of: map[uint64]int{}}
	if err := c.Run(t.Context(), &items{count: 1 << 40}, outcomes.sink); !errors.Is(err, backbones.ErrDrained) {
		t.Errorf("error %v", err)
	}
	// It may hear of the end before it hears that the run was interrupted.
	if err := <-node; err != nil && !errors.Is(err, backbones.ErrDrained) {
		t.Errorf("the node ended with %v", err)
	}
	if len(outcomes.of) != begun {
		t.Errorf("%d items were begun, %d have an outcome", begun, len(outcomes.of))
	}
}
