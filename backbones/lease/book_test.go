package lease

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// block has count items from the number first, each with size bytes at least.
func block(first, count, size int) backbones.Block {
	lines := make([]string, count)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"i":%d,"x":"%s"}`, first+i, strings.Repeat("x", size))
	}
	return backbones.Block{Encoding: backbones.JSONLines, Count: count, First: uint64(first), Payload: []byte(strings.Join(lines, "\n"))}
}

// lent is a Book with some items, and nodes of two workers each.
func lent(t *testing.T, count int, nodes ...string) *Book {
	t.Helper()
	b := NewBook(BookOptions{Generation: 1, LeaseTime: 10 * time.Second})
	for i, n := range nodes {
		b.Joined(Node{Name: n, PID: i + 1, Workers: 2})
	}
	if err := b.Add(block(0, count, 0)); err != nil {
		t.Fatal(err)
	}
	b.End()
	return b
}

// take claims the next lease for a node.
func take(t *testing.T, b *Book, node string) (Held, []backbones.Span) {
	t.Helper()
	l, ok := b.Next()
	if !ok {
		t.Fatalf("%s got no lease", node)
	}
	held := Held{Generation: 1, ID: l.ID, Epoch: 1}
	if answer := b.Claim(Claim{Node: node, Held: held}); answer.Refused != "" {
		t.Fatalf("refused: %s", answer.Refused)
	}
	var items []backbones.Span
	for _, block := range l.Blocks {
		items = append(items, backbones.Span{First: block.First, Count: block.Count})
	}
	return held, items
}

func done(items ...backbones.Span) backbones.Outcomes {
	return backbones.Outcomes{Worker: "w0", Mean: time.Second, Done: items}
}

func failed(items ...backbones.Span) (o backbones.Outcomes) {
	for _, s := range items {
		for i := range s.Count {
			o.Failed = append(o.Failed, backbones.FailedItem{Number: s.First + uint64(i), Failure: backbones.Failure{Kind: backbones.KindError, Message: "no GPU"}})
		}
	}
	return o
}

func report(b *Book, node string, held Held, o backbones.Outcomes) Reported {
	return b.Report(Report{Node: node, Workers: 2, Leases: []Progress{{Held: held, Moved: true, Outcomes: o}}})
}

func TestLateLeasesAreLentTwice(t *testing.T) {
	b := lent(t, 4, "a", "b")
	slow, items := take(t, b, "a")
	b.At(time.Second)
	for {
		l, ok := b.Next()
		if !ok {
			break
		}
		held := Held{Generation: 1, ID: l.ID, Epoch: 1}
		b.Claim(Claim{Node: "b", Held: held})
		for _, block := range l.Blocks {
			report(b, "b", held, done(backbones.Span{First: block.First, Count: block.Count}))
		}
	}
	// An item takes a second; the lease is renewed, and is not late yet.
	for now := time.Second; now < 3*time.Second; now += time.Second {
		b.At(now)
		report(b, "a", slow, backbones.Outcomes{})
		if l, ok := b.Next(); ok {
			t.Fatalf("lease %d was lent a second time after %v", l.ID, now)
		}
	}
	b.At(6 * time.Second)
	twin, again := take(t, b, "b")
	if diff := cmp.Diff(items, again); diff != "" {
		t.Error(diff)
	}
	if g := b.Grant(Ask{Node: "b", Held: twin, Items: items}); !slices.Equal(g.Items, items) || g.Again != nil {
		t.Errorf("the second holder was granted %v", g)
	}
	if g := b.Grant(Ask{Node: "a", Held: slow, Items: items}); g.Items != nil {
		t.Errorf("the first holder was granted %v as well", g)
	}
	b.Take()
	report(b, "a", slow, done(items...))
	if e := b.Take(); len(e.Outcomes) != 0 {
		t.Errorf("the outcome of a node without a grant counts: %v", e.Outcomes)
	}
	report(b, "b", twin, done(items...))
	if !b.Finished() {
		t.Error("it is not finished")
	}
	if answer := report(b, "a", slow, backbones.Outcomes{}); !slices.Contains(answer.Lost, slow) {
		t.Errorf("the slow node was told %+v", answer)
	}
}

// A node that dies between a delivery and its claim does not hold up those that have nothing.
func TestLeasesThatNobodyClaimsAreOfferedAnew(t *testing.T) {
	b := lent(t, 1, "a")
	l, _ := b.Next()
	b.At(claimTime - 1)
	if e := b.Take(); e.Done != nil {
		t.Errorf("taken back after %v: %v", claimTime-1, e.Done)
	}
	b.At(claimTime + time.Second)
	if e := b.Take(); !slices.Equal(e.Done, []ID{l.ID}) {
		t.Errorf("taken back: %v, want %d", e.Done, l.ID)
	}
	held, items := take(t, b, "a")
	if held.ID == l.ID || len(items) != 1 {
		t.Errorf("lease %d has %v", held.ID, items)
	}
	if answer := b.Claim(Claim{Node: "a", Held: Held{Generation: 1, ID: l.ID, Epoch: 1}}); answer.Refused == "" {
		t.Error("the one that was taken back is lent as well")
	}
}

func TestNodeThatOnlyFailsIsQuarantined(t *testing.T) {
	b := lent(t, 200, "good", "bad")
	var lost int
	for b.Open() >= 0 {
		held, items := take(t, b, "bad")
		answer := report(b, "bad", held, failed(items...))
		for _, s := range items {
			lost += s.Count
		}
		if answer.Quarantined != "" {
			if !strings.Contains(answer.Quarantined, "bad") || !strings.Contains(answer.Quarantined, "no GPU") {
				t.Errorf("it says %q", answer.Quarantined)
			}
			break
		}
		held, items = take(t, b, "good")
		report(b, "good", held, done(items...))
	}
	if lost < probation || lost > 10*probation {
		t.Errorf("it has failed %d items", lost)
	}
	if e := b.Take(); slices.ContainsFunc(e.Outcomes, func(o backbones.Outcomes) bool { return len(o.Failed) > 0 }) {
		t.Errorf("items have failed because of the node: %v", e.Outcomes)
	}
	l, _ := b.Next()
	if answer := b.Claim(Claim{Node: "bad", Held: Held{Generation: 1, ID: l.ID, Epoch: 1}}); answer.Refused == "" || answer.Quarantined == "" {
		t.Errorf("it was lent more: %+v", answer)
	}
	if e := b.Take(); !slices.Equal(e.Back, []ID{l.ID}) {
		t.Errorf("its lease was not given back: %v", e)
	}
	if n := b.Figures()[0]; n.Name != "bad" || n.Quarantined == "" || n.Failed != 0 {
		t.Errorf("figures: %+v", n)
	}
	// The good one does all of it.
	b.Claim(Claim{Node: "good", Held: Held{Generation: 1, ID: l.ID, Epoch: 2}})
	for _, block := range l.Blocks {
		report(b, "good", Held{Generation: 1, ID: l.ID, Epoch: 2}, done(backbones.Span{First: block.First, Count: block.Count}))
	}
	for !b.Finished() {
		held, items := take(t, b, "good")
		report(b, "good", held, done(items...))
	}
}

// Where no other node succeeds, the items are at fault.
func TestFailuresOfAllNodesAreToldAsTheyAre(t *testing.T) {
	for name, nodes := range map[string][]string{"one node": {"a"}, "two nodes": {"a", "b"}} {
		t.Run(name, func(t *testing.T) {
			b := lent(t, 50, nodes...)
			for i := 0; !b.Finished(); i++ {
				node := nodes[i%len(nodes)]
				held, items := take(t, b, node)
				if answer := report(b, node, held, failed(items...)); answer.Quarantined != "" {
					t.Fatal(answer.Quarantined)
				}
			}
			told := 0
			for _, o := range b.Take().Outcomes {
				for _, f := range o.Failed {
					told++
					if want := fmt.Sprintf(`{"i":%d,"x":""}`, f.Number); f.Item != want || f.Failure.Worker == "" {
						t.Errorf("item %d is named %s, of %q", f.Number, f.Item, f.Failure.Worker)
					}
				}
			}
			if told != 50 {
				t.Errorf("%d failures were told", told)
			}
		})
	}
}

func TestSizesOfLeases(t *testing.T) {
	second := sizer{perItem: time.Second, reached: 1 << 20}
	fast := sizer{perItem: time.Microsecond, reached: 1 << 30}
	for _, tt := range []struct {
		name                 string
		sizer                sizer
		left, workers, nodes int
		want                 int
	}{
		{"nothing is known", sizer{}, -1, 8, 2, 4},
		{"nothing is known, and there are many workers", sizer{}, -1, 256, 2, growth},
		{"no node is there", sizer{}, -1, 0, 0, 1},
		{"two seconds for each worker", second, -1, 8, 2, 8},
		{"at most half a minute of work", second, -1, 256, 2, 30},
		{"growing", sizer{perItem: time.Microsecond, reached: 10}, -1, 8, 2, 80},
		{"the tail", second, 20, 8, 2, 2},
		{"the last", second, 1, 8, 2, 1},
		{"not below 0.2 s", fast, 1000, 8, 2, 200_000},
		{"items longer than a lease", sizer{perItem: time.Hour, reached: 1}, -1, 8, 2, 1},
	} {
		if got := tt.sizer.next(tt.left, tt.workers, tt.nodes); got != tt.want {
			t.Errorf("%s: %d items, want %d", tt.name, got, tt.want)
		}
	}
}

// What is lent at a time is bounded in bytes, and so is a lease.
func TestWindowIsBounded(t *testing.T) {
	b := lent(t, 0, "a")
	b.ended = false
	b.size = sizer{perItem: time.Microsecond, reached: 1 << 20}
	const size = 64 << 10
	open := 0
	for next := 0; b.bytes < maxOpenBytes; {
		for b.Wants() {
			if err := b.Add(block(next, 32, size)); err != nil {
				t.Fatal(err)
			}
			next += 32
		}
		l, ok := b.Next()
		if !ok {
			t.Fatalf("nothing is lent at %d bytes", b.bytes)
		}
		bytes := 0
		for _, block := range l.Blocks {
			bytes += len(block.Payload)
		}
		if bytes > MaxBytes+2*size {
			t.Fatalf("a lease has %d bytes", bytes)
		}
		b.Claim(Claim{Node: "a", Held: Held{Generation: 1, ID: l.ID, Epoch: 1}})
		open++
	}
	if _, ok := b.Next(); ok {
		t.Errorf("more is lent beyond %d leases", open)
	}
}

// A piece of an opaque block says which of its items it has, and failures have their keys.
func TestOpaqueBlocksAreDivided(t *testing.T) {
	b := lent(t, 0, "a")
	whole := backbones.Block{
		Encoding: backbones.Opaque, Count: 9, First: 100, Payload: bytes.Repeat([]byte{1}, 50),
		Keys: strings.Split("a b c d e f g h i", " "), ContentKeys: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9},
	}
	if err := b.Add(whole); err != nil {
		t.Fatal(err)
	}
	var all []backbones.Block
	for !b.Finished() {
		l, ok := b.Next()
		if !ok {
			t.Fatal("nothing is lent")
		}
		held := Held{Generation: 1, ID: l.ID, Epoch: 1}
		b.Claim(Claim{Node: "a", Held: held})
		for _, block := range l.Blocks {
			report(b, "a", held, failed(backbones.Span{First: block.First, Count: block.Count}))
		}
		all = append(all, l.Blocks...)
	}
	next := uint64(100)
	for _, piece := range all {
		if piece.First != next || piece.Skip != int(next-100) || len(piece.Keys) != piece.Count || piece.ContentKeys[0] != next-99 || !bytes.Equal(piece.Payload, whole.Payload) {
			t.Errorf("a piece from %d: %+v", next, piece)
		}
		next += uint64(piece.Count)
	}
	if next != 109 || len(all) < 2 {
		t.Errorf("the pieces end at %d", next)
	}
	for _, o := range b.Take().Outcomes {
		for _, f := range o.Failed {
			if f.ContentKey != f.Number-99 || f.Encoding != backbones.Opaque {
				t.Errorf("the failure of item %d: %+v", f.Number, f)
			}
		}
	}
}

func TestListsThatStayInAProcessAreRefused(t *testing.T) {
	if err := lent(t, 1, "a").Add(backbones.Block{Encoding: backbones.Indexed, Count: 3}); err == nil {
		t.Error("no error")
	}
}
