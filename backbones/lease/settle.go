package lease

import (
	"context"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Settle is called on a node with outcomes before they are reported. It puts outputs in place that wait aside, and returns what is to be
// reported. grant asks the coordinator for the commit of items by their numbers, whatever lease they are of; items of a lease that was lost are refused. An
// error ends the node's run.
type Settle func(ctx context.Context, o backbones.Outcomes, grant func(context.Context, []backbones.Span) (Granted, error)) (backbones.Outcomes, error)
