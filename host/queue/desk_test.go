package queue

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// testDesk is a desk with one node, whose id is "a".
func testDesk(book lease.Desk) (*desk, *member) {
	d := newDesk(&Queue{options: Options{LeaseTime: time.Second}, server: &Server{}}, book)
	m := &member{id: "a", node: lease.Node{Name: "n"}, seen: time.Now(), holds: map[lease.ID]uint64{}, uploads: map[uint64]*upload{}, answers: map[uint64][]byte{}}
	d.members["a"], d.names["n"] = m, m
	return d, m
}

// TestANodeMayComeBackBeforeItsFormerConnectionIsSeenToEnd: its former connection is found dead long after it has another.
func TestANodeMayComeBackBeforeItsFormerConnectionIsSeenToEnd(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s := dial(ctx, t, Join{Addresses: at(r.address())})
	other := must(connect(ctx, r.address(), s.id, testToken))(t)
	d := r.queue.desk
	count := func() (n int, gone bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.connections[s.id], !d.members[s.id].gone.IsZero()
	}
	until := func(want int) {
		t.Helper()
		for {
			n, gone := count()
			if gone {
				t.Fatalf("the node is taken for gone, with %d connections", n)
			}
			if n == want {
				return
			}
			check(t, r.queue.nats.FlushWithContext(ctx))
		}
	}
	until(2)
	other.Close()
	until(1)
	d.connected(s.id, -1)
	if _, gone := count(); !gone {
		t.Error("a node without a connection is not gone")
	}
}

// TestAStoppedCoordinatorLosesNobody: while it is stopped, nodes cannot be heard.
func TestAStoppedCoordinatorLosesNobody(t *testing.T) {
	d, m := testDesk(nil)
	now := time.Now()
	m.seen, m.gone, m.holds[1] = now, now, 7
	later := now.Add(time.Hour)
	if len(d.silent(later)) != 1 {
		t.Error("a node that has been silent for an hour is not lost")
	}
	d.forgive(time.Hour-time.Second, later)
	if len(d.silent(later)) != 0 {
		t.Error("a node is lost because the coordinator was stopped")
	}
	d.forgive(time.Hour, now)
	if m.seen.After(now) {
		t.Error("a node was heard in the future")
	}
}

// leaver is a book during whose answer the node is taken for lost.
type leaver struct {
	lease.Desk
	desk   *desk
	member *member
	left   int
}

func (l *leaver) Report(lease.Report) lease.Reported {
	l.desk.remove(l.member, true)
	return lease.Reported{}
}

func (l *leaver) Left(string, bool) { l.left++ }

// TestANodeThatIsLostWhileItIsAnsweredLeavesTheBook: else that would count it among the nodes for ever.
func TestANodeThatIsLostWhileItIsAnsweredLeavesTheBook(t *testing.T) {
	book := &leaver{}
	d, m := testDesk(book)
	book.desk, book.member = d, m
	delete(d.members, "a")
	m.id = newID()
	d.members[m.id] = m
	m.allowance = 1
	d.queue.names = namesOf(testToken)
	d.queue.piece = pieceBytes
	d.handle(&nats.Msg{Subject: d.queue.names.desk(m.id), Reply: inbox(m.id) + ".x", Data: request{op: opReport, parts: 1, body: encodeReport(lease.Report{})}.encode()})
	if book.left != 2 {
		t.Errorf("the book was told %d times", book.left)
	}
}

// TestUploadsOfOneNodeAreBounded, so that those of others have room.
func TestUploadsOfOneNodeAreBounded(t *testing.T) {
	d, m := testDesk(nil)
	parts := pieces(maxWhole, pieceBytes)
	taken := 0
	for call := range uint64(maxCalls) {
		for part := range parts - 1 {
			if _, _, st := d.collect(m, request{op: opReport, call: call, part: part, parts: parts, body: make([]byte, pieceBytes)}); st == statusOK {
				taken += pieceBytes
			}
		}
	}
	if d.uploaded > maxWhole || taken < maxWhole/2 {
		t.Errorf("%d bytes are kept, %d were taken", d.uploaded, taken)
	}
}
