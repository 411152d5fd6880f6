package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testLimit = 60 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantRefused checks that err is a Refused with the reason, in one line.
func wantRefused(t testing.TB, err error, reason Reason) {
	t.Helper()
	if !Is(err, reason) {
		t.Fatalf("got %v, want %q", err, reason)
	}
	t.Log(err)
}

// clerk is a desk that gives each lease to the last node that claims it, and counts it as done when it has ended.
type clerk struct {
	queue *Queue
	mu    sync.Mutex
	epoch map[lease.ID]uint64
	// done counts the outcomes of each item, ended the leases that have ended.
	done      map[uint64]int
	failed    []backbones.FailedItem
	ended     int
	reports   []lease.Report
	joined    []string
	left      []string
	farewells []lease.Farewell
	// changed is closed and replaced at each message.
	changed chan struct{}
	// hold: a lease that has ended is not taken out.
	hold bool
}

func newClerk(q *Queue) *clerk {
	return &clerk{queue: q, epoch: map[lease.ID]uint64{}, done: map[uint64]int{}, changed: make(chan struct{})}
}

// locked runs f, and wakes who waits.
func (c *clerk) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *clerk) Claim(a lease.Claim) (answer lease.Claimed) {
	c.locked(func() {
		if a.Held.Epoch < c.epoch[a.Held.ID] {
			answer.Refused = "another node has it"
			return
		}
		c.epoch[a.Held.ID] = a.Held.Epoch
		answer.For = time.Second
		answer.Blocks = c.queue.anyBlocks(a.Held.ID)
	})
	return answer
}

// anyBlocks are those of a lease that do not go through the stream. The Book would have them.
func (q *Queue) anyBlocks(id lease.ID) []backbones.Block {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[id]; e != nil {
		return e.blocks
	}
	return nil
}

func (c *clerk) Report(r lease.Report) (answer lease.Reported) {
	var over []lease.ID
	c.locked(func() {
		c.reports = append(c.reports, r)
		for _, p := range r.Leases {
			if p.Held.Epoch != c.epoch[p.Held.ID] {
				answer.Lost = append(answer.Lost, p.Held)
				continue
			}
			for _, s := range p.Outcomes.Done {
				for i := range s.Count {
					c.done[s.First+uint64(i)]++
				}
			}
			c.failed = append(c.failed, p.Outcomes.Failed...)
			answer.Renewed = append(answer.Renewed, p.Held)
			if p.Ended {
				c.ended++
				over = append(over, p.Held.ID)
			}
		}
	})
	if !c.hold {
		c.queue.Done(over...)
	}
	return answer
}

func (c *clerk) Grant(a lease.Ask) lease.Granted { return lease.Granted{Items: a.Items} }
func (c *clerk) Farewell(name string, f lease.Farewell) {
	c.locked(func() { c.farewells = append(c.farewells, f) })
}

func (c *clerk) Joined(n lease.Node) { c.locked(func() { c.joined = append(c.joined, n.Name) }) }
func (c *clerk) Left(name string, lost bool) {
	c.locked(func() { c.left = append(c.left, fmt.Sprintf("%s %v", name, lost)) })
}

// record is what a clerk has seen.
type record struct {
	epoch        map[lease.ID]uint64
	failed       []backbones.FailedItem
	reports      []lease.Report
	joined, left []string
}

func (c *clerk) seen() record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return record{maps.Clone(c.epoch), slices.Clone(c.failed), slices.Clone(c.reports), slices.Clone(c.joined), slices.Clone(c.left)}
}

// until waits for a state of the clerk.
func (c *clerk) until(ctx context.Context, t testing.TB, what string, f func() bool) {
	t.Helper()
	for {
		c.mu.Lock()
		ok, changed := f(), c.changed
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, ctx.Err())
		}
	}
}

const testToken = "a-token-of-the-tests"

func testOptions() Options {
	return Options{Run: "tests", Generation: 1, Token: testToken, Version: "v1", LeaseTime: time.Second, Welcome: []byte(`{"task":"t"}`)}
}

// run is an embedded server with a queue.
type run struct {
	server *Server
	queue  *Queue
	clerk  *clerk
}

