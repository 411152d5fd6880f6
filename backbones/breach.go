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
