package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// listing yields items, one a block.
type listing struct{ next, count int }

func (l *listing) Next(context.Context) (backbones.Block, error) {
	if l.next == l.count {
		return backbones.Block{}, io.EOF
	}
	first := l.next
	l.next++
	return backbones.Block{Count: 1, First: uint64(first), Payload: fmt.Appendf(nil, "{\"i\":%d}", first)}, nil
}

// tally is what became of items.
type tally struct {
	mu           sync.Mutex
	done, failed map[uint64]int
}

func (c *tally) sink(o backbones.Outcomes) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range append(o.Done, o.Skipped...) {
		for i := range s.Count {
			c.done[s.First+uint64(i)]++
		}
	}
	for _, f := range o.Failed {
		c.failed[f.Number]++
	}
	return nil
}

// takes pulls a lease and claims it, and returns the items of it.
func takes(ctx context.Context, t *testing.T, s *Session) (lease.Held, []backbones.Span) {
	t.Helper()
	for {
		d := must(s.Pull(ctx, 1))(t)[0]
		c := must(s.Claim(ctx, held(d)))(t)[0]
		if c.Refused != "" {
			continue
		}
		var items []backbones.Span
		for _, b := range append(d.Lease.Blocks, c.Blocks...) {
			items = append(items, backbones.Span{First: b.First, Count: b.Count})
		}
		return held(d), items
	}
}

