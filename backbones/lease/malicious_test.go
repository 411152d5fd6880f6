package lease

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// A node that was lent nothing says nothing about the end of the run, and one that was lent something says it for its own workers, shortly.
func TestUnclosedTasksOfANodeWithoutItems(t *testing.T) {
	c := NewCoordinator(CoordinatorOptions{Generation: 1, Policy: backbones.Policy{Log: hclog.NewNullLogger()}})
	for _, name := range []string{"idle", "worked"} {
		c.Joined(Node{Name: name, PID: 1, Workers: 2})
	}
	last := Farewell{Unclosed: 1 << 40, First: strings.Repeat("é", 4000)}
	c.Farewell("idle", last)
	c.Farewell("unknown", last)
	if c.unclosed != nil {
		t.Errorf("nodes without items say %v", c.unclosed)
	}
	if names := c.closing(); names != "" {
		t.Errorf("the run waits for %s", names)
	}
	c.book.member("worked").lent = true
	if names := c.closing(); names != "worked" {
		t.Errorf("the run waits for %q", names)
	}
	c.Farewell("worked", last)
	if c.unclosed == nil || c.unclosed.Workers != 2 || len(c.unclosed.Error()) > 400 || !strings.Contains(c.unclosed.Error(), "worked: ") {
		t.Errorf("a node with items says %v", c.unclosed)
	}
	if !errors.As(error(c.unclosed), new(*backbones.CloseError)) {
		t.Error("this is not a CloseError")
	}
}

// Nodes tell how often an item was started; it is not started more often than the run allows.
func TestAttemptsAreBounded(t *testing.T) {
	b := NewBook(BookOptions{Generation: 1, LeaseTime: 1 << 30, Attempts: 3, Log: hclog.NewNullLogger()})
	b.Joined(Node{Name: "n", PID: 1, Workers: 1})
	if err := b.Add(backbones.Block{Count: 2, Payload: []byte("{}\n{}\n")}); err != nil {
		t.Fatal(err)
	}
	b.End()
	for {
		l, ok := b.Next()
		if !ok {
			break
		}
		h := Held{Generation: 1, ID: l.ID, Epoch: 1}
		b.Claim(Claim{Node: "n", Held: h})
		var o backbones.Outcomes
		for _, block := range l.Blocks {
			for i := range block.Count {
				n := block.First + uint64(i)
				if n == 0 {
					o.Failed = []backbones.FailedItem{{Number: n, Failure: backbones.Failure{Kind: backbones.KindError, Attempts: 1 << 60}}}
					continue
				}
				o.Done, o.Attempts = append(o.Done, backbones.Span{First: n, Count: 1}), append(o.Attempts, backbones.Attempt{Number: n, Count: 1 << 60})
			}
		}
		b.Report(Report{Node: "n", Sequence: 1, Leases: []Progress{{Held: h, Outcomes: o, Ended: true}}})
	}
	seen := 0
	for _, o := range b.Take().Outcomes {
		for _, f := range o.Failed {
			if seen++; f.Failure.Attempts != 3 {
				t.Errorf("the failed item has %d attempts", f.Failure.Attempts)
			}
		}
		for _, a := range o.Attempts {
			if seen++; a.Count != 3 {
				t.Errorf("the done item has %d attempts", a.Count)
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d items tell of attempts", seen)
	}
}
