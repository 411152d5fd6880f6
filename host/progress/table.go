package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// table is the summary for people.
func (t *Text) table(s Summary) (lines []string) {
	add := func(name, format string, values ...any) {
		lines = append(lines, t.Paint.Faint(terminal.Pad(name, len("slowest")))+gap+fmt.Sprintf(format, values...))
	}
	done := fmt.Sprintf("%s in %s", thousands(s.Done), duration(s.Seconds))
	// Of the items in this line alone: ItemsPerSecond has the failed ones, too.
	if s.Done > 0 && s.Seconds > 0 {
		done += ", " + RateText(float64(s.Done)/s.Seconds)
	}
	add("done", "%s", done)
	if s.Skipped > 0 {
		add("skipped", "%s", thousands(s.Skipped))
	}
	if s.Failed > 0 {
		add("failed", "%s%s", t.Paint.Red(thousands(s.Failed)), kindsText(s.FailedByKind))
	}
	if s.Unlisted > 0 {
		add("missing", "%s", t.Paint.Red(count.Of(s.Unlisted, "folder, file or line could not be listed", "folders, files or lines could not be listed")))
	}
	if s.Left > 0 {
		add("left", "%s", thousands(s.Left))
	}
	if text := s.Bytes.text(s); text != "" {
		add("bytes", "%s", text)
	}
	if text := s.Slowest.text(); text != "" {
		add("slowest", "%s", text)
	}
	if t.begun.Run != "" {
		add("run", "%s", t.begun.Run)
	}
	name := "next"
	for _, n := range t.begun.next(s) {
		add(name, "%s%s", t.Paint.Bold(n.command), t.Paint.Faint("  # "+n.what))
		name = ""
	}
	return lines
}

// next is a command to type after a run.
type next struct{ command, what string }

// next are the commands that help after a run, those for what is wrong first.
func (b Beginning) next(s Summary) (all []next) {
	add := func(command, what string) {
		if command != "" {
			all = append(all, next{terminal.Line(command, maxCommand), what})
		}
	}
	if s.Interrupted || s.Left != 0 {
		add(b.Resume, "continues where it stopped")
	}
	what := "shows the run"
	if s.Failed > 0 {
		what = "tells why " + count.Of(s.Failed, "item") + " failed"
	}
	add(b.Show, what)
	if s.Failed > 0 {
		add(b.Retry, "runs the failed items again")
	}
	return all
}

// maxCommand bounds a command line in the table.
const maxCommand = 4000

// text is empty if nothing is known.
func (b *Bytes) text(s Summary) string {
	if b == nil {
		return ""
	}
	part := func(bytes, of, all int64, what string) string {
		text := sizeText(bytes) + " " + what
		if of < all {
			text += fmt.Sprintf(" (%s of %s looked at)", thousands(of), count.Of(all, "item"))
		}
		return text
	}
	var parts []string
	if b.InItems > 0 {
		parts = append(parts, part(b.In, b.InItems, s.Done+s.Failed, "in"))
	}
	if b.OutItems > 0 {
		parts = append(parts, part(b.Out, b.OutItems, s.Done, "out"))
	}
	return strings.Join(parts, ", ")
}

// text is empty if nothing is known.
func (s *Slowest) text() string {
	switch {
	case s == nil:
		return ""
	case s.Items > 1 && s.Seconds < 1:
		return "no item took more than " + duration(s.Seconds)
	case s.Items > 1:
		text := fmt.Sprintf("one of %s that took %s together", count.Of(s.Items, "item"), duration(s.Seconds))
		if s.Item != "" {
			text += ", from " + terminal.Line(s.Item, maxSeatItem) + " on"
		}
		return text
	case s.Item == "":
		return duration(s.Seconds)
	}
	return terminal.Line(s.Item, maxSeatItem) + ", " + duration(s.Seconds)
}

// duration is a time for people: "0.35 s", "12.3 s", "1:02:03".
func duration(seconds float64) string {
	switch {
	case seconds < 0.001:
		return fmt.Sprintf("%.0f µs", seconds*1e6)
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 59.95:
		return fmt.Sprintf("%.1f s", seconds)
	}
	return clock(time.Duration(seconds * float64(time.Second)).Round(time.Second).Seconds())
}

// sizeText is a number of bytes for people: "512 B", "1.2 GiB".
func sizeText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for size >= 1023.95 && unit < 5 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTPE"[unit])
}
