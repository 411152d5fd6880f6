package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

func TestTheQueueIsMadeAnewWhenItIsGone(t *testing.T) {
	for _, what := range []string{"consumer", "stream"} {
		t.Run(what, func(t *testing.T) {
			ctx := testContext(t)
			r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
			all := testLeases(50, 3)
			publish(ctx, t, r.queue, all...)
			idle := dial(ctx, t, Join{Addresses: at(r.address())})
			// It has claimed one, and waits for more, when the queue goes.
			first := must(idle.Pull(ctx, 1))(t)
			var sequence uint64
			check(t, finish(ctx, idle, &sequence, first[0]))
			if what == "consumer" {
				check(t, r.queue.js.DeleteConsumer(ctx, r.queue.names.stream, r.queue.names.consumer))
			} else {
				check(t, r.queue.js.DeleteStream(ctx, r.queue.names.stream))
			}
			untilOpen(ctx, t, r.queue, noQueue)
			if what == "stream" {
				if err := r.queue.Publish(ctx, testLease(99, 1)); !errors.Is(err, lease.ErrGone) {
					t.Errorf("publishing to no stream: %v", err)
				}
			}
			done := worker(ctx, idle, 3)
			check(t, r.queue.Renew(ctx))
			publish(ctx, t, r.queue, all[1:]...)
			r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
			check(t, r.queue.End(ctx))
			check(t, <-done)
			r.clerk.wantOnce(t, all...)
		})
	}
}

func TestDeliveriesAfterRenewHaveHigherNumbers(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	s := dial(ctx, t, Join{Local: r.server})
	l := testLease(1, 1)
	publish(ctx, t, r.queue, l)
	before := must(s.Pull(ctx, 1))(t)[0]
	check(t, r.queue.Renew(ctx))
	publish(ctx, t, r.queue, l)
	after := must(s.Pull(ctx, 1))(t)[0]
	if after.Lease.ID != before.Lease.ID || after.Number <= before.Number {
		t.Errorf("delivery %d of lease %d after delivery %d of lease %d", after.Number, after.Lease.ID, before.Number, before.Lease.ID)
	}
}

func TestOnlyTheCoordinatorKeepsALease(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	publish(ctx, t, r.queue, testLease(1, 1))
	old, next := dial(ctx, t, Join{Addresses: at(r.address())}), dial(ctx, t, Join{Addresses: at(r.address())})
	first := must(old.Pull(ctx, 1))(t)[0]
	claimed := must(old.Claim(ctx, held(first)))(t)[0]
	if claimed.Refused != "" {
		t.Fatal(claimed.Refused)
	}
	// Nothing keeps it, so that the next one gets it when its time is over.
	second := must(next.Pull(ctx, 1))(t)[0]
	if second.Lease.ID != 1 || second.Number <= first.Number {
		t.Fatalf("got delivery %d of lease %d after delivery %d", second.Number, second.Lease.ID, first.Number)
	}
	claimed = must(next.Claim(ctx, held(second)))(t)[0]
	if claimed.Refused != "" {
		t.Fatal(claimed.Refused)
	}
	answer := must(old.Report(ctx, lease.Report{Sequence: 1, Leases: []lease.Progress{{Held: held(first), Ended: true}}}))(t)
	if len(answer.Lost) != 1 {
		t.Errorf("the old holder was not told: %+v", answer)
	}
	untilOpen(ctx, t, r.queue, 1)
	answer = must(next.Report(ctx, lease.Report{Sequence: 1, Leases: []lease.Progress{{Held: held(second), Ended: true}}}))(t)
	if len(answer.Renewed) != 1 {
		t.Errorf("the new holder was refused: %+v", answer)
	}
	untilOpen(ctx, t, r.queue, 0)
}

func TestBackHasALeaseDeliveredOnceMore(t *testing.T) {
	ctx := testContext(t)
	o := testOptions()
	o.LeaseTime = testLimit
	r := startRun(ctx, t, ServerOptions{}, o)
	publish(ctx, t, r.queue, testLease(1, 1))
	a, b := dial(ctx, t, Join{Local: r.server}), dial(ctx, t, Join{Local: r.server})
	first := must(a.Pull(ctx, 1))(t)[0]
	must(a.Claim(ctx, held(first)))(t)
	r.queue.Back(1, 77)
	second := must(b.Pull(ctx, 1))(t)[0]
	if second.Number != first.Number+1 {
		t.Errorf("delivery %d after %d", second.Number, first.Number)
	}
	r.queue.Done(1, 77)
	untilOpen(ctx, t, r.queue, 0)
}

func TestDoneTakesOutWhatNobodyHasClaimed(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	publish(ctx, t, r.queue, testLeases(3, 1)...)
	s := dial(ctx, t, Join{Local: r.server})
	d := must(s.Pull(ctx, 1))(t)[0]
	r.queue.Done(1, 2, 3)
	untilOpen(ctx, t, r.queue, 0)
	claimed := must(s.Claim(ctx, held(d)))(t)[0]
	if claimed.Refused == "" {
		t.Error("a lease that is done was claimed")
	}
	// The consumer goes on behind the hole.
	publish(ctx, t, r.queue, testLease(4, 1))
	if d := must(s.Pull(ctx, 1))(t)[0]; d.Lease.ID != 4 {
		t.Errorf("got lease %d", d.Lease.ID)
	}
}

