package sdk

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"
)

// logLevelKey may hold hclog's name of the lowest level that plugins send to the host.
const logLevelKey = "KAGURAZAKA_LOG_LEVEL"

// logOutput is the real stderr, whatever becomes of the variable os.Stderr.
var logOutput = os.Stderr

func newLogger() hclog.Logger {
	level := hclog.LevelFromString(os.Getenv(logLevelKey))
	if level == hclog.NoLevel {
		level = hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Level: level, Output: logOutput, JSONFormat: true})
}

type contextKey struct{}

// worker is what contexts carry of the process.
type worker struct {
	log   hclog.Logger
	index int
	stage Stage
}

// itemContext is the context of one item. Making it costs no allocation of its own: a chunk's are made together.
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

// Log returns a logger whose lines reach the host's log, with the worker's number and the item's name where ctx comes
// from Process or IsExecuted. A context from elsewhere gives a logger that discards.
func Log(ctx context.Context) hclog.Logger {
	switch c := ctx.Value(contextKey{}).(type) {
	case *itemContext:
		w, ok := c.Context.Value(contextKey{}).(*worker)
		if !ok {
			return hclog.NewNullLogger()
		}
		return w.log.With("worker", w.index, "item", c.item.String())
	case *worker:
		if c.stage != StageList {
			return c.log.With("worker", c.index)
		}
		return c.log
	default:
		return hclog.NewNullLogger()
	}
}
