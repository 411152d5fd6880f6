package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// mpArguments are the process pool's flags, declared as a task's arguments are: help and checks are the same.
func mpArguments() []schema.Argument {
	return []schema.Argument{
		{
			Name: "num_process", Flags: []string{"--num_process", "--num-process"}, Type: schema.Int, HasDefault: true,
			Default: json.Number(strconv.Itoa(defaultWorkers())), Help: "Number of worker processes; without it as many as the process may use CPUs",
		},
		{
			Name: "chunksize", Flags: []string{"--chunksize"}, Type: schema.Custom, TypeName: "auto or a number", HasDefault: true,
			Default: "auto", Help: fmt.Sprintf("Items sent to a worker at a time: auto aims at 100 ms of work from measured item times; a number, %d at most, means exactly that number", backbones.MaxChunkItems),
		},
		startMethod(),
	}
}

func startMethod() schema.Argument {
	return schema.Argument{
		Name: "start_method", Flags: []string{"--start_method", "--start-method"}, Type: schema.String, HasDefault: true,
		Default: "fork", Choices: []any{"fork", "spawn"},
		Help: "For plugins that can make their own workers (Python): fork them once everything is imported and built, or start each one anew",
	}
}

// backboneArguments are the flags of all backbones: a command line is taken apart before the task, and so the backbone,
// is known.
func backboneArguments() []schema.Argument {
	all := mpArguments()
	for _, a := range deviceArguments() {
		if !slices.ContainsFunc(all, func(b schema.Argument) bool { return a.Name == b.Name }) {
			all = append(all, a)
		}
	}
	return all
}

// isDevice reports whether the backbone's name stands for the one for device tasks. torch_vanilla_single is its name in
// kagurazaka 0.1.1.
func isDevice(name string) bool { return name == "cuda" || name == "torch_vanilla_single" }

// chooseBackbone is the backbone that auto means for a task.
func chooseBackbone(name string, task *schema.Task) string {
	switch {
	case isDevice(name), name == "auto" && task != nil && task.Kind == schema.Device:
		return "cuda"
	default:
		return "mp"
	}
}

// argumentsOf are the flags of one backbone.
func argumentsOf(backbone string) []schema.Argument {
	if isDevice(backbone) {
		return deviceArguments()
	}
	return mpArguments()
}

// defaultWorkers is what the process may use: affinity and the limits of its control group count.
func defaultWorkers() int { return runtime.GOMAXPROCS(0) }

// backboneOptions are the values of the backbones' flags.
type backboneOptions struct {
	workers, chunkSize, ahead int
	spawn                     bool
	// device is what of --device a worker is opened with; empty for the process pool.
	device string
	// devices are those that --device means, for a task with stages.
	devices []string
	stages  stageOptions
}

// parseBackbone reads the backbones' flags. The last of several wins.
func parseBackbone(values []flagValue) (backboneOptions, []problem.Problem) {
	o := backboneOptions{workers: defaultWorkers(), device: defaultDevice, stages: defaultStages()}
	var problems []problem.Problem
	wrong := func(v flagValue, want string) {
		message := fmt.Sprintf("--%s %s: give %s", strings.ReplaceAll(v.name, "-", "_"), v.value, want)
		problems = append(problems, problem.Problem{Source: v.source, Message: message})
	}
	for _, v := range values {
		if known, want := o.stages.set(v); known {
			if want != "" {
				wrong(v, want)
			}
			continue
		}
		switch v.name {
		case "device":
			if !deviceName.MatchString(v.value) {
				wrong(v, "cuda, cuda:N, several as cuda:0,1, all or cpu")
				continue
			}
			o.device = v.value
		case "num-process":
			n, err := strconv.Atoi(v.value)
			if err != nil || n < 1 {
				wrong(v, "the number of worker processes, 1 or more")
				continue
			}
			o.workers = n
		case "chunksize":
			if v.value == "auto" {
				o.chunkSize = 0
				continue
			}
			n, err := strconv.Atoi(v.value)
			if err != nil || n < 1 {
				wrong(v, "the number of items to send at a time, 1 or more, or auto")
				continue
			}
			o.chunkSize = min(n, backbones.MaxChunkItems)
		case "start-method":
			if v.value != "fork" && v.value != "spawn" {
				wrong(v, "fork or spawn")
				continue
			}
			o.spawn = v.value == "spawn"
		}
	}
	return o, problems
}
