package cuda_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/cuda"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is as much address space as batches of the suite can need.
const memory = 1 << 40

// TestSuite lets the workers of each stage in turn do what the suite's script says; the others do their work.
func TestSuite(t *testing.T) {
	tests := []struct {
		name     string
		scripted backbonetest.Stage
		apart    bool
	}{
		{"loaders", backbonetest.Load, true},
		{"devices", backbonetest.Device, true},
		{"finishers", backbonetest.Finish, true},
		{"devices that finish", backbonetest.Device, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lacks := []backbonetest.Feature{backbonetest.Beats, backbonetest.Recycling}
			if tt.scripted == backbonetest.Device {
				lacks = append(lacks, backbonetest.Thrift)
				if tt.apart {
					// A batch fails whole, and its items are tried several times for that alone.
					lacks = append(lacks, backbonetest.Skips, backbonetest.Retries)
				}
			}
			backbonetest.Suite(t, func(ctx context.Context, o backbonetest.Options, src backbones.Source, sink backbones.Sink) error {
				others := min(2, o.Workers)
				workers := [3]int{others, others, others}
				workers[tt.scripted] = o.Workers
				if !tt.apart {
					workers[backbonetest.Finish] = 0
				}
				rest := &backbonetest.Crew{T: t}
				starter := func(stage backbonetest.Stage) backbones.StageStarter {
					return func(context.Context, int) (backbones.StageWorker, error) {
						if stage == tt.scripted {
							return o.Crew.StartStage(stage)
						}
						return rest.StartStage(stage)
					}
				}
				size := o.ChunkSize
				if size == 0 {
					size = 8
				}
				p := cuda.New(cuda.Options{
					BatchSize: size, Loaders: workers[0], Devices: workers[1], Finishers: workers[2], Memory: memory,
					StartLoader: starter(backbonetest.Load), StartDevice: starter(backbonetest.Device), StartFinisher: starter(backbonetest.Finish),
					Drain: o.Drain, Retry: o.Retry, ItemTimeout: o.ItemTimeout,
				})
				err := p.Run(ctx, src, sink)
				rest.Wait()
				if p.Busy() != 0 || p.Running() != 0 {
					t.Errorf("%d workers are busy and %d running behind the run's end", p.Busy(), p.Running())
				}
				return err
			}, lacks...)
		})
	}
}
