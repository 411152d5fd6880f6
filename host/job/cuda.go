package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cuda"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/gpu"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/shm"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// cudaFactory is for device tasks: a pipeline where stages may run apart, else a pool of one worker that does all of it.
var cudaFactory = &Factory{
	Name: "cuda", Aliases: []string{"torch_vanilla_single"},
	Summary: "The cuda backbone, for device tasks (torch_vanilla_single is its name in kagurazaka 0.1.1).",
	Tasks:   "device tasks",
	Accepts: []backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed},
	Flags:   cudaFlags,
	Fits: func(task *schema.Task) error {
		if task.Kind != schema.Device {
			return fmt.Errorf("--backbone cuda: %s is not a device task; hint: --backbone mp runs it", task.Name)
		}
		return nil
	},
	Complete: completeCUDA,
	New: func(ctx context.Context, s *Spec, policy backbones.Policy, l Local) (backbones.Backbone, error) {
		if s.staged() {
			return l.pipeline(ctx, policy)
		}
		return mp.New(mp.Options{
			Workers: s.Workers, ChunkSize: s.ChunkSize, Ahead: s.ahead(backbones.MaxInFlight), Start: l.Start, Remaining: l.Remaining, Policy: policy,
		}), nil
	},
	Describe: func(ctx context.Context, out io.Writer, s *Spec) error {
		return errors.Join(gpu.Print(ctx, out), describeCPUs(ctx, out, s))
	},
}

const (
	defaultDevice = "cuda"
	// maxStageWorkers bounds --num_load and --num_postprocess, maxBatch --batch_size and --prefetch: more is a mistake.
	maxStageWorkers = 4096
	maxBatch        = 1 << 20
	postprocess     = "postprocess"
	// saysPostprocess is the capability of a task whose author has written where what follows inference runs.
	saysPostprocess = "says_postprocess"
)

func cudaFlags() []Flag {
	device := flag("device", "Where the model runs: cuda, cuda:N, cuda:0,1 (several, each with a model of its own), all or cpu",
		"cuda, cuda:N, several as cuda:0,1, all or cpu").byDefault(defaultDevice)
	device.Where, device.Type, device.Pattern = true, schema.String, regexp.MustCompile(`^(cpu|all|cuda(:\d+(,\d+)*)?)$`)
	batch := flag("batch_size", "Items in a batch, instead of what the task's dataloader says; auto begins with that, and halves it when the device's memory does not hold a batch",
		"the number of items in a batch, 1 or more, or auto").orNumber("a number or auto", "auto")
	batch.Most = maxBatch
	return []Flag{
		device,
		processes("num_load", "processes that load and collate batches", fmt.Sprintf("the number of processes that load, 1 to %d", maxStageWorkers), maxStageWorkers),
		processes("num_postprocess", "processes for what follows inference", fmt.Sprintf("the number of processes for what follows inference, 1 to %d", maxStageWorkers), maxStageWorkers),
		batch,
		batchByFlag(),
		flag(batchWindow, fmt.Sprintf("How many items --batch_by sorts at a time; without it %d", defaultWindow),
			fmt.Sprintf("the number of items to sort at a time, 1 to %d", template.MaxBatchWindow)).number(template.MaxBatchWindow),
		flag("prefetch", "How many batches may be with loaders or wait for a device; without it two for each loader and four for each device",
			fmt.Sprintf("the number of batches that may wait for a device, 1 to %d", maxBatch)).number(maxBatch),
		flag(postprocess, "Where what follows inference runs: apart, in processes of its own; device, in the device's process; auto: apart where the task says that it may",
			"auto, apart or device").choice("auto", "apart", "device"),
		affinityFlag(),
		startMethodFlag(),
	}
}

