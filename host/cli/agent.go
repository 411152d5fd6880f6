package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/discover"
)

// agentName is the executable that asks the machine for its CUDA devices.
const agentName = "kagurazaka-cuda-agent"

// agentTime bounds the wait for its answer: a run does not depend on it.
const agentTime = 2 * time.Second

// gpu is a device as the agent tells of it. Memory is in bytes.
type gpu struct {
	Index             int    `json:"index"`
	Name              string `json:"name"`
	UUID              string `json:"uuid"`
	ComputeCapability string `json:"compute_capability"`
	MemoryTotal       int64  `json:"memory_total"`
	MemoryFree        int64  `json:"memory_free"`
	Error             string `json:"error"`
}

// gpus is the agent's answer to list.
type gpus struct {
	Driver  string `json:"driver"`
	CUDA    string `json:"cuda"`
	Devices []gpu  `json:"devices"`
	// Error is set where the agent could not tell: there is no driver, say. Hint is what to do about it.
	Error string `json:"error"`
	Hint  string `json:"hint"`
}

var errNoAgent = errors.New(agentName + " is neither beside the kagurazaka executable nor on PATH (task build builds it)")

// askAgent asks for the machine's CUDA devices. An error means that nobody has answered.
func askAgent(ctx context.Context) (gpus, error) {
	path := findAgent()
	if path == "" {
		return gpus{}, errNoAgent
	}
	ctx, cancel := context.WithTimeoutCause(ctx, agentTime, fmt.Errorf("no answer within %s", agentTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "list")
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	var answer gpus
	if json.Unmarshal(out.Bytes(), &answer) == nil && (answer.Error != "" || err == nil) {
		return answer, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = errors.New("its answer is not JSON")
	}
	return gpus{}, fmt.Errorf("asking %s: %w", path, err)
}

// findAgent is the agent's path; empty: there is none.
func findAgent() string {
	if self, err := os.Executable(); err == nil {
		if path, err := filepath.EvalSymlinks(self); err == nil {
			self = path
		}
		path := filepath.Join(filepath.Dir(self), agentName)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	path, err := discover.LookPath(agentName)
	if err != nil {
		return ""
	}
	return path
}

// visibleDevices counts the GPUs that programs may use without asking any driver; 0: none is seen.
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
	for _, pattern := range []string{"/proc/driver/nvidia/gpus/*", "/dev/nvidia[0-9]*"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return len(found)
		}
	}
	return 0
}

// text tells of a device in one line.
func (g gpu) text() string {
	if g.Error != "" {
		return fmt.Sprintf("cuda:%d: %s", g.Index, g.Error)
	}
	return fmt.Sprintf("cuda:%d: %s, %.1f of %.1f GiB free, compute capability %s, %s", g.Index, g.Name,
		float64(g.MemoryFree)/(1<<30), float64(g.MemoryTotal)/(1<<30), g.ComputeCapability, g.UUID)
}
