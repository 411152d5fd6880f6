package lease

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// deaf is a session whose coordinator lends what it is asked for, and answers nothing else.
type deaf struct{ Session }

func (deaf) Claim(context.Context, ...Held) ([]Claimed, error) {
	return []Claimed{{For: time.Hour}}, nil
}

func (deaf) Generation() uint64 { return 1 }

func (deaf) Pull(ctx context.Context, _ int) ([]Delivery, error) { return nil, until(ctx) }

func (deaf) Report(ctx context.Context, _ Report) (Reported, error) { return Reported{}, until(ctx) }

func (deaf) Leave(ctx context.Context, _ Farewell) error { return until(ctx) }

func until(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func claimed(t *testing.T, p *Puller, id ID, first uint64) (number uint64) {
	t.Helper()
	b := backbones.Block{First: first + base(1, id), Count: 1, Payload: []byte("{}")}
	if err := p.claim(t.Context(), Delivery{Lease: Lease{Generation: 1, ID: id, Blocks: []backbones.Block{b}}, Number: 1}); err != nil {
		t.Fatal(err)
	}
	return b.First
}

// TestALateOutcomeDoesNotCountForTheNextLease: a node loses an item, gets it again in another lease, and then hears of the first execution, whose
// outputs are gone.
func TestALateOutcomeDoesNotCountForTheNextLease(t *testing.T) {
	p := NewPuller(PullerOptions{Session: deaf{}})
	former := claimed(t, p, 1, 7)
	p.mu.Lock()
	p.lose(p.holds[holdID{1, 1}])
	p.mu.Unlock()
	claimed(t, p, 2, 7)
	if err := p.take(done(backbones.Span{First: former, Count: 1})); err != nil {
		t.Fatal(err)
	}
	if h := p.holds[holdID{1, 2}]; h.left != 1 || len(h.out) > 0 {
		t.Errorf("the second lease has %d items left and %v to report", h.left, h.out)
	}
}

// TestABackboneMayEndWithoutItsOutcomes: its sink may still be called when nobody takes outcomes any more.
func TestABackboneMayEndWithoutItsOutcomes(t *testing.T) {
	p := NewPuller(PullerOptions{Session: deaf{}, Settle: func(_ context.Context, o backbones.Outcomes, _ func(context.Context, []backbones.Span) (Granted, error)) (backbones.Outcomes, error) {
		return o, nil
	}})
	p.stopped.close()
	p.settle(t.Context())
	for id := ID(1); int(id) <= 2*cap(p.settling); id++ {
		if err := p.take(done(backbones.Span{First: claimed(t, p, id, 7), Count: 1})); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAReportWakesAllThatWaitForIt.
func TestAReportWakesAllThatWaitForIt(t *testing.T) {
	p := NewPuller(PullerOptions{Session: deaf{}})
	p.untold = 2 * maxUntold
	var waiting sync.WaitGroup
	for id := range ID(4) {
		claimed(t, p, id+1, 0)
		h := p.holds[holdID{1, id + 1}]
		waiting.Go(func() { p.settleOne(t.Context(), task{hold: h}) })
	}
	p.mu.Lock()
	p.untold = 0
	p.mu.Unlock()
	wake(p.told)
	waiting.Wait()
}

// drained is a backbone that does nothing until it is drained.
type drained struct{ policy backbones.Policy }

func (d drained) Run(context.Context, backbones.Source, backbones.Sink) error {
	<-d.policy.Drain
	return backbones.ErrDrained
}

func (drained) Status() (s backbones.Status) { return s }

// TestADrainedNodeEndsWithoutItsCoordinator, within its grace: what it wants to give back is lent again anyway.
func TestADrainedNodeEndsWithoutItsCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drain := make(chan struct{})
		p := NewPuller(PullerOptions{Session: deaf{}, Policy: backbones.Policy{Drain: drain, Grace: 10 * time.Second}})
		claimed(t, p, 1, 7)
		began := time.Now()
		close(drain)
		if err := p.Run(t.Context(), drained{p.Policy()}); !errors.Is(err, backbones.ErrDrained) {
			t.Error(err)
		}
		if took := time.Since(began); took != 10*time.Second+farewellTime {
			t.Errorf("it took %s", took)
		}
	})
}

// TestWhatALostItemHasAsideIsRemoved, once the backbone has given the item up.
func TestWhatALostItemHasAsideIsRemoved(t *testing.T) {
	var dropped []backbones.Span
	p := NewPuller(PullerOptions{Session: deaf{}, Dropped: func(items []backbones.Span) { dropped = append(dropped, items...) }})
	number := claimed(t, p, 1, 7)
	p.mu.Lock()
	p.lose(p.holds[holdID{1, 1}])
	p.mu.Unlock()
	var fencing sync.WaitGroup
	fencing.Go(func() { p.giveUp(t.Context()) })
	<-p.revoke
	fencing.Wait()
	if len(dropped) != 1 || dropped[0] != (backbones.Span{First: number, Count: 1}) {
		t.Errorf("dropped %v", dropped)
	}
}
