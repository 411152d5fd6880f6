package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// listed makes a run that lists items in blocks of 3, and returns it before any outcome.
func listedRun(t interface {
	Fatal(args ...any)
}, dir string, o Options, items ...string) *Ledger {
	l, err := Create(dir, Info{ID: "x"}, o)
	if err != nil {
		t.Fatal(err)
	}
	src := l.Source(jsonItems(3, items...), Chosen{}, About{})
	for err == nil {
		_, err = src.Next(context.Background())
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return l
}

func itemTexts(n int) (items []string) {
	for i := range n {
		items = append(items, fmt.Sprintf(`{"i":%d}`, i))
	}
	return items
}

func openResults(t *testing.T, dir string) *Results {
	t.Helper()
	r, err := OpenResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func allResults(t *testing.T, r *Results) (all []Result) {
	t.Helper()
	for result, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, result)
	}
	return all
}

func TestResults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	items := itemTexts(12)
	l := listedRun(t, dir, Options{}, items...)
	// A chunk has a mean, and an item alone its own time. They come in any order.
	l.Record(backbones.Outcomes{Done: []backbones.Span{{First: 8, Count: 2}}, Mean: 1500 * time.Microsecond})
	l.Record(backbones.Outcomes{Done: []backbones.Span{{First: 1, Count: 1}}, Mean: 2 * time.Millisecond, Attempts: []backbones.Attempt{{Number: 1, Count: 3}}})
	l.Record(backbones.Outcomes{Done: []backbones.Span{{First: 0, Count: 1}}, Mean: time.Second})
	l.Record(backbones.Outcomes{
		Done: []backbones.Span{{First: 2, Count: 1}, {First: 4, Count: 2}}, Mean: 11 * time.Microsecond,
		Skipped: []backbones.Span{{First: 7, Count: 1}},
		Failed: []backbones.FailedItem{{Number: 3, Item: items[3], Failure: backbones.Failure{
			Kind: backbones.KindError, Message: "no", Attempts: 2, Elapsed: 1500 * time.Millisecond,
		}}},
	})
	l.resumed([]backbones.Span{{First: 6, Count: 1}})
	// It is settled: it has no time.
	l.Record(backbones.Outcomes{Done: []backbones.Span{{First: 10, Count: 1}}})
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
	r := openResults(t, dir)
	ms := time.Millisecond
	us := time.Microsecond
	want := []Result{
		{Outcome: OutcomeDone, Time: time.Second, Timed: true, Attempts: 1},
		{Outcome: OutcomeDone, Time: 2 * ms, Timed: true, Attempts: 3},
		{Outcome: OutcomeDone, Time: 11 * us, Timed: true, Mean: true, Attempts: 1},
		{Outcome: OutcomeFailed, Time: 1500 * ms, Timed: true, Attempts: 2},
		{Outcome: OutcomeDone, Time: 11 * us, Timed: true, Mean: true, Attempts: 1},
		{Outcome: OutcomeDone, Time: 11 * us, Timed: true, Mean: true, Attempts: 1},
		{Outcome: OutcomeResumed},
		{Outcome: OutcomeSkipped},
		{Outcome: OutcomeDone, Time: 1500 * us, Timed: true, Mean: true, Attempts: 1},
		{Outcome: OutcomeDone, Time: 1500 * us, Timed: true, Mean: true, Attempts: 1},
		{Outcome: OutcomeDone, Attempts: 1},
		{},
	}
	for i := range want {
		want[i].Number, want[i].Key = uint64(i), itemkey.Of([]byte(items[i]))
	}
	if diff := cmp.Diff(want, allResults(t, r)); diff != "" {
		t.Error(diff)
	}
	failed, err := r.Failure(3)
	if err != nil || failed == nil || failed.Message != "no" || failed.Text() != items[3] {
		t.Errorf("%+v, %v", failed, err)
	}
	if other, err := r.Failure(4); err != nil || other != nil {
		t.Errorf("%+v, %v", other, err)
	}
}

// A new listing finds each item's result, whatever was added, lost or moved; of equal items the n-th is the n-th.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SliceOfN(rapid.SampledFrom(itemTexts(6)), 0, 12)
		before, now := texts.Draw(rt, "before"), texts.Draw(rt, "now")
		if rapid.Bool().Draw(rt, "a part") {
			// As a run with a finish check: it listed what was to do.
			before = nil
			for _, item := range now {
				if rapid.Bool().Draw(rt, "to do") {
					before = append(before, item)
				}
			}
		}
		dir := filepath.Join(t.TempDir(), "run")
		l := listedRun(rt, dir, Options{}, before...)
		if err := l.Close(End{}); err != nil {
			rt.Fatal(err)
		}
		r, err := OpenResults(dir)
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		j, err := NewJoin(r)
		if err != nil {
			rt.Fatal(err)
		}
		defer j.Close()
		left := map[string][]uint64{}
		for i, item := range before {
			left[item] = append(left[item], uint64(i))
		}
		for i, item := range now {
			got, ok, err := j.Of(itemkey.Of([]byte(item)))
			if err != nil {
				rt.Fatal(err)
			}
			if ok != (len(left[item]) > 0) {
				rt.Fatalf("item %d, %s: found: %v, left %v", i, item, ok, left)
			}
			if !ok {
				continue
			}
			if got.Number != left[item][0] {
				rt.Fatalf("item %d, %s: number %d, want %d", i, item, got.Number, left[item][0])
			}
			left[item] = left[item][1:]
		}
		for result, err := range j.Missing() {
			if err != nil {
				rt.Fatal(err)
			}
			item := before[result.Number]
			if len(left[item]) == 0 || left[item][0] != result.Number {
				rt.Fatalf("missing %d, left %v", result.Number, left)
			}
			left[item] = left[item][1:]
		}
		for item, numbers := range left {
			if len(numbers) > 0 {
				rt.Errorf("%s: %v are neither found nor missing", item, numbers)
			}
		}
	})
}

// The results of a run that took up another are its own alone.
func TestResultsOfALaterRun(t *testing.T) {
	root := t.TempDir()
	items := itemTexts(5)
	first, second := filepath.Join(root, "1"), filepath.Join(root, "2")
	l := listedRun(t, first, Options{}, items...)
	l.Record(backbones.Outcomes{Done: []backbones.Span{{First: 0, Count: 3}}, Mean: time.Second})
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
	s, err := ReadState(first, true)
	if err != nil {
		t.Fatal(err)
	}
	l, err = Create(second, Info{ID: "2"}, Options{Earlier: s})
	if err != nil {
		t.Fatal(err)
	}
	src := l.Source(jsonItems(3, items...), Chosen{Finished: s}, About{Warn: func(string) {}})
	for err == nil {
		_, err = src.Next(t.Context())
	}
	l.Record(backbones.Outcomes{Done: []backbones.Span{{First: 3, Count: 1}}, Mean: time.Minute})
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range allResults(t, openResults(t, second)) {
		got = append(got, fmt.Sprint(r.Number, r.Outcome, r.Time))
	}
	if diff := cmp.Diff([]string{"0 resumed 0s", "1 resumed 0s", "2 resumed 0s", "3 done 1m0s", "4  0s"}, got); diff != "" {
		t.Error(diff)
	}
}
