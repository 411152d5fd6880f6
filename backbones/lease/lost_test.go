package lease

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// What a node has whose connection has ended is lent again at once. Only what it was granted waits, for the time of a grant.
func TestItemsOfALostNodeAreLentAtOnce(t *testing.T) {
	b := NewBook(BookOptions{Generation: 1, LeaseTime: 30 * time.Second, GrantTime: 3 * time.Second})
	b.Joined(Node{Name: "a", PID: 1, Workers: 2})
	if err := b.Add(block(0, 8, 0)); err != nil {
		t.Fatal(err)
	}
	b.End()
	granted, items := take(t, b, "a")
	free, freeItems := take(t, b, "a")
	if g := b.Grant(Ask{Node: "a", Held: granted, Items: items}); !slices.Equal(g.Items, items) {
		t.Fatalf("granted %v", g)
	}
	b.At(time.Second)
	b.Joined(Node{Name: "b", PID: 2, Workers: 2})
	b.Left("a", true)
	next, again := take(t, b, "b")
	if !slices.Equal(again, freeItems) || next.ID == free.ID {
		t.Errorf("lent at once: %v, want %v", again, freeItems)
	}
	if g := b.Grant(Ask{Node: "b", Held: next, Items: again}); !slices.Equal(g.Items, again) {
		t.Errorf("granted %v", g)
	}
	report(b, "b", next, done(again...))
	for l, ok := b.Next(); ok; l, ok = b.Next() {
		other := Held{Generation: 1, ID: l.ID, Epoch: 1}
		b.Claim(Claim{Node: "b", Held: other})
		for _, block := range l.Blocks {
			if block.First == items[0].First {
				t.Fatal("what the lost node may be putting in place is offered")
			}
			report(b, "b", other, done(backbones.Span{First: block.First, Count: block.Count}))
		}
	}
	b.At(3 * time.Second)
	held, last := take(t, b, "b")
	if !slices.Equal(last, items) {
		t.Errorf("lent after the time of a grant: %v, want %v", last, items)
	}
	if g := b.Grant(Ask{Node: "b", Held: held, Items: last}); !slices.Equal(g.Items, last) || !slices.Equal(g.Again, last) {
		t.Errorf("granted %+v", g)
	}
	if g := b.Grant(Ask{Node: "a", Held: granted, Items: items}); len(g.Items) > 0 {
		t.Errorf("the lost node was granted %v as well", g.Items)
	}
	report(b, "b", held, done(last...))
	if !b.Finished() {
		t.Error("it is not finished")
	}
}

// A node that comes back before anybody has claimed its items goes on with them.
func TestALostNodeThatComesBackKeepsItsItems(t *testing.T) {
	b := lent(t, 1, "a")
	held, items := take(t, b, "a")
	b.Left("a", true)
	b.Joined(Node{Name: "a", PID: 1, Workers: 2})
	if answer := report(b, "a", held, backbones.Outcomes{}); !slices.Contains(answer.Renewed, held) {
		t.Errorf("it was told %+v", answer)
	}
	report(b, "a", held, done(items...))
	if !b.Finished() {
		t.Error("it is not finished")
	}
}

// A coordinator that was started again publishes as soon as the nodes that there were have said what they are on, and waits for none if there
// were none.
func TestAnotherCoordinatorWaitsForNodesThatThereWere(t *testing.T) {
	const rejoin = 5 * time.Second
	for _, tt := range []struct {
		name          string
		o             CoordinatorOptions
		joins         []time.Duration
		want, unquiet time.Duration
	}{
		{name: "the first one", o: CoordinatorOptions{Generation: 1}},
		{name: "nothing is known", o: CoordinatorOptions{Generation: 2}, want: rejoin, unquiet: 3 * time.Second},
		{name: "there were none", o: CoordinatorOptions{Generation: 2, Known: true, Gone: time.Hour}},
		{
			name: "all come", o: CoordinatorOptions{Generation: 2, Known: true, Expected: 2, Gone: time.Second},
			joins: []time.Duration{0, time.Second}, want: time.Second + saidTime, unquiet: 2 * time.Second,
		},
		{
			name: "one does not come", o: CoordinatorOptions{Generation: 2, Known: true, Expected: 2},
			joins: []time.Duration{time.Second}, want: rejoin, unquiet: 3 * time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			now := began
			tt.o.Now, tt.o.GrantTime, tt.o.Rejoin = func() time.Time { return now }, 3*time.Second, rejoin
			c := NewCoordinator(tt.o)
			l := &loop{Coordinator: c, opened: tt.o.Generation <= 1}
			for at := time.Duration(0); !l.open(); at += 50 * time.Millisecond {
				now = began.Add(at)
				if len(tt.joins) > 0 && at >= tt.joins[0] {
					c.book.Joined(Node{Name: tt.joins[0].String(), PID: 1, Workers: 1})
					c.joined, tt.joins = at, tt.joins[1:]
				}
			}
			if got := now.Sub(began); got < tt.want || got > tt.want+100*time.Millisecond {
				t.Errorf("it publishes after %v, want %v", got, tt.want)
			}
			if c.book.o.Quiet != tt.unquiet {
				t.Errorf("it grants after %v, want %v", c.book.o.Quiet, tt.unquiet)
			}
		})
	}
}