func TestPublishWaitsForRoom(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	r.queue.window = 3 * (sizeOf(testLease(1, 1).Blocks) + noticeBytes)
	publish(ctx, t, r.queue, testLeases(3, 1)...)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := r.queue.Publish(short, testLease(4, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	published := make(chan error, 1)
	go func() { published <- r.queue.Publish(ctx, testLease(4, 1)) }()
	r.queue.Done(2)
	check(t, <-published)
	untilOpen(ctx, t, r.queue, 3)
}

// TestPublishFindsItsLeasesBehindOthers: on a team's server any client of the account can publish there, too, and the numbers of a batch are then not
// those that follow its predecessor's.
func TestPublishFindsItsLeasesBehindOthers(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	all := testLeases(60, 1)
	publish(ctx, t, r.queue, all[:20]...)
	check(t, r.queue.nats.Publish(r.queue.offers, []byte("of somebody else")))
	publish(ctx, t, r.queue, all[20:40]...)
	publish(ctx, t, r.queue, all[40:]...)
	untilOpen(ctx, t, r.queue, 61)
	s := dial(ctx, t, Join{Local: r.server})
	end := worker(ctx, s, 64)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == 60 })
	untilOpen(ctx, t, r.queue, 1)
	r.clerk.wantOnce(t, all...)
	check(t, r.queue.End(ctx))
	check(t, <-end)
}

// TestManyLeasesAreClaimedAtOnce: their items make more than an answer has room for.
func TestManyLeasesAreClaimedAtOnce(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	var all []lease.Lease
	for i := range lease.ID(maxClaims + 10) {
		all = append(all, testLease(i+1, 900))
		if i%10 == 0 {
			all[i].Blocks[0].Payload = append(all[i].Blocks[0].Payload, bytes.Repeat([]byte(" "), 1<<20)...)
		}
	}
	publish(ctx, t, r.queue, all...)
	s := dial(ctx, t, Join{Addresses: at(r.address())})
	var got []lease.Delivery
	for len(got) < len(all) {
		got = append(got, must(s.Pull(ctx, len(all)-len(got)))(t)...)
	}
	var sequence uint64
	check(t, finish(ctx, s, &sequence, got...))
	r.clerk.wantOnce(t, all...)
}

func TestLeaveGivesBackWhatWasNotClaimed(t *testing.T) {
	ctx := testContext(t)
	o := testOptions()
	o.LeaseTime = testLimit
	r := startRun(ctx, t, ServerOptions{}, o)
	publish(ctx, t, r.queue, testLeases(4, 1)...)
	s := dial(ctx, t, Join{Local: r.server, Hello: Hello{Name: "one"}})
	got := must(s.Pull(ctx, 4))(t)
	for len(got) < 4 {
		got = append(got, must(s.Pull(ctx, 4))(t)...)
	}
	check(t, s.Leave(ctx, lease.Farewell{}))
	next := dial(ctx, t, Join{Local: r.server, Hello: Hello{Name: "two"}})
	end := worker(ctx, next, 4)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == 4 })
	check(t, r.queue.End(ctx))
	check(t, <-end)
	if fmt.Sprint(r.clerk.seen().left) != "[one false two false]" {
		t.Errorf("left: %v", r.clerk.seen().left)
	}
}

func TestANodeThatVanishesIsTold(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s := dial(ctx, t, Join{Addresses: at(r.address()), Hello: Hello{Name: "one"}})
	s.Close()
	r.clerk.until(ctx, t, "left", func() bool { return fmt.Sprint(r.clerk.left) == "[one true]" })
}

func TestANodeComesBackAfterItsConnectionBroke(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s := dial(ctx, t, Join{Addresses: at(r.address()), Hello: Hello{Name: "one"}})
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	l.nats.Close()
	publish(ctx, t, r.queue, testLease(1, 1))
	var sequence uint64
	check(t, finish(ctx, s, &sequence, must(s.Pull(ctx, 1))(t)[0]))
	if len(r.clerk.seen().joined) != 1 || len(r.clerk.seen().left) != 0 {
		t.Errorf("joined %v, left %v", r.clerk.seen().joined, r.clerk.seen().left)
	}
}

// relay forwards connections to an address until it is cut: from then on the connections that there are stay open, and nothing gets through.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	cut      bool
	all      []net.Conn
	work     sync.WaitGroup
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	p := &relay{listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	p.work.Go(func() {
		for {
			in, err := p.listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.all = append(p.all, in, out)
			p.mu.Unlock()
			old := p.isCut
			if old() {
				old = func() bool { return false } // a new connection gets through
			}
			p.work.Go(func() { forward(in, out, old) })
			p.work.Go(func() { forward(out, in, old) })
		}
	})
	t.Cleanup(func() {
		p.listener.Close()
		p.mu.Lock()
		for _, c := range p.all {
			c.Close()
		}
		p.mu.Unlock()
		p.work.Wait()
	})
	return p
}

