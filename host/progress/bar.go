package progress

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Bar draws a run as one line, with Full also as a line for each worker or node.
type Bar struct {
	Paint terminal.Paint
	// ASCII is for terminals without UTF-8.
	ASCII bool
	// Full adds a line for each worker, stage and node.
	Full bool
}

// ASCII reports whether the locale is one without UTF-8.
func ASCII() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := os.Getenv(name); locale != "" {
			locale = strings.ToLower(locale)
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return true
}

// field is a part of the line.
type field struct {
	text string
	// rank is its place when fields leave a narrow line: the largest leaves first.
	rank int
	// paint styles the text; nil: as it is.
	paint func(string) string
}

// The ranks of fields.
const (
	rankCount = iota
	rankPercent
	rankFailed
	rankBar
	rankSilent
	rankETA
	rankRate
	rankWorkers
	rankClosing
	rankSkipped
	rankTime
	rankStages
)

// The bar has at least these columns, or leaves, and at most these.
const (
	leastBar = 8
	mostBar  = 60
)

const gap = "  "

// line is the run in fewer columns than the terminal has.
func (b Bar) line(s Snapshot, columns int) string {
	fields := b.fields(s)
	room := columns - 1
	taken := func() int {
		n := -len(gap)
		for _, f := range fields {
			n += len(gap) + terminal.Columns(f.text)
		}
		return n
	}
	for len(fields) > 1 && taken() > room {
		last := slices.MaxFunc(fields, func(x, y field) int { return x.rank - y.rank })
		fields = slices.DeleteFunc(fields, func(f field) bool { return f.rank == last.rank })
	}
	free := room - taken()
	texts := make([]string, len(fields))
	for i, f := range fields {
		switch {
		case f.rank == rankBar:
			f.text = b.bar(s, min(leastBar+max(free, 0), mostBar))
		case len(fields) == 1:
			f.text = terminal.Fit(f.text, room)
		}
		if f.paint != nil {
			f.text = f.paint(f.text)
		}
		texts[i] = f.text
	}
	return strings.Join(texts, gap)
}

// fields are the parts of the line, in their order. The bar's text only keeps its place.
func (b Bar) fields(s Snapshot) (fields []field) {
	add := func(rank int, paint func(string) string, format string, values ...any) {
		fields = append(fields, field{fmt.Sprintf(format, values...), rank, paint})
	}
	finished := s.Done + s.Skipped + s.Failed
	known := s.Total != nil && *s.Total > 0
	if known {
		add(rankPercent, b.Paint.Bold, "%3d%%", percentOf(finished, *s.Total))
	}
	add(rankBar, nil, "%*s", leastBar, "")
	switch {
	case known:
		total := thousands(*s.Total)
		add(rankCount, nil, "%*s/%s", len(total), thousands(finished), total)
	case s.Total != nil:
		add(rankCount, nil, "%s/0", thousands(finished))
	case s.Listed > finished:
		add(rankCount, nil, "%s of %s+, listing", thousands(finished), thousands(s.Listed))
	default:
		add(rankCount, nil, "%s, listing", thousands(finished))
	}
	if s.ItemsPerSecond > 0 {
		add(rankRate, nil, "%s", RateText(s.ItemsPerSecond))
	}
	if s.ETASeconds > 0 {
		add(rankETA, b.Paint.Cyan, "ETA %s", clock(s.ETASeconds))
	}
	if s.Failed > 0 {
		add(rankFailed, b.Paint.Red, "%s failed", thousands(s.Failed))
	}
	if s.Skipped > 0 {
		add(rankSkipped, nil, "%s skipped", thousands(s.Skipped))
	}
	if silent := s.silent(); silent != "" {
		add(rankSilent, b.Paint.Yellow, "%s", silent)
	}
	if s.Workers > 0 || s.Nodes > 0 {
		add(rankWorkers, nil, "%s", s.workers())
	}
	if s.Stages != nil {
		add(rankStages, nil, "%s", s.Stages.text())
	}
	if s.WorkersClosing > 0 {
		add(rankClosing, nil, "%d closing", s.WorkersClosing)
	}
	add(rankTime, b.Paint.Faint, "%s", clock(s.Seconds))
	return fields
}

// percentOf is 100 only when everything is finished.
func percentOf(part, total int64) int64 {
	if total <= 0 {
		return 0
	}
	return min(100, max(0, int64(100*float64(part)/float64(total))))
}

// bar is the run as a bar of some columns. During the listing the total is not known, and a mark moves.
func (b Bar) bar(s Snapshot, columns int) string {
	done, rest, left, right := "━", "─", "", ""
	if b.ASCII {
		done, rest, left, right = "#", "-", "[", "]"
		columns -= 2
	}
	if s.Total == nil {
		const mark = 3
		way := max(columns-mark, 1)
		at := int(s.Seconds*8) % (2 * way)
		if at > way {
			at = 2*way - at
		}
		return left + b.Paint.Faint(strings.Repeat(rest, at)) + b.Paint.Cyan(strings.Repeat(done, min(mark, columns))) +
			b.Paint.Faint(strings.Repeat(rest, max(columns-at-mark, 0))) + right
	}
	part := func(n int64) int {
		if *s.Total <= 0 {
			return 0
		}
		return min(columns, int(float64(columns)*float64(n)/float64(*s.Total)))
	}
	finished := part(s.Done + s.Skipped + s.Failed)
	failed := part(s.Failed)
	if s.Failed > 0 && finished > 0 {
		failed = max(failed, 1)
	}
	return left + b.Paint.Green(strings.Repeat(done, finished-failed)) + b.Paint.Red(strings.Repeat(done, failed)) +
		b.Paint.Faint(strings.Repeat(rest, columns-finished)) + right
}

// RateText is a rate for people: "12 items/s", "2.5 s/item", "12 items/h". It is empty for 0.
func RateText(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return ""
	case perSecond >= 1:
		return rateText(perSecond) + " items/s"
	case perSecond*60 > 1:
		return fmt.Sprintf("%.1f s/item", 1/perSecond)
	case perSecond*3600 >= 2:
		return fmt.Sprintf("%.0f items/h", perSecond*3600)
	}
	return fmt.Sprintf("%.1f h/item", 1/perSecond/3600)
}