func startRun(ctx context.Context, t testing.TB, so ServerOptions, o Options) *run {
	t.Helper()
	if so.Token == "" {
		so.Token = testToken
	}
	r := &run{server: must(StartServer(so))(t)}
	t.Cleanup(r.server.Close)
	r.queue = must(r.server.Open(ctx, o))(t)
	t.Cleanup(r.queue.Close)
	r.clerk = newClerk(r.queue)
	check(t, r.queue.Serve(r.clerk))
	return r
}

func (r *run) address() Address {
	return Address{URL: "nats://" + r.server.Address(), Secret: Secret{Token: testToken}}
}

func at(a ...Address) func() ([]Address, error) { return func() ([]Address, error) { return a, nil } }

func dial(ctx context.Context, t testing.TB, j Join) *Session {
	t.Helper()
	s := must(Dial(ctx, j))(t)
	t.Cleanup(s.Close)
	return s
}

// testLease has n items of one JSON block.
func testLease(id lease.ID, n int) lease.Lease {
	first := uint64(id) * 1000
	var payload []byte
	for i := range n {
		payload = fmt.Appendf(payload, "{\"i\":%d}\n", first+uint64(i))
	}
	return lease.Lease{Generation: 1, ID: id, Blocks: []backbones.Block{{Count: n, First: first, Payload: payload}}}
}

// work claims and finishes deliveries until the run has ended.
func work(ctx context.Context, s *Session, n int) error {
	var sequence uint64
	for {
		got, err := s.Pull(ctx, n)
		if errors.Is(err, io.EOF) {
			return s.Leave(ctx, lease.Farewell{})
		}
		if err != nil {
			return err
		}
		if err := finish(ctx, s, &sequence, got...); err != nil {
			return err
		}
	}
}

// finish claims leases, and reports all their items done.
func finish(ctx context.Context, s *Session, sequence *uint64, got ...lease.Delivery) error {
	var all []lease.Held
	for _, d := range got {
		all = append(all, held(d))
	}
	answers, err := s.Claim(ctx, all...)
	if err != nil {
		return err
	}
	*sequence++
	r := lease.Report{Sequence: *sequence}
	for i, d := range got {
		if answers[i].Refused != "" {
			continue
		}
		p := lease.Progress{Held: all[i], Moved: true, Ended: true}
		for _, b := range append(d.Lease.Blocks, answers[i].Blocks...) {
			p.Outcomes.Done = append(p.Outcomes.Done, backbones.Span{First: b.First, Count: b.Count})
		}
		r.Leases = append(r.Leases, p)
	}
	_, err = s.Report(ctx, r)
	return err
}

// worker starts work in the background.
func worker(ctx context.Context, s *Session, n int) <-chan error {
	c := make(chan error, 1)
	go func() { c <- work(ctx, s, n) }()
	return c
}

// wantOnce checks that every item of the leases has one outcome.
func (c *clerk) wantOnce(t testing.TB, leases ...lease.Lease) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	items := 0
	for _, l := range leases {
		for _, b := range l.Blocks {
			items += b.Count
			for i := range b.Count {
				if n := c.done[b.First+uint64(i)]; n != 1 {
					t.Fatalf("item %d has %d outcomes", b.First+uint64(i), n)
				}
			}
		}
	}
	if len(c.done) != items {
		t.Fatalf("%d items have outcomes, want %d", len(c.done), items)
	}
}

func testLeases(n, items int) []lease.Lease {
	all := make([]lease.Lease, n)
	for i := range all {
		all[i] = testLease(lease.ID(i+1), items)
	}
	return all
}

func publish(ctx context.Context, t testing.TB, q *Queue, all ...lease.Lease) {
	t.Helper()
	check(t, q.Publish(ctx, all...))
}

// noQueue is what untilOpen waits for if the queue is to be gone.
const noQueue = -1

// untilOpen waits until the queue has n open leases. What the server does with an acknowledgement is told to nobody.
func untilOpen(ctx context.Context, t testing.TB, q *Queue, n int) {
	t.Helper()
	for {
		switch got, err := q.Open(ctx); {
		case errors.Is(err, lease.ErrGone) && n == noQueue:
			return
		case err != nil && ctx.Err() == nil && n == noQueue: // the server is starting
		case err != nil:
			t.Fatalf("waiting for %d open leases, %d are: %v", n, got, err)
		case got == n:
			return
		}
	}
}
