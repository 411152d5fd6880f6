package lease

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// echo is a session that delivers the same items in three leases of two generations, and keeps what it hears.
type echo struct {
	Session
	report Report
	ask    Ask
}

func (*echo) Pull(context.Context, int) ([]Delivery, error) {
	block := []backbones.Block{{First: 5, Count: 2, Payload: []byte("{}\n{}")}}
	return []Delivery{
		{Lease: Lease{Generation: 1, ID: 7, Blocks: block}}, {Lease: Lease{Generation: 2, ID: 7, Blocks: block}}, {Lease: Lease{Generation: 2, ID: 8, Blocks: block}},
	}, nil
}

func (*echo) Claim(context.Context, ...Held) ([]Claimed, error) {
	return []Claimed{{Skip: []backbones.Span{{First: 5, Count: 1}}, Blocks: []backbones.Block{{First: 5, Count: 2}}}}, nil
}

func (e *echo) Report(_ context.Context, r Report) (Reported, error) {
	e.report = r
	return Reported{}, nil
}

func (e *echo) Grant(_ context.Context, a Ask) (Granted, error) {
	e.ask = a
	return Granted{Items: a.Items, Again: a.Items}, nil
}

// TestEachLeaseHasItsOwnNumbersOnANode, and the coordinator hears its own.
func TestEachLeaseHasItsOwnNumbersOnANode(t *testing.T) {
	ctx := context.Background()
	e := &echo{}
	s := apart{e}
	got, err := s.Pull(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, d := range got {
		held := Held{Generation: d.Lease.Generation, ID: d.Lease.ID, Epoch: 1}
		first := d.Lease.Blocks[0].First
		if seen[first] {
			t.Errorf("number %d comes twice", first)
		}
		seen[first] = true
		spans := []backbones.Span{{First: first, Count: 1}}
		claimed, err := s.Claim(ctx, held)
		if err != nil || cmp.Diff(spans, claimed[0].Skip) != "" || claimed[0].Blocks[0].First != first {
			t.Error(claimed, err)
		}
		granted, err := s.Grant(ctx, Ask{Held: held, Items: spans})
		if err != nil || cmp.Diff(spans, granted.Items) != "" || cmp.Diff(spans, granted.Again) != "" || e.ask.Items[0].First != 5 {
			t.Error(granted, e.ask, err)
		}
		outcomes := backbones.Outcomes{
			Done: spans, Skipped: spans, Failed: []backbones.FailedItem{{Number: first}}, Attempts: []backbones.Attempt{{Number: first, Count: 2}},
		}
		if _, err := s.Report(ctx, Report{Leases: []Progress{{Held: held, Outcomes: outcomes, Returned: spans}}}); err != nil {
			t.Fatal(err)
		}
		five := []backbones.Span{{First: 5, Count: 1}}
		want := Progress{Held: held, Returned: five, Outcomes: backbones.Outcomes{
			Done: five, Skipped: five, Failed: []backbones.FailedItem{{Number: 5}}, Attempts: []backbones.Attempt{{Number: 5, Count: 2}},
		}}
		if diff := cmp.Diff(want, e.report.Leases[0]); diff != "" {
			t.Error(diff)
		}
		if outcomes.Done[0].First != first {
			t.Error("what the node has was changed")
		}
	}
}
