package progress

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Line is the last line on stdout of a run that does not print JSON. It is part of the interface.
func (s Summary) Line() string {
	digits := 2
	if s.Seconds < 1 {
		digits = 3
	}
	return fmt.Sprintf("done %d, skipped %d, failed %d%s in %.*f s (%s items/s)",
		s.Done, s.Skipped, s.Failed, kindsText(s.FailedByKind), digits, s.Seconds, rateText(s.ItemsPerSecond))
}

// kindsText is " (2 error, 1 timeout)", the most frequent first.
func kindsText(kinds map[string]int64) string {
	if len(kinds) == 0 {
		return ""
	}
	names := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", kinds[name], name)
	}
	return " (" + strings.Join(names, ", ") + ")"
}

func rateText(r float64) string {
	digits := 2
	if r >= 100 {
		digits = 0
	} else if r >= 1 {
		digits = 1
	}
	return strconv.FormatFloat(r, 'f', digits, 64)
}

// thousands groups digits by three, for people.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// line is the run as a line of a log.
func line(s Snapshot) string {
	var b strings.Builder
	if s.Total != nil && *s.Total > 0 {
		fmt.Fprintf(&b, "%d%% of %s: ", percentOf(s.Done+s.Skipped+s.Failed, *s.Total), thousands(*s.Total))
	}
	fmt.Fprintf(&b, "done %s, skipped %s, failed %s", thousands(s.Done), thousands(s.Skipped), thousands(s.Failed))
	if s.ItemsPerSecond > 0 {
		fmt.Fprintf(&b, ", %s", RateText(s.ItemsPerSecond))
	}
	if s.ETASeconds > 0 {
		fmt.Fprintf(&b, ", ETA %s", clock(s.ETASeconds))
	}
	if s.WorkersClosing > 0 {
		fmt.Fprintf(&b, ", %s", count.Of(s.WorkersClosing, "worker closing its task", "workers closing their task"))
	}
	workers := fmt.Sprintf("%d/%d workers busy", s.WorkersBusy, s.Workers)
	if s.Nodes > 0 {
		workers += " on " + count.Of(s.Nodes, "node")
	}
	if s.Stages != nil {
		workers = s.Stages.text()
	}
	if silent := s.silent(); silent != "" {
		workers += ", " + silent
	}
	fmt.Fprintf(&b, ", %s, %s", workers, clock(s.Seconds))
	return b.String()
}

// silent names the nodes that say nothing; empty: there are none.
func (s Snapshot) silent() string {
	switch n := len(s.Silent); {
	case n == 0:
		return ""
	case n > maxSilent:
		return "no word from " + count.Of(n, "node")
	}
	return "no word from " + strings.Join(s.Silent, " and ")
}

// maxSilent is the most nodes that are named.
const maxSilent = 2

func clock(seconds float64) string {
	all := int(math.Round(seconds))
	h, m, s := all/3600, all/60%60, all%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, s)
	}
	return fmt.Sprintf("%d:%02d", m, s)
}

// Limits of what is printed of a failed item. The ledger has the rest.
const (
	maxItem      = 2000
	maxMessage   = 4000
	maxTraceback = 32 << 10
)

// Text shows a run to people.
type Text struct {
	// Err gets the failed items and the status, Out the summary.
	Err, Out io.Writer
	// Every is the time between status lines; 0: no status.
	Every time.Duration
	// Screen shows the status at its foot, drawn by Bar; nil: Err gets a line each time.
	Screen *Screen
	Bar    Bar
	// Verbose shows the traceback of all failed items.
	Verbose bool
	// NoLedger: nothing lists the failed items that are only counted.
	NoLedger bool
	// Table shows the summary as a table in place of its line. It is for a terminal, and Paint is how it is styled.
	Table bool
	Paint terminal.Paint

	begun Beginning
}

// Begin implements Printer.
func (t *Text) Begin(b Beginning) { t.begun = b }

// Interval implements Printer.
func (t *Text) Interval() time.Duration { return t.Every }

// Update implements Printer.
func (t *Text) Update(s Snapshot) {
	if t.Screen != nil {
		t.Screen.Foot(func(columns, rows int) []string { return t.Bar.lines(s, columns, rows) })
		return
	}
	fmt.Fprintln(t.Err, line(s))
}

// Finish implements Printer.
func (t *Text) Finish(s Summary) {
	if t.Screen != nil {
		t.Screen.Foot(nil)
	}
	if t.Every > 0 {
		for _, line := range s.Stages.Lines() {
			fmt.Fprintln(t.Err, line)
		}
	}
	if !t.Table {
		fmt.Fprintln(t.Out, s.Line())
		return
	}
	// The table cleans the texts of others itself.
	for _, line := range t.table(s) {
		fmt.Fprintln(t.Out, line)
	}
}

const indentation = "    "
