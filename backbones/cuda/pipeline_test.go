package cuda_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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
			if tt.scripted == backbonetest.Load || tt.scripted == backbonetest.Device && tt.apart {
				lacks = append(lacks, backbonetest.Last)
			}
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
					Policy: o.Policy,
				})
				err := p.Run(ctx, src, sink)
				rest.Wait()
				if s := p.Status(); s.Busy != 0 || s.Running != 0 {
					t.Errorf("%d workers are busy and %d running behind the run's end", s.Busy, s.Running)
				}
				return err
			}, lacks...)
		})
	}
}

// A machine that has room for one loader and one finisher and no more does the run with those.
func TestWorkersThatCannotBeStartedLeaveFewer(t *testing.T) {
	crew := &backbonetest.Crew{T: t}
	var refused atomic.Int64
	one := func(stage backbonetest.Stage) backbones.StageStarter {
		return func(_ context.Context, index int) (backbones.StageWorker, error) {
			if index > 0 {
				refused.Add(1)
				return nil, syscall.EAGAIN
			}
			return crew.StartStage(stage)
		}
	}
	src := &endless{}
	done := 0
	err := cuda.New(cuda.Options{
		BatchSize: 4, Loaders: 4, Devices: 1, Finishers: 4, Memory: memory, Policy: backbones.Policy{StartDelay: time.Millisecond},
		StartLoader: one(backbonetest.Load), StartDevice: one(backbonetest.Device), StartFinisher: one(backbonetest.Finish),
	}).Run(t.Context(), src, func(o backbones.Outcomes) error {
		for _, s := range o.Done {
			done += s.Count
		}
		// Long after the starts that would have ended the run.
		if refused.Load() > 20 {
			src.stop.Store(true)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	crew.Wait()
	if uint64(done) != src.next {
		t.Errorf("%d of %d items are done", done, src.next)
	}
}

// endless yields items until it is told to stop.
type endless struct {
	stop atomic.Bool
	next uint64
}

func (e *endless) Next(context.Context) (backbones.Block, error) {
	if e.stop.Load() {
		return backbones.Block{}, io.EOF
	}
	first := e.next
	e.next += 8
	return backbones.Block{First: first, Count: 8, Payload: []byte(strings.TrimSuffix(strings.Repeat("{}\n", 8), "\n"))}, nil
}
