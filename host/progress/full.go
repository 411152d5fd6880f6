package progress

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// row is a line about a worker, a stage or a node: its name, a time, and a text that is cut to its room.
type row struct {
	name, time, text string
	// long is how long a worker has been at its item.
	long time.Duration
}

// aboveFoot is the number of lines of a terminal that the foot leaves to what is printed above.
const aboveFoot = 3

// lines are the lines at the foot of a terminal.
func (b Bar) lines(s Snapshot, columns, rows int) []string {
	lines := []string{b.line(s, columns)}
	if !b.Full {
		return lines
	}
	all := rowsOf(s)
	room := max(rows-aboveFoot-len(lines), 0)
	left := len(all) - room
	if left > 0 {
		// Workers that have been at their item the longest are those to look at.
		slices.SortStableFunc(all, func(x, y row) int { return cmp.Compare(y.long, x.long) })
		room = max(room-1, 0)
		all, left = all[:room], len(all)-room
	}
	names, times := 0, 0
	for _, r := range all {
		names, times = max(names, terminal.Columns(r.name)), max(times, len(r.time))
	}
	names = min(names, columns/4)
	for _, r := range all {
		lines = append(lines, b.row(r, names, times, columns-1))
	}
	if left > 0 && rows > aboveFoot+1 {
		lines = append(lines, gap+b.Paint.Faint(terminal.Fit(fmt.Sprintf("and %d more", left), columns-1-len(gap))))
	}
	return lines
}

// row is a line in at most some columns. Nothing is on its right side: a terminal that gets narrower would wrap it.
func (b Bar) row(r row, names, times, columns int) string {
	room := columns - 2*len(gap) - names
	if times > 0 {
		room -= len(gap) + times
	}
	text := gap + b.Paint.Bold(terminal.Pad(terminal.Fit(r.name, names), names))
	if room < 1 {
		return text
	}
	if times > 0 {
		text += gap + b.Paint.Cyan(fmt.Sprintf("%*s", times, r.time))
	}
	return text + gap + terminal.Fit(r.text, room)
}

// rowsOf are the rows of a run: its stages, its nodes, and its workers.
func rowsOf(s Snapshot) (all []row) {
	if s.Stages != nil {
		stage := func(name string, f Stage) {
			if f.Workers > 0 {
				all = append(all, row{name: name, text: joined(fmt.Sprintf("%d/%d workers, %s of their time, %s items", f.Busy, f.Workers, percent(f.Share), thousands(f.Items)),
					RateText(f.ItemsPerSecond))})
			}
		}
		stage("load", s.Stages.Load)
		stage("device", s.Stages.Device)
		stage("finish", s.Stages.Finish)
	}
	for _, n := range s.nodes {
		text := fmt.Sprintf("%d/%d workers, %s done", n.Busy, n.Workers, thousands(n.Done))
		if n.Failed > 0 {
			text += fmt.Sprintf(", %s failed", thousands(n.Failed))
		}
		if slices.Contains(s.Silent, n.Name) {
			text += ", no word from it"
		}
		all = append(all, row{name: terminal.Line(n.Name, maxName), text: text})
	}
	for _, at := range s.Seats {
		r := row{name: at.Worker, text: "idle"}
		if at.Item != "" {
			r.text, r.time, r.long = terminal.Line(at.Item, maxSeatItem), clock(at.For.Seconds()), at.For
		}
		all = append(all, r)
	}
	return all
}

// Limits of what is shown of others' texts in a row.
const (
	maxName     = 60
	maxSeatItem = 1000
)

func joined(text, more string) string {
	if more == "" {
		return text
	}
	return text + ", " + more
}

// workers is "3/4 workers", with the number of machines that they are on.
func (s Snapshot) workers() string {
	text := fmt.Sprintf("%d/%d workers", s.WorkersBusy, s.Workers)
	if s.Nodes > 0 {
		text += " on " + count.Of(s.Nodes, "node")
	}
	return text
}

// SetNodes counts the nodes of a run, and names those that say nothing: that have items and have not reported for some time.
func (s *Snapshot) SetNodes(nodes []backbones.NodeFigures, silentAfter time.Duration) {
	for _, n := range nodes {
		if n.Gone {
			continue
		}
		s.Nodes++
		s.nodes = append(s.nodes, n)
		if n.Leases > 0 && time.Since(n.Heard) > silentAfter {
			s.Silent = append(s.Silent, n.Name)
		}
	}
}
