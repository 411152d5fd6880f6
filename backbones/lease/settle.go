package lease

import (
	"context"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Settle is called on a node with outcomes before they are reported. It moves outputs that wait aside into place, and returns what to report.
// grant asks the coordinator for the grant of items by their numbers; items of a lost lease are refused. An error ends the node's run.
type Settle func(ctx context.Context, o backbones.Outcomes, grant func(context.Context, []backbones.Span) (Granted, error)) (backbones.Outcomes, error)
