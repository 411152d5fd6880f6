package backbones

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// MaxBreaches is the number of breaches of the protocol that end a run.
const MaxBreaches = 3

// BreachError ends a run whose workers broke the protocol too often.
type BreachError struct {
	// Times is the number of breaches, What the last one, Rule its section of docs/protocol.md.
	Times      int
	What, Rule string
}

func (e *BreachError) Error() string {
	return fmt.Sprintf("workers broke the protocol %s; the last one: %s%s", count.Of(e.Times, "time"), e.What, RuleNote(e.Rule))
}

// RuleNote names a section of docs/protocol.md, for the end of a message; empty for none.
func RuleNote(rule string) string {
	if rule == "" {
		return ""
	}
	return fmt.Sprintf(" (see %q in docs/protocol.md)", rule)
}

// CloseError is the error for tasks that could not be closed: what they still had to write may be lost.
type CloseError struct {
	// Workers is the number of workers that could not close their task, First the error of the first.
	Workers int
	First   error
}

func (e *CloseError) Error() string {
	if e.Workers == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d workers did not close their task; the first: %v", e.Workers, e.First)
}

func (e *CloseError) Unwrap() error { return e.First }
