//go:build slurm

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/launch/slurmtest"
)

func TestSlurm(t *testing.T) {
	c := slurmtest.New(t)
	t.Run("two copies of a node", func(t *testing.T) { slurmTwoCopies(t, c) })
	t.Run("nodes leave and others come", func(t *testing.T) { slurmLeavesAndComesBack(t, c) })
	t.Run("Slurm refuses", func(t *testing.T) { slurmRefuses(t) })
}

// nodesOf is how many nodes of a launch work on a run.
func nodesOf(dir string) (n int) {
	logs, _ := filepath.Glob(filepath.Join(dir, "run", "slurm", "*.log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		n += strings.Count(string(text), "working on a run")
	}
	return n
}

// A machine's slurmd is killed: Slurm starts its node again, and two copies of it work at once. Every item is committed once all the same.
func slurmTwoCopies(t *testing.T, c *slurmtest.Cluster) {
	const files = 2_000
	dir, coordinator := lentRun(t, files)
	began := time.Now()
	launcher := start(t, dir, "launch", "slurm", "-N", "2", "--keep", "2", "--run-dir", "run", "--num_process", "1", "--", "--cpus-per-task=9")
	until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "a node has begun") == 2 && nodesOf(dir) == 2 && outputsIn(dir) > 20
	})
	c.Lose(t, "n1")
	var again string
	until(t, "its job is in the queue again", func() bool {
		again = c.Slurm(t, "squeue", "--noheader", "--array", "--states=PENDING", "--format=%i")
		return again != ""
	})
	c.Slurm(t, "scontrol", "update", "jobid="+again, "starttime=now")
	until(t, "both copies work", func() bool {
		return strings.Count(launcher.output.String(), "a node has begun") == 3 && nodesOf(dir) == 3
	})
	if n := len(hosttest.Running(" --mark " + filepath.Join(dir, "run") + "/")); n != 3 {
		t.Errorf("%d nodes live, want the one that was not lost, and both copies of the other", n)
	}
	before := outputsIn(dir)
	until(t, "they have all done some", func() bool { return outputsIn(dir) > before+60 })
	finish(t, dir)
	coordinator.end(t, 0)
	launcher.end(t, 0)
	if perNode := doneBy(t, dir, files); len(perNode) != 3 || perNode[2] == 0 {
		t.Errorf("the nodes have done %v items, want that both copies and the other node did some", perNode)
	}
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	if sbatch, srun := c.Calls("sbatch", ""), c.Calls("srun", ""); sbatch != 1 || srun != 0 {
		t.Errorf("%d calls of sbatch and %d of srun, want 1 and 0", sbatch, srun)
	}
	if n, most := c.Calls("squeue", ""), 1+int(time.Since(began)/time.Minute); n > most {
		t.Errorf("%d calls of squeue, want at most %d: one at the start, and one a minute", n, most)
	}
	noneLeft(t, dir)
	c.Return(t, "n1")
}

// A signal to the launcher lets the nodes leave, and what they had not begun is done by those that come later.
func slurmLeavesAndComesBack(t *testing.T, c *slurmtest.Cluster) {
	const files = 2_000
	dir, coordinator := lentRun(t, files)
	launch := []string{"launch", "slurm", "-N", "2", "--run-dir", "run", "--num_process", "1"}
	launcher := start(t, dir, launch...)
	until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "a node has begun") == 2 && nodesOf(dir) == 2 && outputsIn(dir) > 20
	})
	if err := launcher.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	launcher.end(t, 130)
	if text := launcher.output.String(); strings.Count(text, "exit code 130") != 2 {
		t.Errorf("the launcher said:\n%s\nwant that both nodes left", text)
	}
	second := start(t, dir, launch...)
	until(t, "two others work", func() bool { return nodesOf(dir) == 4 })
	// A launcher that is killed leaves its nodes, which the same command takes over.
	if err := second.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	second.end(t, -1)
	third := start(t, dir, launch...)
	until(t, "they are taken over", func() bool { return strings.Count(third.output.String(), "taken over") == 2 })
	finish(t, dir)
	coordinator.end(t, 0)
	third.end(t, 0)
	doneBy(t, dir, files)
	if text := coordinator.output.String(); strings.Contains(text, "lost") {
		t.Errorf("the run says\n%s\nand no node was lost: all took their leave", text)
	}
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	noneLeft(t, dir)
}

// Slurm's own words are shown, and nothing is lost: the run waits for other nodes.
func slurmRefuses(t *testing.T) {
	const files = 20
	dir, coordinator := lentRun(t, files)
	for _, flag := range []string{"--explain", "--keep=1"} {
		launcher := start(t, dir, "launch", "slurm", "--run-dir", "run", flag, "--", "--partition=none")
		launcher.end(t, 1)
		if text := launcher.output.String(); !strings.Contains(text, "invalid partition specified: none") {
			t.Errorf("the launcher said:\n%s\nwant Slurm's reason", text)
		}
	}
	start(t, dir, "work", "--run-dir", "run").end(t, 0)
	coordinator.end(t, 0)
	noneLeft(t, dir)
}
