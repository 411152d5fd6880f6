package gpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

// CPU is the name of the processor as a device.
const CPU = "cpu"

// Names are the devices that a --device names, "cuda:0" or CPU, without asking the machine: for "all" there are none.
func Names(device string) []string {
	switch device {
	case "cuda":
		return []string{"cuda:0"}
	case "all":
		return nil
	case CPU:
		return []string{CPU}
	}
	var out []string
	for n := range strings.SplitSeq(strings.TrimPrefix(device, "cuda:"), ",") {
		// 00 and 0 are one device.
		if number, err := strconv.Atoi(n); err == nil {
			n = strconv.Itoa(number)
		}
		if name := "cuda:" + n; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// All are the names of this machine's CUDA devices. Its error, with its exit code, says why there are none.
func All(ctx context.Context, log hclog.Logger) ([]string, error) {
	answer, err := askAgent(ctx)
	n := len(answer.Devices)
	if err != nil || answer.Error != "" {
		log.Debug("the CUDA agent did not count the devices", "error", err, "answer", answer.Error)
		n = visibleDevices()
	}
	if n == 0 {
		return nil, noDevice(answer, err)
	}
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("cuda:%d", i)
	}
	return out, nil
}

// Nodes are the NUMA nodes of devices; -1: not known. Only about CUDA devices the agent is asked. It may take seconds.
func Nodes(ctx context.Context, devices []string, log hclog.Logger) []int {
	var answer gpureport.List
	if slices.ContainsFunc(devices, isCUDA) {
		var err error
		if answer, err = askAgent(ctx); err != nil {
			log.Warn("the NUMA nodes of the devices are not known", "error", err)
		}
	}
	return nodesOf(answer, devices, os.DirFS("/"))
}

func isCUDA(device string) bool { return strings.HasPrefix(device, "cuda") }

func nodesOf(told gpureport.List, devices []string, root fs.FS) []int {
	nodes := make([]int, len(devices))
	for i, name := range devices {
		nodes[i] = -1
		for _, d := range told.Devices {
			if name == fmt.Sprintf("cuda:%d", d.Index) && d.PCI != "" {
				nodes[i] = cpu.PCINode(root, d.PCI)
			}
		}
	}
	return nodes
}

// noDevice is the error that no CUDA device can be used.
func noDevice(told gpureport.List, err error) error {
	why := "this machine has none"
	switch {
	case told.Error != "":
		why = told.Error
	case err != nil:
		why = err.Error()
	}
	cpu := "--device cpu runs the task without a GPU"
	if strings.Contains(told.Hint, "--device cpu") {
		cpu = ""
	}
	return fmt.Errorf("no CUDA device can be used: %s%s", why, problem.Hint(told.Hint, cpu))
}

// Check asks the agent, once, whether this machine has certain devices.
type Check struct {
	// Devices are their names. The agent is asked only about CUDA devices.
	Devices []string
	Log     hclog.Logger

	once sync.Once
	err  error
}

// Wrong is what is wrong with the devices, with its exit code; nil as well where nobody can tell. It may take seconds.
func (c *Check) Wrong(ctx context.Context) error {
	if !slices.ContainsFunc(c.Devices, isCUDA) {
		return nil
	}
	c.once.Do(func() {
		answer, err := askAgent(ctx)
		if err != nil {
			c.Log.Debug("the CUDA devices are not checked", "error", err)
			return
		}
		c.err = judge(answer, c.Devices, visibleDevices() > 0)
	})
	return c.err
}

// judge returns the problem of devices by the agent's answer. seen: the system shows devices without a driver.
func judge(told gpureport.List, devices []string, seen bool) error {
	if told.Error != "" && seen {
		// The agent was built without CUDA, or cannot load the driver, but the task may.
		return nil
	}
	if told.Error != "" || len(told.Devices) == 0 {
		return noDevice(told, nil)
	}
	var missing, there []string
	for _, d := range told.Devices {
		there = append(there, fmt.Sprintf("cuda:%d", d.Index))
	}
	for _, d := range devices {
		if d != "cuda" && !slices.Contains(there, d) {
			missing = append(missing, d)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return exitcode.Usagef("--device: there is no %s; hint: this machine has %s", strings.Join(missing, ", "), strings.Join(there, ", "))
}

// Print tells of the CUDA devices, for a user.
func Print(ctx context.Context, out io.Writer) error {
	answer, err := askAgent(ctx)
	lines := []string{"", "Devices:"}
	switch {
	case errors.Is(err, errNoAgent):
		lines = append(lines, fmt.Sprintf("  not known: %v.", err), "  Python tasks do without it.")
	case err != nil:
		lines = append(lines, fmt.Sprintf("  not known: %v", err))
	case answer.Error != "":
		lines = append(lines, "  none that can be used: "+answer.Error)
		if answer.Hint != "" {
			lines = append(lines, "  hint: "+answer.Hint)
		}
		lines = append(lines, "  --device cpu runs device tasks without a GPU.")
	case len(answer.Devices) == 0:
		lines = append(lines, "  the driver finds none; --device cpu runs device tasks without a GPU.")
	}
	for _, d := range answer.Devices {
		lines = append(lines, "  "+text(d))
	}
	if answer.Driver != "" {
		lines = append(lines, fmt.Sprintf("  driver %s", answer.Driver))
	}
	_, err = io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}
