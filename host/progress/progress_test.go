package progress

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeClock is a clock that tests move.
type fakeClock struct{ now time.Time }

func (c *fakeClock) read() time.Time { return c.now }

func report(t *testing.T, printer Printer, during func(r *Reporter, c *fakeClock)) Summary {
	t.Helper()
	c := &fakeClock{now: time.Unix(1000, 0)}
	r := Start(printer, Sources{Now: c.read, Fill: func(s *Snapshot) {
		s.Total = new(int64(10))
		s.Skipped += 3
	}})
	during(r, c)
	return r.Finish(0, 0, false)
}

// The rate beside the number of items done is theirs.
func TestTableRate(t *testing.T) {
	for failed, want := range map[int64]string{0: "done     6 in 2.0 s, 3.0 items/s", 60: "done     6 in 2.0 s, 3.0 items/s"} {
		text := Text{Table: true}
		lines := text.table(Summary{Done: 6, Failed: failed, Seconds: 2, ItemsPerSecond: float64(6+failed) / 2})
		if lines[0] != want {
			t.Errorf("with %d failed: %q, want %q", failed, lines[0], want)
		}
	}
	text := Text{Table: true}
	if got, want := text.table(Summary{Failed: 60, Seconds: 2, ItemsPerSecond: 30})[0], "done     0 in 2.0 s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLastLine(t *testing.T) {
	var out, err bytes.Buffer
	report(t, &Text{Out: &out, Err: &err}, func(r *Reporter, c *fakeClock) {
		r.Counters.Done.Add(6)
		r.Counters.Failed.Add(3)
		r.Failed(Failure{Item: `{"i":3}`, Kind: "timeout", Message: "no"})
		r.Failed(Failure{Item: `{"i":4}`, Kind: "error", Message: "no"})
		r.Failed(Failure{Item: `{"i":5}`, Kind: "error", Message: "no"})
		c.now = c.now.Add(2 * time.Second)
	})
	if got, want := out.String(), "done 6, skipped 3, failed 3 (2 error, 1 timeout) in 2.00 s (4.5 items/s)\n"; got != want {
		t.Errorf("last line %q, want %q", got, want)
	}
	want := `{"i":3}: timeout: no
{"i":4}: error: no
{"i":5}: error: no
3 items failed in 2 ways:
  2  error: no
     for example {"i":4}
  1  timeout: no
     {"i":3}
`
	if got := err.String(); got != want {
		t.Errorf("failures\n%s\nwant\n%s", got, want)
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	report(t, &JSON{Out: &out}, func(r *Reporter, c *fakeClock) {
		r.Counters.Done.Add(6)
		c.now = c.now.Add(3 * time.Second)
		r.Failed(Failure{Item: `{"i":4}`, Kind: "error", Message: "no", Attempts: 1})
		r.Failed(Failure{Item: `Path('x')`, Kind: "crash", Message: "gone", Attempts: 2})
		r.printer.Update(r.snapshot())
	})
	var got []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, m)
	}
	want := []map[string]any{
		{"message_type": "failed", "item": map[string]any{"i": 4.0}, "kind": "error", "message": "no", "worker": "", "attempts": 1.0},
		{"message_type": "failed", "item": "Path('x')", "kind": "crash", "message": "gone", "worker": "", "attempts": 2.0},
		{
			"message_type": "status", "done": 6.0, "skipped": 3.0, "failed": 0.0, "total": 10.0, "items_per_second": 2.0,
			"eta_seconds": 0.5, "workers_busy": 0.0, "workers": 0.0, "seconds": 3.0,
		},
		{"message_type": "failed_group", "kind": "crash", "message": "gone", "count": 1.0, "item": "Path('x')"},
		{"message_type": "failed_group", "kind": "error", "message": "no", "count": 1.0, "item": map[string]any{"i": 4.0}},
		{
			"message_type": "summary", "done": 6.0, "skipped": 3.0, "failed": 0.0, "unlisted": 0.0,
			"failed_by_kind": map[string]any{"error": 1.0, "crash": 1.0}, "seconds": 3.0,
			"items_per_second": 2.0, "interrupted": false,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLine(t *testing.T) {
	tests := []struct {
		s    Snapshot
		want string
	}{
		{
			Snapshot{Done: 5, WorkersBusy: 1, Workers: 4, Nodes: 2, Silent: []string{"desk-2"}, Seconds: 9},
			"done 5, skipped 0, failed 0, 1/4 workers busy on 2 nodes, no word from desk-2, 0:09",
		},
		{
			Snapshot{Done: 5, Workers: 4, Nodes: 4, Silent: []string{"a", "b", "c"}, Seconds: 9},
			"done 5, skipped 0, failed 0, 0/4 workers busy on 4 nodes, no word from 3 nodes, 0:09",
		},
		{Snapshot{Done: 1234567, ItemsPerSecond: 1234.5, WorkersBusy: 2, Workers: 4, Seconds: 90}, "done 1,234,567, skipped 0, failed 0, 1234 items/s, 2/4 workers busy, 1:30"},
		{
			Snapshot{Done: 50, Skipped: 25, Failed: 1, Total: new(int64(100)), ItemsPerSecond: 0.5, ETASeconds: 2*3600 + 48, WorkersBusy: 1, Workers: 1},
			"76% of 100: done 50, skipped 25, failed 1, 2.0 s/item, ETA 2:00:48, 1/1 workers busy, 0:00",
		},
	}
	for _, tt := range tests {
		if got := line(tt.s); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestRateFollowsTheWindow(t *testing.T) {
	var r rate
	for i := range 60 {
		r.at(time.Duration(i)*time.Second, int64(i*100))
	}
	// The run stands still: after the window has passed, so does the rate.
	var got float64
	for i := 60; i < 80; i++ {
		got = r.at(time.Duration(i)*time.Second, 5900)
	}
	if got != 0 {
		t.Errorf("rate %v after %s of nothing", got, 20*time.Second)
	}
}

// Where items take longer than the window, the window grows with them: the rate does not fall to nothing between two of them.
func TestRateOfSlowItems(t *testing.T) {
	var r rate
	var got float64
	for i := range 10 * 60 {
		got = r.at(time.Duration(i)*time.Second, int64(i/60))
		if i >= 120 && (got < 1.0/90 || got > 1.0/50) {
			t.Fatalf("rate %v after %d s with an item a minute", got, i)
		}
	}
	// Then the items get faster.
	for i := range 20 {
		got = r.at(time.Duration(600+i)*time.Second, int64(9+10*i))
	}
	if got < 9 || got > 11 {
		t.Errorf("rate %v with 10 items a second", got)
	}
	if len(r.points) > 40 {
		t.Errorf("%d points are kept", len(r.points))
	}
}

// A clock that jumps back, such as one that is set, makes no time negative and no rate absurd.
func TestClockJumpsBack(t *testing.T) {
	var out bytes.Buffer
	s := report(t, &JSON{Out: &out}, func(r *Reporter, c *fakeClock) {
		for _, step := range []time.Duration{2 * time.Second, -time.Hour, time.Second, -time.Minute} {
			c.now = c.now.Add(step)
			r.Counters.Done.Add(1)
			r.printer.Update(r.snapshot())
		}
	})
	if s.Seconds != 2 || s.ItemsPerSecond != 2 {
		t.Errorf("4 items in %v s, %v a second", s.Seconds, s.ItemsPerSecond)
	}
	for line := range strings.Lines(out.String()) {
		var status jsonStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if status.Seconds < 0 || status.ItemsPerSecond < 0 || status.ETASeconds < 0 {
			t.Errorf("a negative time: %s", line)
		}
	}
}
