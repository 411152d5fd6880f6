package lease_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/backbones/lease/leasetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

// clock is a time that passes only when it is told to.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	frozen time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// freeze stops the time that others see, until thaw.
func (c *clock) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = c.now
}

func (c *clock) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = time.Time{}
}

// stoppable is a session of a process that can be stopped, as SIGSTOP does: what it says waits, and so do the answers.
type stoppable struct {
	lease.Session
	mu sync.RWMutex
}

func (s *stoppable) wait() {
	s.mu.RLock()
	defer s.mu.RUnlock()
}

func (s *stoppable) Claim(ctx context.Context, all ...lease.Held) ([]lease.Claimed, error) {
	s.wait()
	defer s.wait()
	return s.Session.Claim(ctx, all...)
}

func (s *stoppable) Report(ctx context.Context, r lease.Report) (lease.Reported, error) {
	s.wait()
	defer s.wait()
	return s.Session.Report(ctx, r)
}

func (s *stoppable) Grant(ctx context.Context, a lease.Ask) (lease.Granted, error) {
	s.wait()
	defer s.wait()
	return s.Session.Grant(ctx, a)
}

// items yields count items, as the suite's source does.
type items struct{ next, count int }

func (s *items) Next(context.Context) (backbones.Block, error) {
	if s.next == s.count {
		return backbones.Block{}, io.EOF
	}
	s.next++
	return backbones.Block{Encoding: backbones.JSONLines, Count: 1, First: uint64(s.next - 1), Payload: fmt.Appendf(nil, `{"i":%d}`, s.next-1)}, nil
}

// A node is stopped in the middle of an item, or between the grant and the commit of one, for longer than its lease lasts. Another node
// does its items, and what it says once it goes on is refused.
func TestStoppedHolderIsRefused(t *testing.T) {
	const rounds, atOnce = 1000, 50
	gate := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for round := range rounds {
		gate <- struct{}{}
		wg.Go(func() {
			stoppedRound(t, rand.New(rand.NewPCG(1, uint64(round))))
			<-gate
		})
	}
	wg.Wait()
}

func stoppedRound(t *testing.T, random *rand.Rand) {
	const count, lasts = 12, 10 * time.Second
	time0 := &clock{now: time.Unix(1000, 0)}
	ofStopped := &clock{now: time.Unix(1000, 0)}
	queue := leasetest.New()
	// What the stopped node was delivered and has not claimed.
	queue.Redeliver = 20 * time.Millisecond
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: queue, Generation: 1, LeaseTime: lasts, Now: time0.time})
	queue.Serve(c)

	stopAt, granted := random.IntN(4), random.IntN(2) == 0
	stopped, goOn := make(chan struct{}), make(chan struct{})
	session := &stoppable{}
	var once sync.Once
	stop := func() {
		once.Do(func() {
			ofStopped.freeze()
			session.mu.Lock()
			close(stopped)
		})
		<-goOn
	}
	type commit struct {
		node         string
		again, after bool
	}
	var mu sync.Mutex
	commits := map[uint64][]commit{}
	ended := false
	run := func(name string, session lease.Session, now func() time.Time, script backbonetest.Script) error {
		crew := &backbonetest.Crew{T: t, Beats: true, Script: script}
		begun := 0
		p := lease.NewPuller(lease.PullerOptions{Session: session, Workers: 1, Now: now,
			Settle: func(ctx context.Context, o backbones.Outcomes, grant func(context.Context, []backbones.Span) (lease.Granted, error)) (backbones.Outcomes, error) {
				g, err := grant(ctx, o.Done)
				if err != nil {
					return o, err
				}
				if begun++; name == "stopped" && granted && begun == stopAt+1 {
					stop()
				}
				mu.Lock()
				defer mu.Unlock()
				for _, s := range g.Items {
					for i := range s.Count {
						n := s.First + uint64(i)
						again := false
						for _, a := range g.Again {
							again = again || n >= a.First && n < a.First+uint64(a.Count)
						}
						// Above 40 bits are those of the lease.
						item := n % (1 << 40)
						commits[item] = append(commits[item], commit{name, again, ended})
					}
				}
				o.Done = g.Items
				return o, nil
			}})
		err := p.Run(t.Context(), mp.New(mp.Options{Workers: 1, ChunkSize: 1, Start: crew.Start, Remaining: p.Remaining, Policy: p.Policy()}))
		crew.Wait()
		return err
	}
	session.Session = queue.Join(lease.Node{Name: "stopped", PID: 1, Workers: 1})
	var wg sync.WaitGroup
	wg.Go(func() {
		begun := 0
		if err := run("stopped", session, ofStopped.time, func(string, int) backbonetest.Act {
			if begun++; !granted && begun == stopAt+1 {
				stop()
			}
			return backbonetest.Do
		}); err != nil {
			t.Errorf("the stopped node ended with: %v", err)
		}
	})
	// The other node comes when the first is stopped.
	wg.Go(func() {
		<-stopped
		other := queue.Join(lease.Node{Name: "other", PID: 2, Workers: 1})
		if err := run("other", other, time0.time, nil); err != nil {
			t.Errorf("the other node ended with: %v", err)
		}
	})
	wg.Go(func() {
		<-stopped
		// The coordinator's clock looks often.
		for {
			select {
			case <-goOn:
				return
			case <-time.After(time.Millisecond):
				time0.pass(lasts / 10)
				c.Status()
			}
		}
	})
	outcomes := map[uint64]int{}
	who := map[string]int{}
	done := 0
	if err := c.Run(t.Context(), &items{count: count}, func(o backbones.Outcomes) error {
		for _, s := range o.Done {
			for i := range s.Count {
				outcomes[s.First+uint64(i)]++
				done++
			}
			who[o.Worker] += s.Count
		}
		if done == count {
			mu.Lock()
			ended = true
			mu.Unlock()
			ofStopped.pass(2 * lasts)
			ofStopped.thaw()
			session.mu.Unlock()
			close(goOn)
		}
		return nil
	}); err != nil {
		t.Errorf("run: %v", err)
	}
	wg.Wait()
	late := 0
	for n := range uint64(count) {
		if outcomes[n] != 1 {
			t.Errorf("item %d has %d outcomes", n, outcomes[n])
		}
		first := 0
		for _, c := range commits[n] {
			if !c.again {
				first++
			}
			if c.node == "stopped" && c.after {
				late++
			}
		}
		if first != 1 {
			t.Errorf("item %d was committed as the first %d times: %v", n, first, commits[n])
		}
	}
	if late > 1 {
		t.Errorf("the node that was stopped has put %d outputs in place afterwards; one was granted before", late)
	}
	if who["other/w0"] == 0 {
		t.Errorf("nothing was lent again: %v", who)
	}
}