// A pod that replaces another has its host name and its process number. It gets none of its leases, and not its quarantine either; the failures that
// were kept back on each of them come out in the end.
func TestAnotherProcessUnderTheNameOfALostOne(t *testing.T) {
	b := NewBook(BookOptions{Generation: 1, LeaseTime: 30 * time.Second})
	if err := b.Add(block(0, 3, 0)); err != nil {
		t.Fatal(err)
	}
	b.End()
	b.Joined(Node{Name: "other", Session: "o", Workers: 1})
	for _, session := range []string{"1", "2", "3"} {
		b.Joined(Node{Name: "pod", Host: "pod", PID: 1, Session: session, Workers: 1})
		held, items := take(t, b, "pod")
		failed := backbones.Outcomes{Failed: []backbones.FailedItem{{Number: items[0].First}}}
		report(b, "pod", held, failed)
		if len(b.Take().Outcomes) > 0 && session != "3" {
			t.Error("a failure of a node where nothing has succeeded was not kept back")
		}
	}
	if len(b.Figures()) != 4 || !b.Finished() {
		t.Errorf("%d nodes, finished: %v", len(b.Figures()), b.Finished())
	}
}

// A node that took its leave is not lost when another one comes under its name, as on a machine where a node is started again.
func TestANodeThatLeftIsNotLostLater(t *testing.T) {
	b := lent(t, 4, "a")
	b.Left("a", false)
	b.Joined(Node{Name: "a", PID: 2, Workers: 2})
	var earlier, now bool
	for _, n := range b.Figures() {
		earlier = earlier || n.Name == "a (earlier 1)" && n.Gone && !n.Lost
		now = now || n.Name == "a" && !n.Gone && !n.Lost
	}
	if !earlier || !now {
		t.Errorf("the nodes are %+v, want the earlier one that has left and the present one", b.Figures())
	}
}

// What a node says of its workers is bounded: others get leases by the number of all.
func TestTheNumberOfWorkersIsBounded(t *testing.T) {
	b := NewBook(BookOptions{Generation: 1, LeaseTime: 30 * time.Second})
	b.Joined(Node{Name: "a", PID: 1, Workers: math.MaxInt})
	b.Joined(Node{Name: "b", PID: 2, Workers: 2})
	b.Report(Report{Node: "b", Workers: 3, Busy: math.MaxInt})
	if f := b.fleet(); f.workers != maxWorkers+3 {
		t.Errorf("%d workers", f.workers)
	}
	if all := b.Figures(); all[1].Busy != 3 {
		t.Errorf("%d busy", all[1].Busy)
	}
}

// What nodes hand in after a restart is bounded, also when all of it has failed with long texts.
func TestWhatIsHandedInIsBounded(t *testing.T) {
	b := NewBook(BookOptions{Generation: 2, LeaseTime: 30 * time.Second})
	b.Joined(Node{Name: "a", PID: 1, Workers: 1})
	held := Held{Generation: 1, ID: 1, Epoch: 1}
	long := backbones.Outcomes{Failed: []backbones.FailedItem{{Failure: backbones.Failure{Message: strings.Repeat("x", 1<<20)}}}}
	for key := range uint64(2 * maxHandedText >> 20) {
		b.Report(Report{Node: "a", Sequence: 2*key + 1, Leases: []Progress{{Held: held, Keys: []uint64{key}}}})
		b.Report(Report{Node: "a", Sequence: 2*key + 2, Leases: []Progress{{Held: held, Outcomes: long, Keys: []uint64{key}}}})
	}
	if b.former.text > maxHandedText || b.former.text < maxHandedText/2 {
		t.Errorf("%d bytes of texts are kept", b.former.text)
	}
	b.End()
	for range 3 {
		b.At(b.now + 100*time.Second)
	}
	if f := &b.former; f.text != 0 || f.count != 0 || len(f.handed)+len(f.by) != 0 {
		t.Errorf("left: %d items, %d bytes, %d keys, %d leases", f.count, f.text, len(f.handed), len(f.by))
	}
}
