package backbonetest

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// revoking checks that items which are another's are given up, and all others have their outcome.
func revoking(t *testing.T, run Run, beats bool) {
	t.Helper()
	const count, first, last = 100, 17, 30
	revoke, looked := make(chan backbones.Revocation), make(chan struct{}, 1)
	crew := &Crew{T: t, Beats: beats, Hung: make(chan struct{}, 1), Script: only(first, Hang)}
	go func() {
		<-crew.Hung
		// What comes of it may have been seen before the worker hung.
		for range 2 {
			<-looked
		}
		revoke <- backbones.Revocation{Items: []backbones.Span{{First: first, Count: last - first}}, Blocks: 2}
	}()
	tally, err := run.play(Options{Workers: 1, ChunkSize: 4, Crew: crew, Policy: backbones.Policy{
		Revoke: revoke, LookEvery: time.Millisecond,
		Looked: func() {
			select {
			case looked <- struct{}{}:
			default:
			}
		},
	}}, count)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(count) {
		want := 1
		if i >= first && i < last {
			want = 0
		}
		if n := tally.done[i] + tally.failed[i] + tally.skipped[i]; n != want {
			t.Errorf("item %d has %d outcomes, want %d", i, n, want)
		}
	}
	if crew.Starts() != 2 {
		t.Errorf("%d workers were started, want a second one after the first was ended", crew.Starts())
	}
}
