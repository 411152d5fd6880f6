// Package cpu knows the processors of this machine, what of them this process may use, and which of them each worker gets.
package cpu

import (
	"cmp"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/host/cgroup"
)

// CPU is a logical processor: a thread of a core.
type CPU struct {
	Number int
	// Core is the lowest number of the CPUs that are threads of the same core.
	Core int
	// Node is the NUMA node; -1: not known.
	Node int
}

// Topology is what of a machine's CPUs a process may use. The first NUMA node of CPUs is filled first.
type Topology struct {
	// CPUs are those that the process may use, by node and number. Its affinity and its cpuset restrict them.
	CPUs []CPU
	// Online is the number of CPUs of the machine.
	Online int
	// Quota is how many CPUs' time the control groups allow; 0: they do not limit it.
	Quota float64
	// MemoryNodes are the NUMA nodes whose memory the process may use. Without them no worker gets a memory policy.
	MemoryNodes []int
}

const (
	cpuDir  = "sys/devices/system/cpu"
	nodeDir = "sys/devices/system/node"
	status  = "proc/self/status"
)

// Here is the topology as this process found it when it first asked. Ask before a thread is given other CPUs.
var Here = sync.OnceValue(here)

// Read reads the topology below the root of a Linux file system. CPUs without a known place have a core of their own and no node.
func Read(root fs.FS) Topology {
	// The kernel takes what the cpuset does not have out of these already.
	allowed, _ := ParseList(field(root, status, "Cpus_allowed_list:"))
	online, err := ParseList(text(root, path.Join(cpuDir, "online")))
	if err != nil {
		online = allowed
	}
	t := Topology{Online: len(online), Quota: quota(root)}
	t.MemoryNodes, _ = ParseList(field(root, status, "Mems_allowed_list:"))
	nodes := nodesOf(root)
	for _, n := range allowed {
		if !slices.Contains(online, n) {
			continue
		}
		c := CPU{Number: n, Core: n, Node: -1}
		if node, known := nodes[n]; known {
			c.Node = node
		}
		siblings, err := ParseList(text(root, path.Join(cpuDir, "cpu"+strconv.Itoa(n), "topology", "thread_siblings_list")))
		if err == nil && slices.Contains(siblings, n) {
			c.Core = slices.Min(siblings)
		}
		t.CPUs = append(t.CPUs, c)
	}
	slices.SortFunc(t.CPUs, func(a, b CPU) int { return cmp.Or(a.Node-b.Node, a.Number-b.Number) })
	return t
}

// nodesOf is the NUMA node of each CPU.
func nodesOf(root fs.FS) map[int]int {
	nodes := map[int]int{}
	folders, _ := fs.Glob(root, path.Join(nodeDir, "node[0-9]*"))
	for _, folder := range folders {
		node, err := strconv.Atoi(strings.TrimPrefix(path.Base(folder), "node"))
		if err != nil {
			continue
		}
		cpus, _ := ParseList(text(root, path.Join(folder, "cpulist")))
		for _, n := range cpus {
			nodes[n] = node
		}
	}
	return nodes
}

// quota is the least that a control group of the process, or one above it, allows.
func quota(root fs.FS) (least float64) {
	const mount = "sys/fs/cgroup"
	for _, g := range cgroup.CPU(text(root, "proc/self/cgroup")) {
		for _, dir := range g.Dirs() {
			dir = path.Join(g.Root(mount), dir)
			var limit []string
			if g.V1 {
				limit = []string{text(root, path.Join(dir, "cpu.cfs_quota_us")), text(root, path.Join(dir, "cpu.cfs_period_us"))}
			} else {
				limit = strings.Fields(text(root, path.Join(dir, "cpu.max")))
			}
			if len(limit) != 2 {
				continue
			}
			// Without a limit it is "max", or -1.
			time, err := strconv.ParseFloat(limit[0], 64)
			period, periodErr := strconv.ParseFloat(limit[1], 64)
			if err != nil || periodErr != nil || time <= 0 || period <= 0 {
				continue
			}
			if cpus := time / period; least == 0 || cpus < least {
				least = cpus
			}
		}
	}
	return least
}

// PCINode is the NUMA node of a PCI device, such as 0000:3b:00.0; -1: not known.
func PCINode(root fs.FS, address string) int {
	node, err := strconv.Atoi(text(root, path.Join("sys/bus/pci/devices", strings.ToLower(address), "numa_node")))
	if err != nil {
		return -1
	}
	return node
}

// Workers is the number of workers that keep the CPUs busy: as many as there are, or as the quota has time for.
func (t Topology) Workers() int {
	n := max(len(t.CPUs), 1)
	if t.Quota > 0 {
		n = min(n, max(int(math.Ceil(t.Quota)), 1))
	}
	return n
}

// Prefer is the part of the topology on some nodes, if it has n CPUs. Otherwise it is all of it, those nodes first.
func (t Topology) Prefer(nodes []int, n int) Topology {
	var near, far []CPU
	for _, c := range t.CPUs {
		if slices.Contains(nodes, c.Node) {
			near = append(near, c)
		} else {
			far = append(far, c)
		}
	}
	t.CPUs = near
	if len(near) < max(n, 1) {
		t.CPUs = slices.Concat(near, far)
	}
	return t
}

// Numbers are the numbers of the CPUs, in order.
func (t Topology) Numbers() []int {
	numbers := make([]int, len(t.CPUs))
	for i, c := range t.CPUs {
		numbers[i] = c.Number
	}
	slices.Sort(numbers)
	return numbers
}

// Cores and Nodes are how many different cores and known NUMA nodes the CPUs have.
func (t Topology) Cores() int { return len(coresOf(t.CPUs)) }

// Nodes is the number of different known NUMA nodes.
func (t Topology) Nodes() int { return len(nodesIn(t.CPUs)) }

func coresOf(cpus []CPU) (cores []int) {
	for _, c := range cpus {
		if !slices.Contains(cores, c.Core) {
			cores = append(cores, c.Core)
		}
	}
	return cores
}

// nodesIn are the known nodes of CPUs, in the order in which they are found.
func nodesIn(cpus []CPU) (nodes []int) {
	for _, c := range cpus {
		if c.Node >= 0 && !slices.Contains(nodes, c.Node) {
			nodes = append(nodes, c.Node)
		}
	}
	return nodes
}

func text(root fs.FS, name string) string {
	data, _ := fs.ReadFile(root, name)
	return strings.TrimSpace(string(data))
}

// field is what follows a name at the beginning of a line.
func field(root fs.FS, name, key string) string {
	for line := range strings.Lines(text(root, name)) {
		if rest, found := strings.CutPrefix(line, key); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
