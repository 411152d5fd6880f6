package progress

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// StopPrinter shows how a run is stopped.
type StopPrinter interface {
	// Stopping shows a step of that.
	Stopping(backbones.Stop)
}

// Stopping shows a step of how the run is stopped.
func (r *Reporter) Stopping(s backbones.Stop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.printer.Stopping(s)
}

// Stopping implements StopPrinter.
func (t *Text) Stopping(s backbones.Stop) { fmt.Fprintln(t.Err, s.String()) }

type jsonStopping struct {
	MessageType string `json:"message_type"`
	// Step is stopping, late (the grace is over) or now (the user does not want to wait).
	Step    backbones.StopStep `json:"step"`
	Message string             `json:"message"`
	// Items is the number of items in flight, Nodes that of the nodes that have them.
	Items int     `json:"items"`
	Nodes int     `json:"nodes,omitempty"`
	Grace float64 `json:"grace_seconds"`
}

// Stopping implements StopPrinter.
func (j *JSON) Stopping(s backbones.Stop) {
	j.print(jsonStopping{"stopping", s.Step, s.String(), s.Items, s.Nodes, s.Grace.Seconds()})
	j.say(s.String())
}
