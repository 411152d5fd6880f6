//go:build slurm

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/launch/slurmtest"
)

// output is what a program has printed so far.
type output struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.String()
}

// program is kagurazaka at work.
type program struct {
	*exec.Cmd
	output
}

func start(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(filepath.Join(built, "bin", "kagurazaka"), args...)}
	p.Dir, p.Stdout, p.Stderr = dir, &p.output, &p.output
	p.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, ".state"), "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"), "KAGURAZAKA_MISBEHAVE=slow", mark+"="+dir)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// end waits for the end of a program, and checks its exit code.
func (p *program) end(t *testing.T, code int) {
	t.Helper()
	late := time.AfterFunc(4*time.Minute, func() { _ = p.Process.Kill() })
	defer late.Stop()
	err := p.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := p.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d:\n%s", got, code, p.output.String())
	}
}

// lentRun is a run that only other machines work on.
func lentRun(t *testing.T, files int) (dir string, coordinator *program) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kagurazaka-slurm-run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(in, fmt.Sprintf("%06d.txt", i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	coordinator = start(t, dir, filepath.Join(built, "plugins", "misbehave"), "Files", "--listen", "--num_process", "0", "--run-dir", "run",
		"--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out")
	return dir, coordinator
}

func outputsIn(dir string) int {
	entries, _ := os.ReadDir(filepath.Join(dir, "out"))
	n := 0
	for _, e := range entries {
		if !e.IsDir() {
			n++
		}
	}
	return n
}

// A machine's slurmd is killed: Slurm starts its node again, and two copies of it work at once. Every item is committed once all the same.
func TestSlurmTwoCopiesOfANode(t *testing.T) {
	c := slurmtest.New(t)
	const files = 30_000
	dir, coordinator := lentRun(t, files)
	c.Until(t, "the run waits for nodes", func() bool {
		_, err := os.Stat(filepath.Join(dir, "run", "fleet", "coordinator.json"))
		return err == nil
	})
	launcher := start(t, dir, "launch", "slurm", "-N", "2", "--keep", "2", "--run-dir", "run", "--num_process", "1", "--", "--cpus-per-task=2")
	c.Until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "a node has begun") == 2 && outputsIn(dir) > 300
	})
	c.Kill("n1")
	if out, err := exec.Command("/usr/bin/scontrol", "update", "nodename=n1", "state=down", "reason=test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var again string
	c.Until(t, "its job is in the queue again", func() bool {
		out, err := exec.Command("/usr/bin/squeue", "--noheader", "--array", "--states=PENDING", "--format=%i").Output()
		again = strings.TrimSpace(string(out))
		return err == nil && again != ""
	})
	if out, err := exec.Command("/usr/bin/scontrol", "update", "jobid="+again, "starttime=now").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.Until(t, "both copies work", func() bool { return strings.Count(launcher.output.String(), "a node has begun") == 3 })
	coordinator.end(t, 0)
	launcher.end(t, 0)
	text := coordinator.output.String()
	if !strings.Contains(text, fmt.Sprintf("done %d, skipped 0, failed 0", files)) {
		t.Errorf("the run ended with:\n%s", text)
	}
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	if sbatch, srun := c.Calls("sbatch"), c.Calls("srun"); sbatch != 1 || srun != 0 {
		t.Errorf("%d calls of sbatch and %d of srun, want 1 and 0", sbatch, srun)
	}
	c.Until(t, "no process is left", func() bool { return len(hosttest.Processes(mark+"="+dir)) == 0 })
}

// A signal to the launcher lets the nodes leave, and what they had not begun is done by those that come later.
func TestSlurmLeavesAndComesBack(t *testing.T) {
	c := slurmtest.New(t)
	const files = 20_000
	dir, coordinator := lentRun(t, files)
	c.Until(t, "the run waits for nodes", func() bool {
		_, err := os.Stat(filepath.Join(dir, "run", "fleet", "coordinator.json"))
		return err == nil
	})
	launcher := start(t, dir, "launch", "slurm", "-N", "2", "--run-dir", "run", "--num_process", "1")
	c.Until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "a node has begun") == 2 && outputsIn(dir) > 300
	})
	if err := launcher.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	launcher.end(t, 130)
	if text := launcher.output.String(); strings.Count(text, "exit code 130") != 2 {
		t.Errorf("the launcher said:\n%s\nwant that both nodes left", text)
	}
	second := start(t, dir, "launch", "slurm", "-N", "2", "--run-dir", "run", "--num_process", "1")
	coordinator.end(t, 0)
	second.end(t, 0)
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	c.Until(t, "no process is left", func() bool { return len(hosttest.Processes(mark+"="+dir)) == 0 })
}
