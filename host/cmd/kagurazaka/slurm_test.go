//go:build slurm

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/launch/slurmtest"
)

// A machine's slurmd is killed: Slurm starts its node again, and two copies of it work at once. Every item is committed once all the same.
func TestSlurmTwoCopiesOfANode(t *testing.T) {
	c := slurmtest.New(t)
	const files = 30_000
	dir, coordinator := lentRun(t, files)
	launcher := start(t, dir, "launch", "slurm", "-N", "2", "--keep", "2", "--run-dir", "run", "--num_process", "1", "--", "--cpus-per-task=2")
	until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "a node has begun") == 2 && outputsIn(dir) > 300
	})
	c.Kill("n1")
	if out, err := exec.Command("/usr/bin/scontrol", "update", "nodename=n1", "state=down", "reason=test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var again string
	until(t, "its job is in the queue again", func() bool {
		out, err := exec.Command("/usr/bin/squeue", "--noheader", "--array", "--states=PENDING", "--format=%i").Output()
		again = strings.TrimSpace(string(out))
		return err == nil && again != ""
	})
	if out, err := exec.Command("/usr/bin/scontrol", "update", "jobid="+again, "starttime=now").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	until(t, "both copies work", func() bool { return strings.Count(launcher.output.String(), "a node has begun") == 3 })
	coordinator.end(t, 0)
	launcher.end(t, 0)
	text := coordinator.output.String()
	t.Logf("the launcher said:\n%s", launcher.output.String())
	if !strings.Contains(text, fmt.Sprintf("done %d, skipped 0, failed 0", files)) {
		t.Errorf("the run ended with:\n%s", text)
	}
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	if sbatch, srun := c.Calls("sbatch"), c.Calls("srun"); sbatch != 1 || srun != 0 {
		t.Errorf("%d calls of sbatch and %d of srun, want 1 and 0", sbatch, srun)
	}
	until(t, "no process is left", func() bool { return len(hosttest.Processes(mark+"="+dir)) == 0 })
}

// A signal to the launcher lets the nodes leave, and what they had not begun is done by those that come later.
func TestSlurmLeavesAndComesBack(t *testing.T) {
	slurmtest.New(t)
	const files = 20_000
	dir, coordinator := lentRun(t, files)
	launcher := start(t, dir, "launch", "slurm", "-N", "2", "--run-dir", "run", "--num_process", "1")
	until(t, "two nodes work", func() bool {
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
	until(t, "no process is left", func() bool { return len(hosttest.Processes(mark+"="+dir)) == 0 })
}
