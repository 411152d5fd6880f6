package chaostest

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// fleetStorm is a run of several nodes, of which some are ended at random while it goes on, and its coordinator.
type fleetStorm struct {
	*storm
	coordinator *host
	nodes       []*host
	named       int
	// killed, drained and restarted count what was done to nodes and coordinators.
	killed, drained, restarted int
}

func (f *fleetStorm) startCoordinator() {
	f.coordinator = f.start([]string{"KAGURAZAKA_MISBEHAVE=slow"}, "--progress", "json", plugins+"/misbehave", "Files", "--listen", "--num_process", "0",
		"--run-dir", "run", "--resume", "--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out")
	f.coordinator.hear("other machines join with")
}

func (f *fleetStorm) startNode() {
	f.named++
	f.nodes = append(f.nodes, f.start([]string{"KAGURAZAKA_MISBEHAVE=slow"}, "work", "--run-dir", "run", "--num_process", "1", "--name", fmt.Sprintf("n%d", f.named),
		"--reconnect", "1m"))
}

// pass waits until n more outputs have come; false: the coordinator ended before.
func (f *fleetStorm) pass(n int) bool {
	f.t.Helper()
	deadline := time.NewTimer(hung)
	defer deadline.Stop()
	for n > 0 {
		select {
		case <-f.seen.more:
			n -= f.seen.take()
		case <-f.coordinator.ended:
			return false
		case <-deadline.C:
			f.t.Fatalf("nothing moves any more:\n%s", f.coordinator.said())
		}
	}
	return true
}

// TestFleet: nodes and the coordinator are ended at random. Each item has one outcome and one whole output. Where no node is killed in the
// middle of its work, no output comes twice.
func TestFleet(t *testing.T) {
	for _, kills := range []bool{false, true} {
		t.Run(fmt.Sprintf("kills=%v", kills), func(t *testing.T) {
			t.Parallel()
			const items = 3000
			f := &fleetStorm{storm: newStorm(t, items)}
			f.startCoordinator()
			for range 3 {
				f.startNode()
			}
			for round := 0; round < 7 && f.pass(100+f.rng.IntN(150)); round++ {
				if round == 2 {
					f.restarted++
					f.coordinator.signal(syscall.SIGKILL)
					f.coordinator.wait()
					f.startCoordinator()
					continue
				}
				f.nodes = slices.DeleteFunc(f.nodes, (*host).hasEnded)
				if len(f.nodes) == 0 {
					f.startNode()
					continue
				}
				victim := f.nodes[f.rng.IntN(len(f.nodes))]
				if kills {
					f.killed++
					victim.signal(syscall.SIGKILL)
				} else {
					f.drained++
					victim.signal(syscall.SIGTERM)
				}
				f.startNode()
			}
			r := f.coordinator.wait()
			t.Logf("%d nodes killed, %d drained, %d coordinators killed, %d outputs came twice", f.killed, f.drained, f.restarted, f.seen.twice())
			if r.code != 0 || r.Failed != 0 || r.Done+r.Skipped != items {
				t.Errorf("exit code %d, done %d, skipped %d, failed %d of %d:\n%s", r.code, r.Done, r.Skipped, r.Failed, items, r.stderr)
			}
			for _, n := range f.nodes {
				if got := n.wait(); got.code != 0 && got.code != 130 && got.code != -1 {
					t.Errorf("a node ended with %d:\n%s", got.code, got.stderr)
				}
			}
			if got := len(f.outputs("out")); got != items {
				t.Errorf("%d outputs, want %d", got, items)
			}
			if twice := f.seen.twice(); !kills && twice > 0 || twice > items/2 {
				t.Errorf("%d outputs came twice", twice)
			}
			f.noStaging("out")
			f.nobodyIsLeft()
		})
	}
}