func (p *relay) isCut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

func forward(to, from net.Conn, cut func() bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if !cut() {
			_, _ = to.Write(b[:n])
		}
	}
}

func TestANodeLeavesAConnectionThatSwallowsEverything(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	between := startRelay(t, r.server.Address())
	a := r.address()
	a.URL = "nats://" + between.listener.Addr().String()
	s := dial(ctx, t, Join{Addresses: at(a)})
	must(s.Report(ctx, lease.Report{Sequence: 1}))(t)
	between.mu.Lock()
	between.cut = true
	between.mu.Unlock()
	began := time.Now()
	must(s.Report(ctx, lease.Report{Sequence: 2}))(t)
	t.Log("answered after", time.Since(began))
}

// restart ends the server as a killed coordinator does, and starts the next generation at its address.
func (r *run) restart(ctx context.Context, t *testing.T, generation uint64) *run {
	t.Helper()
	address := r.server.Address()
	r.server.Close()
	r.queue.Close()
	o := testOptions()
	o.Generation = generation
	return startRun(ctx, t, ServerOptions{Listen: address, Certificate: r.server.options.Certificate}, o)
}

func TestNodesFindACoordinatorThatIsStartedAgain(t *testing.T) {
	ctx := testContext(t)
	certificate := must(ParseCertificate(must(NewCertificate())(t)))(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0", Certificate: certificate}, testOptions())
	a := r.address()
	a.Secret.Fingerprint = Fingerprint(certificate)
	s := dial(ctx, t, Join{Addresses: at(a), Hello: Hello{Name: "one"}})
	publish(ctx, t, r.queue, testLease(1, 1))
	old := must(s.Pull(ctx, 1))(t)[0]
	must(s.Claim(ctx, held(old)))(t)
	r = r.restart(ctx, t, 2)
	began := time.Now()
	// What was finished meanwhile is handed in.
	answer := must(s.Report(ctx, lease.Report{Sequence: 1, Leases: []lease.Progress{{Held: held(old), Ended: true}}}))(t)
	if len(answer.Lost) != 1 {
		t.Errorf("answer: %+v", answer)
	}
	if s.Generation() != 2 || s.Name() != "one" {
		t.Errorf("%s is in generation %d", s.Name(), s.Generation())
	}
	t.Log("found again after", time.Since(began))
	l := testLease(1, 1)
	l.Generation = 2
	publish(ctx, t, r.queue, l)
	var sequence uint64
	check(t, finish(ctx, s, &sequence, must(s.Pull(ctx, 1))(t)[0]))
	r.clerk.wantOnce(t, l)
	end := worker(ctx, s, 1)
	check(t, r.queue.End(ctx))
	check(t, <-end)
}

func TestANodeFollowsACoordinatorThatMoves(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	addresses := make(chan Address, 1)
	addresses <- r.address()
	s := dial(ctx, t, Join{Addresses: func() ([]Address, error) {
		a := <-addresses
		addresses <- a
		return []Address{a}, nil
	}})
	o := testOptions()
	o.Generation = 2
	next := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, o)
	<-addresses
	addresses <- next.address()
	r.server.Close()
	l := testLease(5, 2)
	l.Generation = 2
	publish(ctx, t, next.queue, l)
	if d := must(s.Pull(ctx, 1))(t)[0]; d.Lease.ID != 5 || d.Lease.Generation != 2 {
		t.Errorf("got %+v", d)
	}
}

func TestANodeGivesUpWhenItsCoordinatorStaysAway(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s := dial(ctx, t, Join{Addresses: at(r.address()), Reconnect: 300 * time.Millisecond})
	r.server.Close()
	_, err := s.Pull(ctx, 1)
	wantRefused(t, err, Lost)
	_, err = s.Report(ctx, lease.Report{Sequence: 1})
	wantRefused(t, err, Lost)
}

func TestANodeFollowsNoOlderCoordinator(t *testing.T) {
	ctx := testContext(t)
	o := testOptions()
	o.Generation = 7
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, o)
	old := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s := dial(ctx, t, Join{Addresses: at(r.address(), old.address()), Reconnect: time.Second})
	r.server.Close()
	_, err := s.Pull(ctx, 1)
	wantRefused(t, err, Lost)
	if len(old.clerk.seen().left)+len(old.clerk.seen().joined) > 0 && s.Generation() != 7 {
		t.Errorf("the node is in generation %d", s.Generation())
	}
}

func TestTheEndIsToldToLateNodes(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s := dial(ctx, t, Join{Addresses: at(r.address())})
	ended := make(chan error, 1)
	go func() { ended <- r.queue.End(ctx) }()
	if _, err := s.Pull(ctx, 1); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_, err := Dial(ctx, Join{Addresses: at(r.address())})
	wantRefused(t, err, Ended)
	check(t, s.Leave(ctx, lease.Farewell{}))
	check(t, <-ended)
}

func held(d lease.Delivery) lease.Held {
	return lease.Held{Generation: d.Lease.Generation, ID: d.Lease.ID, Epoch: d.Number}
}
