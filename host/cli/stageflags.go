package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"github.com/kagurazaka/kagurazaka/host/schema"
)

const defaultDevice = "cuda"

var deviceName = regexp.MustCompile(`^(cpu|all|cuda(:\d+(,\d+)*)?)$`)

// deviceArguments are the flags of the backbone for device tasks.
func deviceArguments() []schema.Argument {
	d := defaultStages()
	return []schema.Argument{
		{
			Name: "device", Flags: []string{"--device"}, Type: schema.String, HasDefault: true, Default: defaultDevice,
			Help: "Where the model runs: cuda, cuda:N, cuda:0,1 (several, each with a model of its own), all or cpu",
		},
		{
			Name: "num_load", Flags: []string{"--num_load", "--num-load"}, Type: schema.Int, HasDefault: true,
			Default: json.Number(strconv.Itoa(d.loaders)), Help: "Number of processes that load and collate batches; without it as many as the process may use CPUs",
		},
		{
			Name: "num_postprocess", Flags: []string{"--num_postprocess", "--num-postprocess"}, Type: schema.Int, HasDefault: true,
			Default: json.Number(strconv.Itoa(d.finishers)), Help: "Number of processes for what follows inference; without it as many as the process may use CPUs",
		},
		{
			Name: "batch_size", Flags: []string{"--batch_size", "--batch-size"}, Type: schema.Custom, TypeName: "a number or auto",
			Help: "Items in a batch, instead of what the task's dataloader says; auto begins with that, and halves it when the device's memory does not hold a batch",
		},
		{
			Name: "prefetch", Flags: []string{"--prefetch"}, Type: schema.Int,
			Help: "How many batches may be with loaders or wait for a device; without it two for each loader and four for each device",
		},
		{
			Name: "postprocess", Flags: []string{"--postprocess"}, Type: schema.String, HasDefault: true, Default: "auto",
			Choices: []any{"auto", "apart", "device"},
			Help:    "Where what follows inference runs: apart, in processes of its own; device, in the device's process; auto: apart where the task says that it may",
		},
		startMethod(),
	}
}

// stageOptions are the flags of the stages of a device task.
type stageOptions struct {
	loaders, finishers int
	// batchSize 0: as the task says. halve: --batch_size auto.
	batchSize int
	halve     bool
	prefetch  int
	// postprocess is auto, apart or device.
	postprocess string
	// given are the flags that were given, for a task that has no stages.
	given []string
}

func defaultStages() stageOptions {
	n := defaultWorkers()
	return stageOptions{loaders: n, finishers: n, postprocess: "auto"}
}

// maxStageWorkers bounds --num_load and --num_postprocess: processes beyond it are a mistake.
const maxStageWorkers = 4096

// set reads a flag. known is false for a flag of others; wrong is what should have been given, empty if the value is one.
func (o *stageOptions) set(v flagValue) (known bool, wrong string) {
	number := func(to *int, limit int, what string) string {
		n, err := strconv.Atoi(v.value)
		if err != nil || n < 1 || n > limit {
			return fmt.Sprintf("%s, 1 to %d", what, limit)
		}
		*to = n
		return ""
	}
	switch v.name {
	case "num-load":
		wrong = number(&o.loaders, maxStageWorkers, "the number of processes that load")
	case "num-postprocess":
		wrong = number(&o.finishers, maxStageWorkers, "the number of processes for what follows inference")
	case "prefetch":
		wrong = number(&o.prefetch, 1<<20, "the number of batches that may wait for a device")
	case "batch-size":
		o.halve = v.value == "auto"
		o.batchSize = 0
		if !o.halve && number(&o.batchSize, 1<<20, "") != "" {
			wrong = "the number of items in a batch, 1 or more, or auto"
		}
	case "postprocess":
		if v.value != "auto" && v.value != "apart" && v.value != "device" {
			wrong = "auto, apart or device"
		}
		o.postprocess = v.value
	default:
		return false, ""
	}
	o.given = append(o.given, "--"+v.name)
	return true, wrong
}
