package sdk

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"
)

// logLevelKey is the environment variable with the lowest level (hclog's name) that plugins send to the host.
const logLevelKey = "KAGURAZAKA_LOG_LEVEL"

// logOutput is the process's stderr, even when go-plugin replaces os.Stderr.
var logOutput = os.Stderr

func newLogger() hclog.Logger {
	level := hclog.LevelFromString(os.Getenv(logLevelKey))
	if level == hclog.NoLevel {
		level = hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Level: level, Output: logOutput, JSONFormat: true})
}

type contextKey struct{}

// worker describes the process in contexts.
type worker struct {
	log   hclog.Logger
	index int
	stage Stage
}

// itemContext is the context of one item.
type itemContext struct {
	context.Context
	item Item
}

func (c *itemContext) Value(key any) any {
	if key == (contextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Log returns a logger that writes to the host's log. ctx must come from the SDK, or the logger discards its lines. The
// lines name the worker, and the item if ctx is that of Process, IsExecuted, Load or Finish.
func Log(ctx context.Context) hclog.Logger {
	c, _ := ctx.Value(contextKey{}).(*itemContext)
	if c != nil {
		ctx = c.Context
	}
	w, ok := ctx.Value(contextKey{}).(*worker)
	switch {
	case !ok:
		return hclog.NewNullLogger()
	case c != nil:
		return w.log.With("worker", w.index, "item", c.item.String())
	case w.stage == StageList:
		return w.log
	}
	return w.log.With("worker", w.index)
}
