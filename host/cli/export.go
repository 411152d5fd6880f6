package cli

import (
	"context"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// export is `export PLUGIN TASK …`.
func (a *app) export(context.Context) error {
	return exitcode.Usagef("kagurazaka export is not built yet")
}
