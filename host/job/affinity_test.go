package job

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// nodes is a machine with two NUMA nodes of four cores.
func nodes() (t cpu.Topology) {
	for n := range 8 {
		t.CPUs = append(t.CPUs, cpu.CPU{Number: n, Core: n, Node: n / 4})
	}
	t.MemoryNodes = []int{0, 1}
	return t
}

func TestAffinityNearDevices(t *testing.T) {
	staged := schema.Task{Kind: schema.Device, Capabilities: []string{"stages", "finish"}}
	for _, c := range []struct {
		name  string
		spec  Spec
		nodes []int
		want  string
	}{
		{
			"a pool", Spec{Workers: 3, Flags: map[string]string{"cpu_affinity": "spread"}}, nil,
			"w0: CPUs 0-1 of node 0, 2 threads, memory of node 0; w1: CPUs 4-7 of node 1, 4 threads, memory of node 1; w2: CPUs 2-3 of node 0, 2 threads, memory of node 0",
		},
		{
			"loaders near their GPU", Spec{Task: staged, Flags: map[string]string{"cpu_affinity": "compact", "num_load": "2", "num_postprocess": "1"}}, []int{1},
			"load 0: CPU 4 of node 1, 1 thread, memory of node 1; load 1: CPU 5 of node 1, 1 thread, memory of node 1; " +
				"cuda:0: CPUs 4-7 of node 1, 4 threads, memory of node 1; finish 0: CPU 4 of node 1, 1 thread, memory of node 1",
		},
		{
			"more loaders than the node has CPUs", Spec{Task: staged, Flags: map[string]string{"cpu_affinity": "compact", "num_load": "5", "postprocess": "device"}}, []int{1},
			"load 0: CPU 4 of node 1, 1 thread, memory of node 1; load 1: CPU 5 of node 1, 1 thread, memory of node 1; load 2: CPU 6 of node 1, 1 thread, memory of node 1; " +
				"load 3: CPU 7 of node 1, 1 thread, memory of node 1; load 4: CPU 0 of node 0, 1 thread, memory of node 0; cuda:0: CPUs 4-7 of node 1, 4 threads, memory of node 1",
		},
		{
			"GPUs on both nodes", Spec{Task: staged, Flags: map[string]string{"cpu_affinity": "spread", "num_load": "2", "postprocess": "device"}}, []int{1, 0},
			"load 0: CPUs 0-3 of node 0, 4 threads, memory of node 0; load 1: CPUs 4-7 of node 1, 4 threads, memory of node 1; " +
				"cuda:0: CPUs 4-7 of node 1, 4 threads, memory of node 1; cuda:1: CPUs 0-3 of node 0, 4 threads, memory of node 0",
		},
		{
			"a GPU on a node that is not known", Spec{Task: staged, Flags: map[string]string{"cpu_affinity": "compact", "num_load": "1", "postprocess": "device"}}, []int{-1},
			"load 0: CPU 0 of node 0, 1 thread, memory of node 0",
		},
		{
			"a list", Spec{Task: staged, Flags: map[string]string{"cpu_affinity": "2/0-1", "num_postprocess": "1"}}, nil,
			"load 0: CPU 2 of node 0, 1 thread, memory of node 0; load 1: CPUs 0-1 of node 0, 2 threads, memory of node 0; finish 0: CPU 2 of node 0, 1 thread, memory of node 0",
		},
		{
			"a task that loads in its device's process", Spec{Task: schema.Task{Kind: schema.Device}, Workers: 1, Flags: map[string]string{"cpu_affinity": "compact"}}, []int{1},
			"w0: CPUs 4-7 of node 1, 4 threads, memory of node 1",
		},
	} {
		var devices []string
		for i := range c.nodes {
			devices = append(devices, fmt.Sprintf("cuda:%d", i))
		}
		a, err := c.spec.affinityOn(nodes(), devices, c.nodes)
		var got []string
		for _, p := range a.placement() {
			got = append(got, p.String())
		}
		if text := strings.Join(got, "; "); err != nil || text != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, text, c.want)
		}
	}
}

func TestDefaultWorkers(t *testing.T) {
	all := defaultWorkers()
	t.Setenv("GOMAXPROCS", "1")
	if got := defaultWorkers(); got != 1 {
		t.Errorf("GOMAXPROCS=1 leaves %d workers", got)
	}
	t.Setenv("GOMAXPROCS", "100000")
	if got := defaultWorkers(); got != all {
		t.Errorf("a large GOMAXPROCS makes %d workers of %d", got, all)
	}
	for value, want := range map[string]int{"0,0,0": 3, "0/1": 2, "0-1/": 1, "spread": all} {
		if got := (&Spec{Flags: map[string]string{cpuAffinity: value}}).defaultWorkers(); got != want {
			t.Errorf("--cpu_affinity %s: %d workers, want %d", value, got, want)
		}
	}
}
