package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestSettle(t *testing.T) {
	item := func(n uint64, text string, kind backbones.FailureKind) backbones.FailedItem {
		return backbones.FailedItem{Number: n, Item: text, Failure: backbones.Failure{Kind: kind}}
	}
	given := backbones.Outcomes{
		Worker: "w3",
		Done:   []backbones.Span{{First: 10, Count: 5}},
		Failed: []backbones.FailedItem{
			item(1, "there", backbones.KindCrash), item(2, "not", backbones.KindCrash), item(3, "there", backbones.KindTimeout),
			item(4, "there", backbones.KindLost), item(5, "there", backbones.KindError), item(6, "there", backbones.KindPanic),
			item(7, "", backbones.KindCrash),
		},
	}
	before := append([]backbones.FailedItem(nil), given.Failed...)
	got := Job{Committed: func(text string) bool { return text == "there" }}.settle(given)
	want := backbones.Outcomes{
		Worker: "w3",
		Done:   []backbones.Span{{First: 10, Count: 5}, {First: 1, Count: 1}, {First: 3, Count: 1}, {First: 4, Count: 1}},
		Failed: []backbones.FailedItem{before[1], before[4], before[5], before[6]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, given.Failed); diff != "" {
		t.Errorf("what was given is changed: %s", diff)
	}
	if diff := cmp.Diff(given, Job{}.settle(given)); diff != "" {
		t.Errorf("without a way to ask: %s", diff)
	}
}
