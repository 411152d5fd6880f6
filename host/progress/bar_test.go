package progress

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// underWay is a run with everything that a bar shows.
func underWay() Snapshot {
	return Snapshot{
		Done: 4200, Skipped: 288, Failed: 12, Total: new(int64(10000)), ItemsPerSecond: 123.4, ETASeconds: 45, WorkersBusy: 7, Workers: 8, Seconds: 37,
	}
}

func TestBarLeavesOutFieldsByPriority(t *testing.T) {
	tests := []struct {
		columns int
		want    string
	}{
		{120, " 45%  [#############-----------------]   4,500/10,000  123 items/s  ETA 0:45  12 failed  288 skipped  7/8 workers  0:37"},
		{80, " 45%  [####-----]   4,500/10,000  123 items/s  ETA 0:45  12 failed  7/8 workers"},
		{60, " 45%  [######---------]   4,500/10,000  ETA 0:45  12 failed"},
		{40, " 45%   4,500/10,000  12 failed"},
		{20, " 45%   4,500/10,000"},
		{18, " 4,500/10,000"},
		{10, " 4…10,000"},
	}
	for _, tt := range tests {
		if got := (Bar{ASCII: true}).line(underWay(), tt.columns); got != tt.want {
			t.Errorf("%d columns:\ngot  %q\nwant %q", tt.columns, got, tt.want)
		}
	}
}

// Without a total there is no percent and no ETA: what is listed so far, and a mark that moves.
func TestBarOfAListingThatGoesOn(t *testing.T) {
	s := Snapshot{Done: 7, Listed: 1200, Seconds: 1, Workers: 2, WorkersBusy: 2}
	if got, want := (Bar{ASCII: true}).line(s, 70), "[--------###---------------]  7 of 1,200+, listing  2/2 workers  0:01"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	s.Listed = 0
	seen := map[string]bool{}
	for range 20 {
		s.Seconds += 0.1
		line := Bar{ASCII: true}.line(s, 50)
		if !strings.Contains(line, "7, listing") || strings.Count(line, "#") != 3 {
			t.Fatalf("%q", line)
		}
		seen[line[:strings.Index(line, "]")]] = true
	}
	if len(seen) < 5 {
		t.Errorf("the mark does not move: %v", seen)
	}
}

func TestBarWithoutItems(t *testing.T) {
	got := Bar{ASCII: true}.line(Snapshot{Total: new(int64(0))}, 60)
	if !strings.Contains(got, "0/0") || strings.Contains(got, "%") {
		t.Errorf("%q", got)
	}
}

func TestBarIsPainted(t *testing.T) {
	got := Bar{Paint: true}.line(underWay(), 200)
	if !strings.Contains(got, "\x1b[31m12 failed\x1b[0m") || !strings.Contains(got, "\x1b[32m━") {
		t.Errorf("%q", got)
	}
}

func TestRateText(t *testing.T) {
	tests := map[float64]string{
		0: "", 0.4: "2.5 s/item", 12.0 / 3600: "12 items/h", 0.5 / 3600: "2.0 h/item", 1: "1.0 items/s", 12.34: "12.3 items/s", 98765: "98765 items/s",
		0.999: "1.0 s/item", 1.0 / 59: "59.0 s/item", 1.0 / 61: "59 items/h",
	}
	for rate, want := range tests {
		if got := RateText(rate); got != want {
			t.Errorf("%v items/s reads %q, want %q", rate, got, want)
		}
	}
}

func TestFullHasALineForEach(t *testing.T) {
	s := underWay()
	s.Seats = []backbones.Seat{
		{Worker: "w0", Item: "texts/a.txt", For: 83 * time.Second}, {Worker: "w1", Item: "texts/" + strings.Repeat("神楽坂", 20) + "/b.txt", For: time.Second},
		{Worker: "w10"},
	}
	got := strings.Join(Bar{ASCII: true, Full: true}.lines(s, 40, 24), "\n")
	want := ` 45%   4,500/10,000  12 failed
  w0   1:23  texts/a.txt
  w1   0:01  texts/神…楽坂神楽坂/b.txt
  w10        idle`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFullShowsNodesAndStages(t *testing.T) {
	s := underWay()
	s.Stages = fared(0.95, 0.4, 0.3, 0, 0)
	s.SetNodes([]backbones.NodeFigures{
		{Name: "desk-2", Workers: 8, Busy: 3, Leases: 1, Done: 1234, Failed: 5}, {Name: "gone", Gone: true},
	}, time.Second)
	got := strings.Join(Bar{ASCII: true, Full: true}.lines(s, 100, 24), "\n")
	for _, want := range []string{"load    0/8 workers, 95% of their time", "desk-2  3/8 workers, 1,234 done, 5 failed, no word from it"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "gone") || !strings.Contains(strings.Join(Bar{}.lines(s, 200, 24), ""), "7/8 workers on 1 node") {
		t.Errorf("got\n%s", got)
	}
}

// Whatever the terminal's size, no line is as wide as it, and not so many are drawn that nothing above stays in sight. Those that have been at
// their item the longest are shown.
func TestLinesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := rapid.IntRange(2, 220).Draw(t, "columns"), rapid.IntRange(1, 60).Draw(t, "rows")
		s := underWay()
		s.Failed, s.Skipped = rapid.Int64Range(0, 1<<40).Draw(t, "failed"), rapid.Int64Range(0, 1<<40).Draw(t, "skipped")
		if rapid.Bool().Draw(t, "listing") {
			s.Total, s.Listed = nil, rapid.Int64Range(0, 1<<40).Draw(t, "listed")
		}
		s.Silent = rapid.SliceOf(rapid.StringMatching("[a-z]{1,12}")).Draw(t, "silent")
		most := time.Duration(0)
		for i := range rapid.IntRange(0, 80).Draw(t, "workers") {
			seat := backbones.Seat{Worker: fmt.Sprintf("w%d", i), Item: rapid.String().Draw(t, "item"), For: time.Duration(i*7919%1000) * time.Second}
			most = max(most, seat.For)
			s.Seats = append(s.Seats, seat)
		}
		b := Bar{Full: true, ASCII: rapid.Bool().Draw(t, "ascii")}
		lines := b.lines(s, columns, rows)
		if len(lines) > max(rows-aboveFoot, 1) {
			t.Fatalf("%d lines on a terminal of %d", len(lines), rows)
		}
		for _, line := range lines {
			if n := terminal.Columns(line); n >= columns && columns > 8 || strings.ContainsAny(line, "\r\n\x1b") {
				t.Fatalf("%d columns of %d: %q", n, columns, line)
			}
		}
	})
}
