package gpu

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

// watchEvery is how often the agent looks at the devices of a run.
const watchEvery = time.Second

// watch follows the devices of a run: it logs an error at once, and at the end the most memory in use, by all programs.
type watch struct {
	log   hclog.Logger
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}
	// peak and failed belong to the goroutine that reads until ended is closed.
	peak   map[int]gpureport.Reading
	failed map[int]string
}

// Watch begins to follow the CUDA devices among those named, if there is an agent to ask. stop ends it, and is never nil.
func Watch(devices []string, log hclog.Logger) (stop func()) {
	var numbers []string
	for _, d := range devices {
		if n, found := strings.CutPrefix(d, "cuda:"); found {
			numbers = append(numbers, n)
		}
	}
	path := findAgent()
	if path == "" || len(numbers) == 0 {
		return func() {}
	}
	w := &watch{log: log, ended: make(chan struct{}), peak: map[int]gpureport.Reading{}, failed: map[int]string{}}
	w.cmd = exec.Command(path, "watch", "--devices", strings.Join(numbers, ","), "--interval", watchEvery.String())
	var stdout io.Reader
	var err error
	// At the end of its stdin, however that came, the agent leaves.
	if w.stdin, err = w.cmd.StdinPipe(); err == nil {
		stdout, err = w.cmd.StdoutPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		log.Debug("the devices are not watched", "error", err)
		return func() {}
	}
	go w.read(stdout)
	return w.stop
}

func (w *watch) read(from io.Reader) {
	defer close(w.ended)
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var sample gpureport.Sample
		if json.Unmarshal(lines.Bytes(), &sample) != nil {
			continue
		}
		for _, d := range sample.Devices {
			if d.Error != "" && w.failed[d.Index] != d.Error {
				w.log.Warn("a device reports an error", "device", "cuda:"+strconv.Itoa(d.Index), "error", d.Error)
			}
			w.failed[d.Index] = d.Error
			if d.MemoryUsed > w.peak[d.Index].MemoryUsed {
				w.peak[d.Index] = d
			}
		}
	}
}

// stop ends the agent and tells of the memory.
func (w *watch) stop() {
	_ = w.stdin.Close()
	timer := time.AfterFunc(agentTime, func() { _ = w.cmd.Process.Kill() })
	<-w.ended
	if err := w.cmd.Wait(); err != nil {
		w.log.Debug("watching the devices", "error", err)
	}
	timer.Stop()
	const gib = 1 << 30
	for _, index := range slices.Sorted(maps.Keys(w.peak)) {
		d := w.peak[index]
		w.log.Info("device memory in use at most", "device", "cuda:"+strconv.Itoa(index),
			"memory", fmt.Sprintf("%.1f of %.1f GiB", float64(d.MemoryUsed)/gib, float64(d.MemoryTotal)/gib))
	}
}
