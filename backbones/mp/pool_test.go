package mp_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	backbonetest.Suite(t, func(ctx context.Context, o backbonetest.Options, src backbones.Source, sink backbones.Sink) error {
		return mp.New(mp.Options{
			Workers: o.Workers, ChunkSize: o.ChunkSize, Start: o.Start, Drain: o.Drain, Retry: o.Retry, ItemTimeout: o.ItemTimeout,
			WorkerMaxItems: o.WorkerMaxItems,
		}).Run(ctx, src, sink)
	})
}
