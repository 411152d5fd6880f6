// Package cuda is the backbone for device tasks: loaders, one worker per device, and finishers work at the same time, and pass tensors
// in shared memory. See docs/design/cuda.md.
package cuda

import (
	"context"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// Options are the settings of a pipeline.
type Options struct {
	// BatchSize is the number of consecutive items in a batch, at least 1.
	BatchSize int
	// HalveBatches halves the batch size when a batch does not fit into the device's memory.
	HalveBatches bool
	// Loaders, Devices and Finishers are the numbers of workers. Without Finishers, devices finish items, too.
	Loaders, Devices, Finishers int
	// DeviceNames are for messages: "cuda:0".
	DeviceNames []string
	// Prefetch is the most batches with loaders or waiting for a device; 0: enough for all of them.
	Prefetch int
	// Memory is the size of the shared memory, Budget the number of bytes of it that should be used at most; 0: all.
	Memory, Budget uint64
	// Discard frees the pages of a region; may be nil.
	Discard func(backbones.Region)

	StartLoader, StartDevice, StartFinisher backbones.StageStarter
	// Policy's ItemTimeout is for each stage. A batch may take as long as all its items together.
	Policy backbones.Policy
}

// pipeline runs items through the stages of a device task.
type pipeline struct {
	*crew.Crew[backbones.Batch, backbones.BatchResult, backbones.StageWorker]
	figures *figures
}

// New returns a pipeline. It starts nothing.
func New(opts Options) backbones.Backbone {
	opts.Loaders, opts.Devices = max(opts.Loaders, 1), max(opts.Devices, 1)
	if opts.Prefetch == 0 {
		opts.Prefetch = depth[load]*opts.Loaders + 4*opts.Devices
	}
	policy := opts.Policy.WithDefaults()
	s := newScheduler(max(opts.BatchSize, 1), opts.Prefetch, opts.Finishers > 0, opts.Memory, opts.Budget)
	s.auto, s.retry, s.limit, s.log = opts.HalveBatches, policy.Retry, policy.ItemTimeout, policy.Log
	s.want = [stages]int{opts.Loaders, opts.Devices, opts.Finishers}
	s.discard = opts.Discard
	s.figures.workers, s.figures.final = s.want, device
	if s.apart {
		s.figures.final = finish
	}
	start := [stages]backbones.StageStarter{opts.StartLoader, opts.StartDevice, opts.StartFinisher}
	return &pipeline{figures: &s.figures, Crew: crew.New(crew.Options[backbones.StageWorker]{
		Stages: []crew.Stage{
			load:   {Name: stageNames[load], Seats: opts.Loaders},
			device: {Name: stageNames[device], Seats: opts.Devices, Names: opts.DeviceNames, Apart: true},
			finish: {Name: stageNames[finish], Seats: opts.Finishers},
		},
		Start: func(ctx context.Context, at crew.Seat) (backbones.StageWorker, error) {
			return start[at.Stage](ctx, at.Index)
		},
		Policy: policy, Rule: "The stages of device tasks",
	}, crew.Planner[backbones.Batch, backbones.BatchResult, backbones.StageWorker](s))}
}

// Status implements backbones.Backbone.
func (p *pipeline) Status() backbones.Status {
	s := p.Crew.Status()
	s.Stages = p.figures.stages()
	return s
}
