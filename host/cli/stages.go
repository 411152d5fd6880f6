package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cuda"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/shm"
)

// addressSpace is the size of the memory that stages share. Its pages are made as batches touch them: what is used is
// bounded by memoryShare.
const addressSpace = 1 << 40

const cpu = "cpu"

// memoryShare is the part of the available memory that batches on their way may use.
const memoryShare = 4

// pipeline is the backbone of a device task whose stages run in processes of their own.
func (l *launch) pipeline(ctx context.Context) (backbones.Backbone, error) {
	o := &l.options.stages
	if l.options.device == "all" {
		all, err := l.r.allDevices(ctx)
		if err != nil {
			return nil, err
		}
		l.options.devices = all
	}
	l.check.devices = l.options.devices
	memory, err := shm.New(l.runtimeDir, addressSpace)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, memory.Close)
	l.memory = &plugin.Memory{Path: memory.Path(), Size: memory.Size()}
	// Indexes are those of the staging folders, too: they differ over all stages.
	devices := l.options.devices
	if o.postprocess == "device" || o.postprocess == "auto" && !l.r.task.Has("finish") {
		o.finishers = 0
	}
	return cuda.New(cuda.Options{
		BatchSize: o.batchSize, HalveBatches: o.halve, Prefetch: o.prefetch,
		Loaders: o.loaders, Devices: len(devices), Finishers: o.finishers, DeviceNames: devices,
		Memory: memory.Size(), Budget: shm.Available() / memoryShare,
		Discard: func(r backbones.Region) {
			if err := memory.Discard(r.Offset, r.Size); err != nil {
				l.r.log.Debug("giving shared memory back", "error", err)
			}
		},
		StartLoader:   l.stage(plugin.StageLoad, 0, false),
		StartFinisher: l.stage(plugin.StageFinish, o.loaders, true),
		StartDevice:   l.stage(plugin.StageDevice, o.loaders+o.finishers, o.finishers == 0),
		Policy:        l.policy(),
	}), nil
}

// stage is how a stage's workers are started. commits says that they write outputs.
func (l *launch) stage(stage plugin.Stage, first int, commits bool) backbones.StageStarter {
	return func(ctx context.Context, index int) (backbones.StageWorker, error) {
		o := l.options.stages
		open := l.open(first + index)
		open.Workers = o.loaders + o.finishers + len(l.options.devices)
		open.Memory, open.BatchSize = l.memory, o.batchSize
		open.Device = l.options.devices[0]
		if stage == plugin.StageDevice {
			open.Device = l.options.devices[index]
			l.watchOnce.Do(func() { l.stopWatch = watchDevices(l.options.devices, l.r.log) })
		}
		start := func() (backbones.StageWorker, error) { return l.startStage(ctx, stage, &open, index) }
		if commits {
			return begin(l, &open, first+index, start)
		}
		open.Direct = l.direct()
		return start()
	}
}

// startStage starts a worker of a stage.
func (l *launch) startStage(ctx context.Context, stage plugin.Stage, opening *plugin.OpenOptions, index int) (backbones.StageWorker, error) {
	open := *opening
	// A device worker, too: what was imported is there at once. A nursery that has touched CUDA refuses.
	spawn := func(ctx context.Context) (backbones.StageWorker, error) {
		nursery, err := l.startNursery(ctx)
		if err != nil {
			// A device that is not there ends what is being started, and is the better reason.
			if wrong := l.check.wrong(ctx, l.r.app); wrong != nil {
				err = wrong
			}
			return nil, &backbones.FatalError{Err: err, EndsRun: true}
		}
		return nursery.SpawnStage(ctx, open, stage)
	}
	if stage != plugin.StageDevice && l.spawns() {
		return spawn(ctx)
	}
	options := l.r.startOptions(l.runtimeDir)
	options.Log = l.r.log.Named(fmt.Sprintf("%s-%d", stage, index))
	start := func(ctx context.Context) (backbones.StageWorker, error) {
		// On the CPU the threads of every library are the device, and those of a nursery are held to one.
		if stage == plugin.StageDevice && l.spawns() && open.Device != cpu {
			w, err := spawn(ctx)
			var task *plugin.TaskError
			if !errors.As(err, &task) || !task.Unsupported {
				return w, err
			}
			l.r.log.Debug("the device worker gets a process of its own", "reason", task.Message)
		}
		return plugin.StartStageWorker(ctx, l.r.found.Command, options, open, stage)
	}
	if stage == plugin.StageDevice {
		return checked(ctx, l, start)
	}
	return start(ctx)
}
