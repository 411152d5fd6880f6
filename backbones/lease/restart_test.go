package lease_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/backbones/lease/leasetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

// severed is the queue of a coordinator that may be killed: nothing of it arrives any more.
type severed struct {
	lease.Queue
	dead atomic.Bool
}

func (s *severed) Publish(ctx context.Context, all ...lease.Lease) error {
	if s.dead.Load() {
		return nil
	}
	return s.Queue.Publish(ctx, all...)
}

func (s *severed) Done(ids ...lease.ID) {
	if !s.dead.Load() {
		s.Queue.Done(ids...)
	}
}

func (s *severed) End(ctx context.Context) error {
	if s.dead.Load() {
		return nil
	}
	return s.Queue.End(ctx)
}

// unfinished yields the items that have no outcome, with numbers of their own.
type unfinished struct {
	left    []int
	next    int
	endless bool
}

func (u *unfinished) Next(ctx context.Context) (backbones.Block, error) {
	all := &items{next: u.next, count: len(u.left)}
	b, err := all.Next(ctx)
	if err != nil {
		if u.endless {
			// The listing of a coordinator that is killed has not ended.
			<-ctx.Done()
			err = ctx.Err()
		}
		return b, err
	}
	b.Payload = fmt.Appendf(nil, `{"i":%d}`, u.left[u.next])
	u.next++
	return b, nil
}

// A coordinator is killed while nodes are on items. The next one numbers what is left otherwise. The nodes hand in what they have done
// meanwhile, and nothing is done twice.
func TestNodesOutliveTheirCoordinator(t *testing.T) {
	for _, grants := range []bool{false, true} {
		t.Run(fmt.Sprintf("grants=%v", grants), func(t *testing.T) { outlive(t, grants) })
	}
}

func outlive(t *testing.T, grants bool) {
	const count = 60
	var mu sync.Mutex
	outcomes, begun, commits := map[string]int{}, map[string]int{}, map[uint64]int{}
	killed := make(chan struct{})
	var onIt sync.WaitGroup
	onIt.Add(2)
	script := func() backbonetest.Script {
		n := 0
		return func(item string, _ int) backbonetest.Act {
			mu.Lock()
			begun[item]++
			mu.Unlock()
			if n++; n == 1 {
				onIt.Done()
				<-killed
			}
			return backbonetest.Do
		}
	}
	queue := leasetest.New()
	var numbers []int
	record := func(o backbones.Outcomes) error {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range o.Done {
			for i := range s.Count {
				outcomes[fmt.Sprintf(`{"i":%d}`, numbers[s.First+uint64(i)])]++
			}
		}
		return nil
	}
	for i := range count {
		numbers = append(numbers, i)
	}
	first := &severed{Queue: queue}
	c1 := lease.NewCoordinator(lease.CoordinatorOptions{Queue: first, Generation: 1})
	queue.Serve(c1)
	var nodes sync.WaitGroup
	for i := range 2 {
		session := queue.Join(lease.Node{Name: fmt.Sprintf("n%d", i), PID: i + 1, Workers: 1})
		o := lease.PullerOptions{Session: session, Workers: 1}
		if grants {
			o.Settle = func(ctx context.Context, o backbones.Outcomes, grant func(context.Context, []backbones.Span) (lease.Granted, error)) (backbones.Outcomes, error) {
				g, err := grant(ctx, o.Done)
				mu.Lock()
				defer mu.Unlock()
				for _, s := range g.Items {
					commits[s.First] += s.Count
				}
				o.Done = g.Items
				return o, err
			}
		}
		p := lease.NewPuller(o)
		crew := &backbonetest.Crew{T: t, Beats: true, Script: script()}
		nodes.Go(func() {
			if err := p.Run(t.Context(), mp.New(mp.Options{Workers: 1, ChunkSize: 1, Start: crew.Start, Remaining: p.Remaining, Policy: p.Policy()})); err != nil {
				t.Error(err)
			}
			crew.Wait()
		})
	}
	ctx, kill := context.WithCancel(t.Context())
	go func() {
		onIt.Wait()
		first.dead.Store(true)
		queue.Down()
		kill()
	}()
	_ = c1.Run(ctx, &unfinished{left: numbers[:20], endless: true}, record)
	mu.Lock()
	var left []int
	// The next coordinator lists in another order.
	for i := count - 1; i >= 0; i-- {
		if outcomes[fmt.Sprintf(`{"i":%d}`, i)] == 0 {
			left = append(left, i)
		}
	}
	numbers = left
	mu.Unlock()
	if len(left) < 2 {
		t.Fatalf("only %v are left", left)
	}
	// What the nodes were on is done while no coordinator is there.
	close(killed)
	c2 := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 2, Rejoin: 500 * time.Millisecond, Gone: time.Hour})
	queue.Serve(c2)
	if err := c2.Run(t.Context(), &unfinished{left: left}, record); err != nil {
		t.Fatal(err)
	}
	nodes.Wait()
	for i := range count {
		item := fmt.Sprintf(`{"i":%d}`, i)
		if outcomes[item] != 1 || begun[item] != 1 {
			t.Errorf("%s was begun %d times and has %d outcomes", item, begun[item], outcomes[item])
		}
	}
}
