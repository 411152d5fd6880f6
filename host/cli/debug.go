package cli

import (
	"cmp"
	"context"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// debug is `debug PLUGIN TASK --item ITEM …`: it runs one item in a debugger on the terminal, also one that is finished.
func (a *app) debug(ctx context.Context) error {
	return a.withTask(ctx, func(s *session) error {
		if len(a.grammar.Item) == 0 {
			return exitcode.Usagef("%s: is missing; hint: it says which item: #1 is the first item of the plan, and kagurazaka show last names the failed ones", a.line.Spelling("item"))
		}
		return a.drive(ctx, s)
	})
}

// once makes the flags those of one item in a debugger. Nothing is kept of it but its output.
func (g *grammar) once() {
	one := 1
	g.DebugFlags.Mode, g.DebugFlags.Once = cmp.Or(g.DebugFlags.Mode, "pdb"), true
	g.Limit, g.NoLedger, g.Outputs = &one, true, "staged"
}
