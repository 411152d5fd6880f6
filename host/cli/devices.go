package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// deviceList is what a --device names, without asking the machine: "all" is none.
func deviceList(device string) []string {
	switch device {
	case "cuda":
		return []string{"cuda:0"}
	case "all":
		return nil
	case cpu:
		return []string{cpu}
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

// allDevices is what --device all means on this machine.
func (a *app) allDevices(ctx context.Context) ([]string, error) {
	answer, err := askAgent(ctx)
	n := len(answer.Devices)
	if err != nil || answer.Error != "" {
		a.log.Debug("the CUDA agent did not count the devices", "error", err, "answer", answer.Error)
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

// noDevice says that there is no CUDA device, as far as is known.
func noDevice(answer gpus, err error) error {
	why := "this machine has none"
	switch {
	case answer.Error != "":
		why = answer.Error
	case err != nil:
		why = err.Error()
	}
	message := "no CUDA device can be used: " + why
	if answer.Hint != "" {
		message += "\n  hint: " + answer.Hint
	}
	if !strings.Contains(answer.Hint, "--device cpu") {
		message += "\n  hint: --device cpu runs the task without a GPU"
	}
	return exitcode.With(exitcode.Failed, errors.New(message))
}

// deviceCheck asks the agent, once a run, whether there are the devices that the run needs.
type deviceCheck struct {
	devices []string
	once    sync.Once
	err     error
}

// wrong is what is wrong with the devices; nil as well where nobody can tell.
func (c *deviceCheck) wrong(ctx context.Context, a *app) error {
	if !slices.ContainsFunc(c.devices, func(d string) bool { return strings.HasPrefix(d, "cuda") }) {
		return nil
	}
	c.once.Do(func() {
		answer, err := askAgent(ctx)
		if err != nil {
			a.log.Debug("the CUDA devices are not checked", "error", err)
			return
		}
		c.err = judge(answer, c.devices, visibleDevices() > 0)
	})
	return c.err
}

// checked starts a device's worker, and asks meanwhile whether there is such a device: what is wrong is told instead of what
// the worker would die of.
func checked[W any](ctx context.Context, l *launch, start func(context.Context) (W, error)) (W, error) {
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		err := l.check.wrong(ctx, l.r.app)
		if err != nil {
			cancel()
		}
		answer <- err
	}()
	w, err := start(starting)
	if err != nil {
		if wrong := <-answer; wrong != nil {
			return w, &backbones.FatalError{Err: wrong, EndsRun: true}
		}
	}
	return w, err
}

// judge says what is wrong with devices, given the agent's answer. seen: the system shows devices to whoever looks.
func judge(answer gpus, devices []string, seen bool) error {
	if answer.Error != "" && seen {
		// An agent that was built without CUDA, or cannot load the driver: the task may be luckier.
		return nil
	}
	if answer.Error != "" || len(answer.Devices) == 0 {
		return noDevice(answer, nil)
	}
	var missing, there []string
	for _, d := range answer.Devices {
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
	return exitcode.With(exitcode.Usage, fmt.Errorf("--device: there is no %s; this machine has %s", strings.Join(missing, ", "), strings.Join(there, ", ")))
}

// printDevices tells of the CUDA devices, for -hb.
func printDevices(ctx context.Context, out io.Writer) error {
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
		lines = append(lines, "  "+d.text())
	}
	if answer.Driver != "" {
		lines = append(lines, fmt.Sprintf("  driver %s", answer.Driver))
	}
	_, err = io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}
