package lease

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// An item that ends every node which begins it is not lent for ever. What those nodes had besides is done.
func TestAnItemThatEndsNodesFailsAtLast(t *testing.T) {
	const count, bad = 12, 5
	b := lent(t, count)
	outcomes := map[uint64]string{}
	see := func() {
		for _, o := range b.Take().Outcomes {
			for _, s := range o.Done {
				for i := range s.Count {
					outcomes[s.First+uint64(i)] += "done"
				}
			}
			for _, f := range o.Failed {
				outcomes[f.Number] += string(f.Failure.Kind) + ": " + f.Failure.Message
			}
		}
	}
	now, deaths := time.Duration(0), 0
	for !b.Finished() {
		if deaths > mostLost {
			t.Fatalf("%d nodes are lost, and the item is lent still", deaths)
		}
		name := fmt.Sprintf("n%d", deaths)
		b.Joined(Node{Name: name, PID: deaths + 1, Workers: 2})
		type hold struct {
			held  Held
			items []backbones.Span
		}
		var holds []hold
		isBad := func(h hold) bool {
			return slices.ContainsFunc(h.items, func(s backbones.Span) bool { return s.First <= bad && bad < s.First+uint64(s.Count) })
		}
		for {
			l, ok := b.Next()
			if !ok {
				break
			}
			h := hold{held: Held{Generation: 1, ID: l.ID, Epoch: 1}}
			if answer := b.Claim(Claim{Node: name, Held: h.held}); answer.Refused != "" {
				break
			}
			for _, block := range l.Blocks {
				h.items = append(h.items, backbones.Span{First: block.First, Count: block.Count})
			}
			holds = append(holds, h)
		}
		if slices.ContainsFunc(holds, isBad) {
			b.Left(name, true)
			deaths++
		} else {
			for _, h := range holds {
				report(b, name, h.held, done(h.items...))
			}
		}
		see()
		now += suspectPause
		b.At(now)
	}
	if deaths != mostLost {
		t.Errorf("%d nodes are lost, want %d", deaths, mostLost)
	}
	for i := range uint64(count) {
		want := "done"
		if i == bad {
			want = "lost: 4 nodes were lost while they had this item: n0, n1, n2, n3"
		}
		if outcomes[i] != want {
			t.Errorf("item %d: %q, want %q", i, outcomes[i], want)
		}
	}
}

// Nodes that come back were not ended by what they had.
func TestANodeThatComesBackBlamesNoItem(t *testing.T) {
	b := lent(t, 1, "a", "b")
	for range 2 * mostLost {
		for _, name := range []string{"a", "b"} {
			held, items := take(t, b, name)
			b.Left(name, true)
			pid := 1
			if name == "b" {
				pid = 2
			}
			b.Joined(Node{Name: name, PID: pid, Workers: 2})
			if b.left != 1 || len(b.effects.Outcomes) > 0 {
				t.Fatalf("%v of %s has an outcome", items, name)
			}
			_ = held
		}
	}
	held, items := take(t, b, "a")
	report(b, "a", held, done(items...))
	if !b.Finished() {
		t.Error("it is not finished")
	}
}