// A node that has the token fails items that it was lent, and nothing else: it neither ends, nor prolongs, nor commits, nor gives back what others have.
func TestAMaliciousNodeHarmsItsOwnItemsAlone(t *testing.T) {
	ctx := testContext(t)
	server := must(StartServer(ServerOptions{Listen: "127.0.0.1:0", Token: testToken}))(t)
	t.Cleanup(server.Close)
	q := must(server.Open(ctx, testOptions()))(t)
	t.Cleanup(q.Close)
	const count = 60
	c := lease.NewCoordinator(lease.CoordinatorOptions{Queue: q, Generation: 1, Policy: backbones.Policy{}})
	check(t, q.Serve(c))
	counted := &tally{done: map[uint64]int{}, failed: map[uint64]int{}}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, &listing{count: count}, counted.sink) }()
	there := Address{URL: "nats://" + server.Address(), Secret: Secret{Token: testToken}}

	honest := dial(ctx, t, Join{Addresses: at(there), Hello: Hello{Name: "honest", Workers: 1}})
	theirs, items := takes(ctx, t, honest)
	evil := dial(ctx, t, Join{Addresses: at(there), Hello: Hello{Name: "honest", Workers: 1 << 40}})
	if evil.Name() == "honest" {
		t.Fatal("a node got the name of another")
	}
	own, mine := takes(ctx, t, evil)

	// Reports about what others have, and about what there is not.
	everything := backbones.Outcomes{
		Done:   append([]backbones.Span{{First: 0, Count: count}}, items...),
		Failed: []backbones.FailedItem{{Number: items[0].First, Failure: backbones.Failure{Kind: backbones.KindError}}},
	}
	sequence := uint64(0)
	forge := func(h lease.Held, change func(*lease.Progress)) lease.Reported {
		t.Helper()
		p := lease.Progress{Held: h, Outcomes: everything, Moved: true, Ended: true}
		if change != nil {
			change(&p)
		}
		sequence++
		a, err := evil.Report(ctx, lease.Report{Sequence: sequence, Leases: []lease.Progress{p}})
		if !Is(err, NotAdmitted) {
			// One that makes no sense is not taken as a whole.
			check(t, err)
		}
		return a
	}
	for name, h := range map[string]lease.Held{
		"another's": theirs, "another epoch": {Generation: 1, ID: theirs.ID, Epoch: theirs.Epoch + 1}, "none": {Generation: 1, ID: 9999, Epoch: 1},
		"not lent": {Generation: 1, ID: theirs.ID + 5, Epoch: 1}, "later": {Generation: 7, ID: theirs.ID, Epoch: 1}, "large": {Generation: math.MaxUint64, ID: math.MaxUint64, Epoch: math.MaxUint64},
	} {
		if a := forge(h, nil); len(a.Renewed) > 0 {
			t.Errorf("%s: a forged report was taken: %+v", name, a)
		}
		if a := forge(h, func(p *lease.Progress) { p.Outcomes, p.Returned = backbones.Outcomes{}, items }); len(a.Renewed) > 0 {
			t.Errorf("%s: what another has was given back: %+v", name, a)
		}
		if g := must(evil.Grant(ctx, lease.Ask{Held: h, Items: items}))(t); len(g.Items) > 0 {
			t.Errorf("%s: the commit of another's items was granted: %+v", name, g)
		}
		w := &writer{}
		writeList(w, []claim{{held: h, nonce: 1, delivery: 1, items: true}}, writeClaim)
		if a := must(decodeAllClaimed(must(evil.call(ctx, opClaim, w.b))(t)))(t); len(a) != 1 || a[0].Refused == "" || len(a[0].Blocks) > 0 {
			t.Errorf("%s: a lease was claimed that was not delivered: %+v", name, a)
		}
	}
	// Outcomes of another's items in the report of a lease of its own, and of numbers that no item has.
	forge(own, func(p *lease.Progress) { p.Ended = false })
	for _, spans := range [][]backbones.Span{{{First: 1 << 63, Count: 1}}, {{First: 0, Count: math.MaxInt}}, {{First: math.MaxUint64, Count: 5}}} {
		forge(own, func(p *lease.Progress) { p.Outcomes, p.Ended = backbones.Outcomes{Done: spans}, false })
		if g, err := evil.Grant(ctx, lease.Ask{Held: own, Items: spans}); err == nil && len(g.Items) > 1 || err != nil && !Is(err, NotAdmitted) {
			t.Errorf("%v was granted: %+v, %v", spans, g, err)
		}
	}
	// Its own items are its own: it fails them.
	forge(own, func(p *lease.Progress) {
		p.Outcomes = backbones.Outcomes{}
		for _, s := range mine {
			for i := range s.Count {
				p.Outcomes.Failed = append(p.Outcomes.Failed, backbones.FailedItem{Number: s.First + uint64(i), Failure: backbones.Failure{Kind: backbones.KindError}})
			}
		}
	})
	// It says goodbye with what another has, and again and again.
	raw := (&run{server: server}).node(t, evil.id)
	farewell := request{op: opLeave, parts: 1, body: encodeGoodbye(goodbye{unclaimed: []claim{{held: theirs, nonce: 1, delivery: 1}}})}.encode()
	for range 3 {
		must(raw.RequestWithContext(ctx, q.names.desk(evil.id), farewell))(t)
	}
	tooLarge(t, server.Address())

	// The honest node does all that is left, its first lease included.
	p := lease.Progress{Held: theirs, Outcomes: backbones.Outcomes{Done: items}, Moved: true, Ended: true}
	if a := must(honest.Report(ctx, lease.Report{Sequence: 1, Leases: []lease.Progress{p}}))(t); len(a.Lost) > 0 {
		t.Errorf("the honest node has lost its lease: %+v", a)
	}
	number := uint64(1)
	for {
		got, err := honest.Pull(ctx, 4)
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		check(t, finish(ctx, honest, &number, got...))
	}
	check(t, honest.Leave(ctx, lease.Farewell{}))
	check(t, <-ended)
	counted.mu.Lock()
	defer counted.mu.Unlock()
	isMine := map[uint64]bool{}
	for _, s := range mine {
		for i := range s.Count {
			isMine[s.First+uint64(i)] = true
		}
	}
	for i := range uint64(count) {
		if counted.done[i]+counted.failed[i] != 1 || counted.failed[i] > 0 && !isMine[i] {
			t.Errorf("item %d was done %d and failed %d times; the malicious node's own: %v", i, counted.done[i], counted.failed[i], isMine[i])
		}
	}
	if len(counted.done)+len(counted.failed) > count {
		t.Errorf("%d items have an outcome, and there are %d", len(counted.done)+len(counted.failed), count)
	}
}

// tooLarge sends the beginning of a message that is larger than the server takes, and wants the connection to end.
func tooLarge(t *testing.T, address string) {
	t.Helper()
	id := newID()
	conn := must(net.Dial("tcp", address))(t)
	defer func() { _ = conn.Close() }()
	connect := `CONNECT {"verbose":false,"pedantic":false,"user":"` + id + `","pass":"` + testToken + `","protocol":1}` + "\r\n"
	must(conn.Write([]byte(connect + "PUB " + namesOf(testToken).desk(id) + " 99999999\r\n")))(t)
	said, _ := io.ReadAll(conn)
	if !strings.Contains(string(said), "-ERR 'Maximum Payload Violation'") {
		t.Errorf("the server said %q", said)
	}
}