// completeCUDA fits the flags to whether the task's stages can run in processes of their own.
func completeCUDA(s *Spec, log hclog.Logger) error {
	s.Workers, s.Device = s.defaultWorkers(), cmp.Or(s.Flags["device"], defaultDevice)
	s.Spawn = s.Flags[startMethod] == "spawn"
	if err := completeBatchBy(s, log); err != nil {
		return err
	}
	if s.staged() {
		switch where := s.Flags[postprocess]; {
		case s.Task.Has(saysPostprocess) && (where == "apart" && !s.Task.Has("finish") || where == "device" && s.Task.Has("finish")):
			log.Info("the task says that what follows inference runs elsewhere (kagurazaka_postprocess); the flag wins", "flag", "--postprocess "+where)
		case where == "apart" && !s.Task.Has("finish"):
			log.Warn("the task does not say that what follows inference may run in other processes; --postprocess apart does it all the same")
		}
		if s.Policy.WorkerMaxItems > 0 {
			log.Warn("--worker-max-items has no effect on a task whose stages run in processes of their own")
		}
		return s.checkAffinity()
	}
	var idle []string
	for _, f := range cudaFlags() {
		if _, given := s.Flags[f.Name]; given && !slices.Contains([]string{"device", startMethod, batchBy, batchWindow, cpuAffinity}, f.Name) {
			idle = append(idle, "--"+Canonical(f.Name))
		}
	}
	if len(idle) > 0 {
		log.Warn("this task's loading cannot run apart from its device: these flags have no effect", "flags", strings.Join(idle, " "))
	}
	if s.Device == "all" || strings.Contains(s.Device, ",") {
		return fmt.Errorf("--device %s: %s makes up its batches itself, and so runs on one device; hint: give cuda or cuda:N", s.Device, s.Task.Name)
	}
	s.Workers, s.Spawn, s.ChunkSize = 1, true, deviceChunk(s.Template)
	return s.checkAffinity()
}

// deviceChunk is a number of whole batches, so that batches are made up as the task's author wrote. A DataLoader keeps
// num_workers × prefetch_factor batches on their way; all but one of the chunks that a worker has at a time cover those.
func deviceChunk(tree *template.Node) int {
	const torchPrefetch, least = 2, 4
	size := dataloaderNumber(tree, "batch_size", 1)
	ahead := dataloaderNumber(tree, "num_workers", 0) * dataloaderNumber(tree, "prefetch_factor", torchPrefetch)
	batches := max(ahead/(backbones.MaxInFlight-1)+1, least)
	return min(size*batches, backbones.MaxChunkItems/size*size)
}

// dataloader is the template's dataloader; nil: none.
func dataloader(tree *template.Node) map[string]any {
	loader, _ := tree.Get(template.RoleDataloader).Plain().(map[string]any)
	return loader
}

func dataloaderNumber(tree *template.Node, name string, absent int) int {
	n, _ := dataloader(tree)[name].(json.Number)
	v, err := strconv.Atoi(n.String())
	if err != nil || v < 1 {
		return absent
	}
	return v
}

// addressSpace is the size of the memory that stages share. Only pages that batches touch exist; memoryShare bounds them.
const addressSpace = 1 << 40

// memoryShare is the part of the available memory that batches on their way may use.
const memoryShare = 4

// pipeline starts the workers of a device task whose stages run in processes of their own.
type pipeline struct {
	*Place
	devices []string
	// loaders and finishers are how many there are; batchSize is 0: as the task says.
	loaders, finishers, batchSize int
	memory                        *plugin.Memory

	// watching begins with the first device's worker.
	watching sync.Once
}

// pipeline is the backbone of a device task whose stages run in processes of their own.
func (p *Place) pipeline(ctx context.Context, policy backbones.Policy) (backbones.Backbone, error) {
	s := p.spec
	l := &pipeline{Place: p, batchSize: s.batchSize()}
	l.loaders, l.finishers = s.stageWorkers()
	var err error
	if l.devices, err = s.devices(ctx, p.Log); err != nil {
		return nil, err
	}
	if s.Debug != "" {
		l.devices = l.devices[:1]
	}
	p.check.Devices = l.devices
	memory, err := shm.New(p.RuntimeDir, addressSpace)
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, memory.Close)
	l.memory = &plugin.Memory{Path: memory.Path, Size: memory.Size}
	return cuda.New(cuda.Options{
		BatchSize: l.batchSize, HalveBatches: s.Flags["batch_size"] == "auto", Prefetch: s.number("prefetch", 0),
		Loaders: l.loaders, Devices: len(l.devices), Finishers: l.finishers, DeviceNames: l.devices,
		Memory: memory.Size, Budget: shm.Available() / memoryShare,
		Discard: func(r backbones.Region) {
			if err := memory.Discard(r.Offset, r.Size); err != nil {
				p.Log.Debug("giving shared memory back", "error", err)
			}
		},
		// Indexes are those of the staging folders, too: they differ over all stages.
		StartLoader:   l.stage(plugin.StageLoad, 0, false),
		StartFinisher: l.stage(plugin.StageFinish, l.loaders, true),
		StartDevice:   l.stage(plugin.StageDevice, l.loaders+l.finishers, l.finishers == 0),
		Policy:        policy,
	}), nil
}

