package cuda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/cuda"
)

// numbered yields blocks of ten indexed items.
type numbered struct{ left, next int }

func (n *numbered) Next(context.Context) (backbones.Block, error) {
	if n.left == 0 {
		return backbones.Block{}, io.EOF
	}
	lines := ""
	for i := range 10 {
		lines += fmt.Sprintf("{\"i\":%d}\n", n.next+i)
	}
	b := backbones.Block{Count: 10, First: uint64(n.next), Payload: []byte(lines[:len(lines)-1])}
	n.left -= 10
	n.next += 10
	return b, nil
}

var errBroken = errors.New("no such device")

// TestOneDeviceOfTwoIsBroken: the other one does all items, and a run that has none left says why.
func TestOneDeviceOfTwoIsBroken(t *testing.T) {
	dies := &backbonetest.Crew{T: t, Script: func(string, int) backbonetest.Act { return backbonetest.Die }}
	good := &backbonetest.Crew{T: t}
	device := func(crew *backbonetest.Crew) backbones.StageStarter {
		return func(context.Context, int) (backbones.StageWorker, error) { return crew.StartStage(backbonetest.Device) }
	}
	fails := func(err error) backbones.StageStarter {
		return func(context.Context, int) (backbones.StageWorker, error) { return nil, err }
	}
	tests := []struct {
		name    string
		devices [2]backbones.StageStarter
		want    error
	}{
		{"it dies of every batch", [2]backbones.StageStarter{device(dies), device(good)}, nil},
		{"it cannot be started", [2]backbones.StageStarter{fails(errBroken), device(good)}, nil},
		{"it says that it never can be", [2]backbones.StageStarter{device(good), fails(&backbones.FatalError{Err: errBroken})}, nil},
		{"neither can be started", [2]backbones.StageStarter{fails(&backbones.FatalError{Err: errBroken}), fails(&backbones.FatalError{Err: errBroken})}, errBroken},
		{"it ends the run", [2]backbones.StageStarter{fails(&backbones.FatalError{Err: errBroken, EndsRun: true}), fails(errors.New("cancelled"))}, errBroken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rest := &backbonetest.Crew{T: t}
			done := map[uint64]int{}
			err := cuda.New(cuda.Options{
				BatchSize: 4, Loaders: 2, Devices: 2, Finishers: 2, Memory: memory,
				StartLoader:   func(context.Context, int) (backbones.StageWorker, error) { return rest.StartStage(backbonetest.Load) },
				StartFinisher: func(context.Context, int) (backbones.StageWorker, error) { return rest.StartStage(backbonetest.Finish) },
				StartDevice: func(ctx context.Context, index int) (backbones.StageWorker, error) {
					return tt.devices[index](ctx, index)
				},
			}).Run(t.Context(), &numbered{left: 200}, func(o backbones.Outcomes) error {
				for _, s := range o.Done {
					for i := range s.Count {
						done[s.First+uint64(i)]++
					}
				}
				for _, f := range o.Failed {
					t.Errorf("item %d failed: %s", f.Number, f.Failure.Message)
				}
				return nil
			})
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want == nil && len(done) != 200 {
				t.Errorf("%d items are done, want 200", len(done))
			}
		})
	}
}