// The server delivers leases, and the coordinator sends answers, to where a request says. What a malicious node writes there reaches no one else.
func TestAMaliciousNodeTurnsNoAnswerAgainstOthers(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	n := r.queue.names
	honest := dial(ctx, t, Join{Addresses: at(r.address())})
	evil := dial(ctx, t, Join{Addresses: at(r.address()), Hello: Hello{Name: "evil"}})
	// A session ends its connection when the server refuses a message of it. This one does not.
	raw := r.node(t, evil.id)
	// A node knows the subject of a lease that it gets.
	publish(ctx, t, r.queue, testLease(1, 1))
	own := must(raw.SubscribeSync(inbox(evil.id) + ".own"))(t)
	check(t, raw.PublishRequest(n.next, own.Subject, []byte(`{"batch":1}`)))
	got := must(own.NextMsgWithContext(ctx))(t)
	if got.Subject != n.lease && got.Subject != own.Subject {
		t.Fatalf("the node has learned of the subject %s", got.Subject)
	}
	for _, reply := range []string{
		n.lease, n.lease + ".", n.lease + ".x", n.lease + ".*", n.lease + ".>", got.Subject, n.say, n.desk(honest.id), n.desk(evil.id), n.deskPrefix + "*", n.beat(honest.id),
		inbox(honest.id) + ".lease.1", "$JS.API.STREAM.DELETE." + n.stream, "$JS.API.STREAM.PURGE." + n.stream, "$JS.ACK." + n.stream + "." + n.consumer + ".1.1.1.0.0", "_INBOX.>",
	} {
		for _, q := range []request{{op: opGrant, parts: 1}, {op: opJoin, parts: 1}, {op: opReport, parts: 1}, {op: opFetch, parts: 1}, {op: opEnd}} {
			check(t, raw.PublishRequest(n.desk(evil.id), reply, q.encode()))
		}
		if reply != inbox(honest.id)+".lease.1" { // the number is secret
			check(t, raw.PublishRequest(n.next, reply, []byte(`{"batch":3,"expires":1000000000}`)))
		}
	}
	check(t, raw.FlushWithContext(ctx))
	all := append([]lease.Lease{testLease(1, 1)}, testLeases(61, 1)[1:]...)
	publish(ctx, t, r.queue, all[1:]...)
	if open := must(r.queue.Open(ctx))(t); open != len(all) {
		t.Errorf("the stream has %d leases, and should have %d", open, len(all))
	}
	evil.Close()
	end := worker(ctx, honest, 1)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
	r.clerk.wantOnce(t, all...)
	untilOpen(ctx, t, r.queue, 0)
	check(t, r.queue.End(ctx))
	check(t, <-end)
}

// A node that gets what it cannot read, on a team's server where others may publish, asks again.
func TestANodeAsksAgainAfterWhatItCannotRead(t *testing.T) {
	ctx := testContext(t)
	o := testOptions()
	o.LeaseTime = time.Minute
	r := startRun(ctx, t, ServerOptions{}, o)
	s := dial(ctx, t, Join{Local: r.server})
	for range 3 {
		check(t, r.queue.nats.Publish(r.queue.offers, []byte("of somebody else")))
	}
	end := worker(ctx, s, 1)
	publish(ctx, t, r.queue, testLeases(5, 1)...)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == 5 })
	check(t, r.queue.End(ctx))
	check(t, <-end)
}

// A node that has had no item neither holds the end of the run by showing that it is alive, nor says how the run has ended. One that has had some is
// waited for and named.
func TestTheEndWaitsForNodesThatHadItems(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	publish(ctx, t, r.queue, testLease(1, 1))
	worked := dial(ctx, t, Join{Local: r.server, Hello: Hello{Name: "worked"}})
	takes(ctx, t, worked)
	idle := dial(ctx, t, Join{Local: r.server, Hello: Hello{Name: "idle"}})
	go func() {
		for wait(ctx, 100*time.Millisecond) == nil && idle.over() == nil {
			for _, s := range []*Session{worked, idle} {
				if l, err := s.live(ctx); err == nil {
					l.beat()
				}
			}
		}
	}()
	short, cancel := context.WithTimeout(ctx, lostAfter+5*watchEvery)
	defer cancel()
	err := r.queue.End(short)
	if err == nil || !strings.Contains(err.Error(), "1 nodes have not left (worked)") {
		t.Errorf("the end of the run: %v", err)
	}
	check(t, worked.Leave(ctx, lease.Farewell{}))
	check(t, r.queue.End(ctx))
	idle.Close()
}

func TestNamesOfNodes(t *testing.T) {
	for asked, want := range map[string]string{
		"": "", "node-1.cluster_a": "node-1.cluster_a", "-rf": "rf", "..": "", "../../x": "_.._x", "desk/w1": "desk_w1", "evil\x1b[31m": "evil__31m", "a b": "a_b",
		"köln": "k_ln", "\xff": "_", strings.Repeat("x", 100): strings.Repeat("x", maxName), strings.Repeat("é", 100): strings.Repeat("_", maxName),
	} {
		if got := nameOf(asked); got != want {
			t.Errorf("%q is named %q, want %q", asked, got, want)
		}
	}
}