// stageWorkers are the numbers of workers that load, and for what follows inference; 0: the devices' own do that.
func (s *Spec) stageWorkers() (loaders, finishers int) {
	if where := s.Flags[postprocess]; where == "apart" || where != "device" && s.Task.Has("finish") {
		finishers = s.number("num_postprocess", s.defaultWorkers())
	}
	return s.number("num_load", s.defaultWorkers()), finishers
}

// devices are the names of the run's devices. Only for "all" the machine is asked.
func (s *Spec) devices(ctx context.Context, log hclog.Logger) ([]string, error) {
	if s.Device == "all" {
		return gpu.All(ctx, log)
	}
	return gpu.Names(s.Device), nil
}

// stage returns the function that starts a stage's workers. commits: they write outputs.
func (l *pipeline) stage(stage plugin.Stage, first int, commits bool) backbones.StageStarter {
	return func(ctx context.Context, index int) (backbones.StageWorker, error) {
		open := l.open(first + index)
		open.Workers = l.loaders + l.finishers + len(l.devices)
		open.Memory, open.BatchSize = l.memory, l.batchSize
		open.Device = l.devices[0]
		set := setOf([...][]cpu.Set{l.affinity.load, l.affinity.device, l.affinity.finish}[stage], index)
		open.CPUs = l.tell(set)
		if stage == plugin.StageDevice {
			open.Device = l.devices[index]
			l.watching.Do(func() { l.closers = append(l.closers, gpu.Watch(l.devices, l.Log)) })
		}
		start := func() (backbones.StageWorker, error) { return l.start(ctx, stage, open, set, index) }
		if commits {
			return begin(l.Place, &open, first+index, start)
		}
		open.Direct = l.direct()
		return start()
	}
}

func (l *pipeline) start(ctx context.Context, stage plugin.Stage, open plugin.OpenOptions, set cpu.Set, index int) (backbones.StageWorker, error) {
	// For a device worker, too: it need not import anything again. A nursery that has used CUDA refuses.
	spawn := func(ctx context.Context) (backbones.StageWorker, error) {
		nursery, err := l.startNursery(ctx)
		if err != nil {
			// A missing device ends what is being started, and is the better reason.
			if wrong := l.check.Wrong(ctx); wrong != nil {
				err = wrong
			}
			return nil, &backbones.FatalError{Err: err, EndsRun: true}
		}
		return nursery.SpawnStage(ctx, open, stage)
	}
	if stage != plugin.StageDevice && l.spawns() {
		return spawn(ctx)
	}
	options := l.startOptions(fmt.Sprintf("%s-%d", stage, index))
	options.CPUs = set
	start := func(ctx context.Context) (backbones.StageWorker, error) {
		// On the CPU the threads of every library are the device, and those of a nursery are held to one.
		if stage == plugin.StageDevice && l.spawns() && open.Device != gpu.CPU {
			w, err := spawn(ctx)
			var task *plugin.TaskError
			if !errors.As(err, &task) || !task.Unsupported {
				return w, err
			}
			l.Log.Debug("the device worker gets a process of its own", "reason", task.Message)
		}
		return plugin.StartStageWorker(ctx, l.spec.Plugin.Command, options, open, stage)
	}
	if stage == plugin.StageDevice {
		return checked(ctx, &l.check, start)
	}
	return start(ctx)
}
