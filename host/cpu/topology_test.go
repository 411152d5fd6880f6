package cpu

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// tree is a file system of which only some files are known.
type tree map[string]string

func (t tree) fs() fs.FS {
	files := fstest.MapFS{}
	for name, text := range t {
		files[name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return files
}

func (t tree) with(more tree) tree {
	all := maps.Clone(t)
	maps.Copy(all, more)
	return all
}

// machine is a machine whose second threads have numbers behind all first ones, as Linux counts them.
func machine(nodes, cores, threads int) tree {
	all := nodes * cores
	t := tree{
		"proc/self/status":               fmt.Sprintf("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-%d\nMems_allowed_list:\t0-%d", all*threads-1, nodes-1),
		"sys/devices/system/cpu/online":  fmt.Sprintf("0-%d", all*threads-1),
		"sys/devices/system/node/online": fmt.Sprintf("0-%d", nodes-1),
	}
	for node := range nodes {
		var here []string
		for thread := range threads {
			first := thread*all + node*cores
			here = append(here, fmt.Sprintf("%d-%d", first, first+cores-1))
			for core := range cores {
				var siblings []string
				for other := range threads {
					siblings = append(siblings, fmt.Sprint(other*all+node*cores+core))
				}
				t[fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", first+core)] = strings.Join(siblings, ",")
			}
		}
		t[fmt.Sprintf("sys/devices/system/node/node%d/cpulist", node)] = strings.Join(here, ",")
	}
	return t
}

// allowed restricts a machine as taskset or a cpuset do.
func allowed(list string) tree {
	return tree{"proc/self/status": "Cpus_allowed_list:\t" + list + "\nMems_allowed_list:\t0"}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name string
		tree tree
		want string
	}{
		{"one socket with two threads a core", machine(1, 4, 2), "0-7 of 8, 4 cores, 1 node, 8 workers"},
		{"two sockets", machine(2, 4, 2), "0-15 of 16, 8 cores, 2 nodes, 16 workers"},
		{"a cpuset", machine(1, 8, 1).with(allowed("2,5,7")), "2,5,7 of 8, 3 cores, 1 node, 3 workers"},
		{"a core and its second thread", machine(1, 4, 2).with(allowed("1,5")), "1,5 of 8, 1 cores, 1 node, 2 workers"},
		{"CPUs that are off", machine(1, 4, 1).with(tree{"sys/devices/system/cpu/online": "0,2-3"}), "0,2-3 of 3, 3 cores, 1 node, 3 workers"},
		{"a kernel without NUMA", tree{"proc/self/status": "Cpus_allowed_list:\t0-3"}, "0-3 of 4, 4 cores, 0 node, 4 workers"},
		{"nothing is known", tree{}, " of 0, 0 cores, 0 node, 1 workers"},
	} {
		got := Read(c.tree.fs())
		nodes := "node"
		if got.Nodes() > 1 {
			nodes = "nodes"
		}
		text := fmt.Sprintf("%s of %d, %d cores, %d %s, %d workers", FormatList(got.Numbers()), got.Online, got.Cores(), got.Nodes(), nodes, got.Workers())
		if text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

func TestQuota(t *testing.T) {
	v2 := func(group string, limits tree) tree {
		all := tree{"proc/self/cgroup": "0::" + group}
		for dir, limit := range limits {
			all["sys/fs/cgroup"+dir+"/cpu.max"] = limit
		}
		return all
	}
	v1 := func(quota string) tree {
		return tree{
			"proc/self/cgroup": "12:cpuset:/\n4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/system.slice",
			// As a container sees it: its own group is the root of what is mounted.
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":  quota,
			"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
		}
	}
	for _, c := range []struct {
		name    string
		tree    tree
		quota   float64
		workers int
	}{
		{"none", v2("/", nil), 0, 8},
		{"max", v2("/a", tree{"/a": "max 100000"}), 0, 8},
		{"half a CPU", v2("/", tree{"": "50000 100000"}), 0.5, 1},
		{"one CPU and a half", v2("/a", tree{"/a": "150000 100000"}), 1.5, 2},
		{"four CPUs", v2("/a", tree{"/a": "400000 100000"}), 4, 4},
		{"more than there are", v2("/a", tree{"/a": "1600000 100000"}), 16, 8},
		{"the group above has less", v2("/a/b", tree{"/a": "200000 100000", "/a/b": "max 100000", "/": "700000 100000"}), 2, 2},
		{"a path from outside of the container", v2("/kubepods/pod1/x", tree{"": "300000 100000"}), 3, 3},
		{"version 1", v1("50000"), 0.5, 1},
		{"version 1 without a limit", v1("-1"), 0, 8},
		{"nonsense", v2("/a", tree{"/a": "much 0"}), 0, 8},
	} {
		got := Read(machine(1, 8, 1).with(c.tree).fs())
		if got.Quota != c.quota || got.Workers() != c.workers {
			t.Errorf("%s: a quota of %v and %d workers, want %v and %d", c.name, got.Quota, got.Workers(), c.quota, c.workers)
		}
	}
}

func TestPCINode(t *testing.T) {
	root := tree{"sys/bus/pci/devices/0000:3b:00.0/numa_node": "1", "sys/bus/pci/devices/0000:04:00.0/numa_node": "-1"}.fs()
	for address, want := range map[string]int{"0000:3B:00.0": 1, "0000:04:00.0": -1, "0000:99:00.0": -1, "": -1} {
		if got := PCINode(root, address); got != want {
			t.Errorf("%s is on node %d, want %d", address, got, want)
		}
	}
}

func TestPrefer(t *testing.T) {
	all := Read(machine(2, 4, 1).fs())
	if got := all.Prefer([]int{1}, 4).Numbers(); !slices.Equal(got, []int{4, 5, 6, 7}) {
		t.Errorf("four workers on node 1 get %v", got)
	}
	// Where a node has too few, its CPUs come first.
	sets, err := all.Prefer([]int{1}, 6).Assign(Policy{Name: Compact}, 6)
	if err != nil || describe(sets) != "4 5 6 7 0 1" {
		t.Errorf("six workers near node 1 get %s, %v", describe(sets), err)
	}
	if got := all.Prefer([]int{-1}, 1).Numbers(); len(got) != 8 {
		t.Errorf("near nothing: %v", got)
	}
}

func TestHere(t *testing.T) {
	got := Here()
	if len(got.CPUs) == 0 || got.Online < len(got.CPUs) || got.Workers() < 1 {
		t.Errorf("this machine: %+v", got)
	}
}
