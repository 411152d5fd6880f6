package backbones

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// MaxBreaches is how often workers may break the protocol before the run ends: what a plugin does wrong three times it will
// do wrong again.
const MaxBreaches = 3

// BreachError ends a run whose workers broke the protocol too often.
type BreachError struct {
	// Times is how often, What is the last of it, Rule the section of docs/protocol.md that has the rule.
	Times      int
	What, Rule string
}

func (e *BreachError) Error() string {
	return fmt.Sprintf("workers broke the protocol %s; the last one: %s%s", count.Of(e.Times, "time"), e.What, RuleNote(e.Rule))
}

// RuleNote names the section of docs/protocol.md with a rule, to follow what broke it; empty for none.
func RuleNote(rule string) string {
	if rule == "" {
		return ""
	}
	return fmt.Sprintf(" (see %q in docs/protocol.md)", rule)
}
