package backbonetest

import (
	"errors"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// attempts checks that every failure has the kind and the number of attempts.
func (t *tally) attempts(tb testing.TB, kind backbones.FailureKind, want int) {
	tb.Helper()
	for _, f := range t.failures {
		if f.Failure.Kind != kind || f.Failure.Attempts != want {
			tb.Errorf("item %d failed as %q after %d attempts, want %q after %d", f.Number, f.Failure.Kind, f.Failure.Attempts, kind, want)
		}
	}
}

func soon(limit int) backbones.Retry {
	return backbones.Retry{Limit: limit, Backoff: backbones.Backoff{First: time.Millisecond}}
}

func retries(t *testing.T, run Run, beats bool) {
	t.Helper()
	fails := func(n int, times int) Script {
		return func(s string, attempt int) Act {
			if number(s)%n == 0 && attempt <= times {
				return Fail
			}
			return Do
		}
	}
	tests := []struct {
		name     string
		script   Script
		retry    backbones.Retry
		failed   int
		attempts int
		// tries is the number of attempts of the items that did not succeed at once, and do at last.
		tries int
	}{
		{"the last try succeeds", fails(10, 3), soon(3), 0, 0, 4},
		{"no try succeeds", fails(10, 99), soon(2), 30, 3, 0},
		{"everything fails twice, at once", fails(1, 2), backbones.Retry{Limit: 2}, 0, 0, 3},
		{"without retries", fails(10, 1), backbones.Retry{}, 30, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			crew := &Crew{T: t, Beats: beats, Script: tt.script}
			tally := run.all(t, Options{Workers: 2, ChunkSize: 7, Crew: crew, Policy: backbones.Policy{Retry: tt.retry}}, 300)
			if len(tally.failed) != tt.failed {
				t.Errorf("%d items failed, want %d", len(tally.failed), tt.failed)
			}
			tally.attempts(t, backbones.KindError, tt.attempts)
			for number := range tally.done {
				want := 0
				if tt.tries > 0 && tt.script(item(int(number)), 1) == Fail {
					want = tt.tries
				}
				if got := tally.tries[number]; got != want {
					t.Errorf("item %d was done after %d attempts, want %d; 0 stands for 1", number, got, want)
				}
			}
			if tally.untimed > 0 {
				t.Errorf("%d items are done without a time", tally.untimed)
			}
		})
	}
	// With one worker item 50 is begun long after item 3 has failed.
	for name, fails := range map[string]int{
		"a drained run leaves what waits for another try undone":                  3,
		"what fails behind the interrupt and would be tried again has no outcome": 50,
	} {
		t.Run(name, func(t *testing.T) {
			drain, script := signal(50, only(fails, Fail))
			never := backbones.Backoff{First: time.Hour, Cap: time.Hour, Random: func(n int64) int64 { return n - 1 }}
			tally, err := run.play(Options{
				Workers: 1, ChunkSize: 1, Crew: &Crew{T: t, Beats: beats, Script: script},
				Policy: backbones.Policy{Drain: drain, Retry: backbones.Retry{Limit: 1, Backoff: never}},
			}, 1<<20)
			if !errors.Is(err, backbones.ErrDrained) {
				t.Errorf("error %v, want that it was drained", err)
			}
			if len(tally.failed) != 0 || tally.done[uint64(fails)] != 0 {
				t.Errorf("the item that waited has an outcome: %v", tally.failures)
			}
		})
	}
}

// unwritten checks that the run learns of items that are done without their outputs.
func unwritten(t *testing.T, run Run, beats bool) {
	t.Helper()
	crew := &Crew{T: t, Beats: beats, Script: every(10, 3, Forget)}
	tally := run.all(t, Options{Workers: 2, ChunkSize: 7, Crew: crew}, 100)
	if tally.unwritten != 10 || len(tally.done) != 100 {
		t.Errorf("%d items were done, %d of them without an output; want 100 and 10", len(tally.done), tally.unwritten)
	}
}

// brief is much longer than a scripted item takes.
const brief = 200 * time.Millisecond

func timeouts(t *testing.T, run Run, beats bool) {
	t.Helper()
	t.Run("only the item that hangs has failed", func(t *testing.T) {
		crew := &Crew{T: t, Beats: beats, Script: only(17, Hang)}
		tally := run.all(t, Options{Workers: 2, ChunkSize: 4, Crew: crew, Policy: backbones.Policy{ItemTimeout: brief}}, 100)
		if len(tally.failed) != 1 || tally.failed[17] != 1 {
			t.Errorf("failed: %v, want item 17", tally.failed)
		}
		tally.attempts(t, backbones.KindTimeout, 1)
		for _, f := range tally.failures {
			if f.Failure.Elapsed < brief {
				t.Errorf("it was ended after %v", f.Failure.Elapsed)
			}
		}
	})
	t.Run("an item that hung is tried again where the policy says so", func(t *testing.T) {
		crew := &Crew{T: t, Beats: beats, Script: only(17, Hang)}
		tally := run.all(t, Options{Workers: 2, ChunkSize: 1, Crew: crew, Policy: backbones.Policy{ItemTimeout: brief, Retry: soon(2)}}, 40)
		tally.attempts(t, backbones.KindTimeout, 3)
	})
}

func recycling(t *testing.T, run Run, beats bool) {
	t.Helper()
	const most = 10
	crew := &Crew{T: t, Beats: beats, Script: func(s string, attempt int) Act {
		if number(s)%25 == 0 && attempt == 1 && beats {
			return Die
		}
		return Do
	}}
	tally := run.all(t, Options{Workers: 2, ChunkSize: 4, Crew: crew, Policy: backbones.Policy{WorkerMaxItems: most}}, 200)
	if len(tally.done) != 200 {
		t.Errorf("done: %d", len(tally.done))
	}
	if crew.most > most {
		t.Errorf("a worker had %d items, want %d at most", crew.most, most)
	}
	if crew.Starts() < 200/most {
		t.Errorf("only %d workers did 200 items", crew.Starts())
	}
}
