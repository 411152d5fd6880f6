package cli

import (
	"context"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// debug is `debug PLUGIN TASK …`.
func (a *app) debug(context.Context) error {
	return exitcode.Usagef("kagurazaka debug is not built yet")
}
