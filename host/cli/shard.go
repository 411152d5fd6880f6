package cli

import (
	"context"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// shard is `shard PLUGIN TASK …`.
func (a *app) shard(context.Context) error {
	return exitcode.Usagef("kagurazaka shard is not built yet")
}
