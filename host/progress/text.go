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
	"sync"
	"time"

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

func line(s Snapshot) string {
	var b strings.Builder
	if s.Total != nil && *s.Total > 0 {
		fmt.Fprintf(&b, "%d%% of %s: ", 100*(s.Done+s.Skipped+s.Failed) / *s.Total, thousands(*s.Total))
	}
	fmt.Fprintf(&b, "done %s, skipped %s, failed %s, %s items/s", thousands(s.Done), thousands(s.Skipped),
		thousands(s.Failed), rateText(s.ItemsPerSecond))
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
	if n := len(s.Silent); n > 0 {
		names := strings.Join(s.Silent[:min(n, maxSilent)], " and ")
		if n > maxSilent {
			names = count.Of(n, "node")
		}
		workers += ", no word from " + names
	}
	fmt.Fprintf(&b, ", %s, %s", workers, clock(s.Seconds))
	return b.String()
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

// Screen is a terminal with one line at its foot that is drawn again and again. Text that is written to it appears above.
type Screen struct {
	mu    sync.Mutex
	out   io.Writer
	width func() int
	foot  string
}

// NewScreen returns a screen on a terminal. It calls width at each drawing.
func NewScreen(out io.Writer, width func() int) *Screen { return &Screen{out: out, width: width} }

const clearLine = "\r\x1b[K"

// Write prints above the foot.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.foot == "" {
		return s.out.Write(p)
	}
	if _, err := io.WriteString(s.out, clearLine); err != nil {
		return 0, err
	}
	n, err := s.out.Write(p)
	if err == nil && len(p) > 0 && p[len(p)-1] == '\n' {
		_, err = io.WriteString(s.out, s.foot)
	}
	return n, err
}

// Foot draws the line at the foot; empty removes it.
func (s *Screen) Foot(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.width(); w > 1 && len([]rune(text)) >= w {
		text = string([]rune(text)[:w-1])
		// No part is cut in half.
		if i := strings.LastIndex(text, ", "); i > 0 {
			text = text[:i]
		}
	}
	if text == "" && s.foot == "" {
		return
	}
	s.foot = text
	// The run continues without its terminal.
	_, _ = io.WriteString(s.out, clearLine+text)
}

// Text shows a run to people.
type Text struct {
	// Err gets the failed items and the status, Out the summary.
	Err, Out io.Writer
	// Every is the time between status lines; 0: no status.
	Every time.Duration
	// Screen shows the status at its foot; nil: Err gets a line each time.
	Screen *Screen
	// Verbose shows the traceback of all failed items.
	Verbose bool
	// NoLedger: nothing lists the failed items that are only counted.
	NoLedger bool
}

// Interval implements Printer.
func (t *Text) Interval() time.Duration { return t.Every }

// Update implements Printer.
func (t *Text) Update(s Snapshot) {
	if t.Screen != nil {
		t.Screen.Foot(line(s))
		return
	}
	fmt.Fprintln(t.Err, line(s))
}

// Finish implements Printer.
func (t *Text) Finish(s Summary) {
	if t.Screen != nil {
		t.Screen.Foot("")
	}
	if t.Every > 0 {
		for _, line := range s.Stages.Lines() {
			fmt.Fprintln(t.Err, line)
		}
	}
	fmt.Fprintln(t.Out, s.Line())
}

const indentation = "    "
