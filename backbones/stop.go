package backbones

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// StopStep is a step of a run that is being stopped.
type StopStep string

const (
	// Stopping begins nothing more: what is in flight may finish.
	Stopping StopStep = "stopping"
	// StopLate ends what did not finish within the grace.
	StopLate StopStep = "late"
	// StopNow ends what is in flight because the user does not want to wait.
	StopNow StopStep = "now"
)

// Stop is what a run that is being stopped does.
type Stop struct {
	Step StopStep
	// Items is the number of items in flight. With Nodes, those are lent to so many nodes, which finish those that they have begun.
	Items, Nodes int
	Grace        time.Duration
	// Again is how to continue; empty: with the same command.
	Again string
	// Node: this is a node, whose items go to the run's other machines. Elsewhere: the run is stopped at its coordinator.
	Node, Elsewhere bool
}

// String tells the user.
func (s Stop) String() string {
	items := count.Of(s.Items, "item")
	where := " in flight"
	if s.Nodes > 0 {
		where = " lent to " + count.Of(s.Nodes, "node")
	}
	again := cmp.Or(s.Again, "run the same command again to continue")
	if s.Node {
		again = "other machines of the run do what this one leaves"
	}
	switch {
	case s.Step == Stopping && s.Elsewhere:
		return fmt.Sprintf("the run is stopped at its coordinator: %s%s, up to %s", items, where, readable(s.Grace))
	case s.Step == Stopping && s.Items == 0:
		return "stopping: no items" + where
	case s.Step == Stopping:
		return fmt.Sprintf("stopping: %s%s, up to %s; once more ends them", items, where, readable(s.Grace))
	case s.Step == StopLate && s.Items == 0:
		return fmt.Sprintf("stopping took longer than --grace %s; %s", FlagText(s.Grace), again)
	case s.Step == StopLate:
		return fmt.Sprintf("ended %s%s that did not finish within --grace %s; %s", items, where, FlagText(s.Grace), again)
	case s.Items == 0:
		return "ending the run at once; " + again
	default:
		return fmt.Sprintf("ended %s%s at once; %s", items, where, again)
	}
}

// readable is a time for people: 30 s, 1m30s.
func readable(d time.Duration) string {
	if d < time.Minute && d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return FlagText(d)
}

// FlagText is a time as a user writes it, without zeroes at its end.
func FlagText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
