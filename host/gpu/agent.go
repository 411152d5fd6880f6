// Package gpu knows the CUDA devices of this machine: by asking the agent, a program of its own that may load the driver.
package gpu

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

// agentName is the executable that asks the machine for its CUDA devices.
const agentName = "kagurazaka-cuda-agent"

// agentTime bounds the wait for its answer: a run does not depend on it.
const agentTime = 2 * time.Second

var errNoAgent = errors.New(agentName + " is neither beside the kagurazaka executable nor on PATH (task build builds it)")

// askAgent asks for the machine's CUDA devices. An error means that there is no answer.
func askAgent(ctx context.Context) (gpureport.List, error) {
	path := findAgent()
	if path == "" {
		return gpureport.List{}, errNoAgent
	}
	ctx, cancel := context.WithTimeoutCause(ctx, agentTime, fmt.Errorf("no answer within %s", agentTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "list")
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	var told gpureport.List
	if json.Unmarshal(out.Bytes(), &told) == nil && (told.Error != "" || err == nil) {
		return told, nil
	}
	return gpureport.List{}, fmt.Errorf("asking %s: %w", path, cmp.Or(context.Cause(ctx), err, errors.New("its answer is not JSON")))
}

// findAgent is the agent's path, beside this program or on PATH; empty: none.
func findAgent() string {
	var dirs []string
	if self, err := os.Executable(); err == nil {
		if path, err := filepath.EvalSymlinks(self); err == nil {
			self = path
		}
		dirs = append(dirs, filepath.Dir(self))
	}
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		if path, err := exec.LookPath(filepath.Join(dir, agentName)); err == nil && filepath.IsAbs(dir) {
			return path
		}
	}
	return ""
}

// visibleDevices counts the GPUs that programs may use, without asking a driver; 0: it sees none.
func visibleDevices() int {
	if list, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		n := 0
		for word := range strings.SplitSeq(list, ",") {
			if word = strings.TrimSpace(word); word == "" || word == "-1" {
				break
			}
			n++
		}
		return n
	}
	for _, pattern := range []string{"/proc/driver/nvidia/answer/*", "/dev/nvidia[0-9]*"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return len(found)
		}
	}
	return 0
}

func text(d gpureport.Device) string {
	if d.Error != "" {
		return fmt.Sprintf("cuda:%d: %s", d.Index, d.Error)
	}
	return fmt.Sprintf("cuda:%d: %s, %.1f of %.1f GiB free, compute capability %s, %s", d.Index, d.Name,
		float64(d.MemoryFree)/(1<<30), float64(d.MemoryTotal)/(1<<30), d.ComputeCapability, d.UUID)
}
