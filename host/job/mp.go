package job

import (
	"context"
	"fmt"
	"math"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/mp"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

var mpFactory = &Factory{
	Name:    "mp",
	Summary: "The mp backbone: a pool of worker processes.",
	Tasks:   "tasks that are not device tasks",
	Accepts: []backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed},
	Flags: func() []Flag {
		chunksize := flag("chunksize", fmt.Sprintf("Items sent to a worker at a time: auto aims at 100 ms of work from measured item times; a number, %d at most, means exactly that number", backbones.MaxChunkItems),
			"the number of items to send at a time, 1 or more, or auto").orNumber("auto or a number", "auto").byDefault("auto")
		return []Flag{processes("num_process", "worker processes", "the number of worker processes, 1 or more", math.MaxInt), chunksize, affinityFlag(), startMethodFlag()}
	},
	Fits: func(task *schema.Task) error {
		if task.Kind == schema.Device {
			return fmt.Errorf("--backbone mp: %s is a device task; hint: --backbone cuda runs it, with --device cpu where there is no GPU", task.Name)
		}
		return nil
	},
	Complete: func(s *Spec, log hclog.Logger) error {
		s.Workers = s.number("num_process", s.defaultWorkers())
		s.Spawn = s.Flags[startMethod] == "spawn"
		given := s.number("chunksize", 0)
		if s.ChunkSize = min(given, backbones.MaxChunkItems); given > s.ChunkSize {
			// kagurazaka 0.1.1 took any number, so it is not an error.
			log.Warn(fmt.Sprintf("--chunksize %d: the most is %d, and that is used", given, s.ChunkSize))
		}
		return s.checkAffinity()
	},
	New: func(_ context.Context, s *Spec, policy backbones.Policy, l Local) (backbones.Backbone, error) {
		return mp.New(mp.Options{
			Workers: s.Workers, ChunkSize: l.chunkSize(), Ahead: s.ahead(0), Start: l.Start, Forked: l.spawns(), Remaining: l.Remaining, Policy: policy,
		}), nil
	},
	Describe: describeCPUs,
}
