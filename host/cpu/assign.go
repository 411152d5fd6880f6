package cpu

import (
	"fmt"
	"slices"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Assign returns the sets of n workers; nil: the policy pins none. Worker i keeps its set for the whole run.
func (t Topology) Assign(p Policy, n int) ([]Set, error) {
	var shares [][]CPU
	switch p.Name {
	case None:
		return nil, nil
	case Compact:
		shares = t.compact(n)
	case Spread:
		shares = t.spread(n)
	default:
		var err error
		if shares, err = t.listed(p.Lists, n); err != nil {
			return nil, err
		}
	}
	sets := make([]Set, n)
	for i, share := range shares {
		sets[i] = t.set(share, n)
	}
	return sets, nil
}

// set makes the set of one of n workers. A second thread of a core adds little to numeric code, and a quota bounds all workers together.
func (t Topology) set(cpus []CPU, n int) Set {
	s := Set{Nodes: nodesIn(cpus), Threads: len(coresOf(cpus))}
	if t.Quota > 0 {
		s.Threads = min(s.Threads, max(int(t.Quota)/n, 1))
	}
	for _, c := range cpus {
		s.CPUs = append(s.CPUs, c.Number)
	}
	slices.Sort(s.CPUs)
	slices.Sort(s.Nodes)
	for _, node := range s.Nodes {
		if slices.Contains(t.MemoryNodes, node) {
			s.Memory = append(s.Memory, node)
		}
	}
	return s
}

// Whole is the set of all CPUs of a topology.
func (t Topology) Whole() Set { return t.set(t.CPUs, 1) }

// compact gives each worker one CPU: node by node, and in a node one thread of each core before the second ones. Workers beyond the CPUs
// share them.
func (t Topology) compact(n int) [][]CPU {
	var order []CPU
	for _, node := range t.byNode() {
		order = append(order, threadsApart(node)...)
	}
	shares := make([][]CPU, n)
	for i := range shares {
		if len(order) > 0 {
			shares[i] = order[i%len(order) : i%len(order)+1]
		}
	}
	return shares
}

// spread deals the workers to the nodes, by their CPUs, and gives each worker its part of its node: whole cores if there are enough.
func (t Topology) spread(n int) [][]CPU {
	nodes := t.byNode()
	members := make([][]int, len(nodes))
	for i := range n {
		best := -1
		for k, cpus := range nodes {
			// The node with the most CPUs for one more worker; the first of several.
			if best < 0 || len(cpus)*(len(members[best])+1) > len(nodes[best])*(len(members[k])+1) {
				best = k
			}
		}
		if best >= 0 {
			members[best] = append(members[best], i)
		}
	}
	shares := make([][]CPU, n)
	for k, workers := range members {
		for j, share := range divide(nodes[k], len(workers)) {
			shares[workers[j]] = share
		}
	}
	return shares
}

// divide gives each of k workers its part of a node's CPUs.
func divide(node []CPU, k int) [][]CPU {
	shares := make([][]CPU, k)
	cores := coresOf(node)
	if k <= len(cores) {
		for i := range shares {
			mine := cores[i*len(cores)/k : (i+1)*len(cores)/k]
			for _, c := range node {
				if slices.Contains(mine, c.Core) {
					shares[i] = append(shares[i], c)
				}
			}
		}
		return shares
	}
	order := threadsApart(node)
	for i := range shares {
		shares[i] = []CPU{order[i%len(order)]}
	}
	// What is left goes to the workers on the same cores.
	for _, c := range order[min(k, len(order)):] {
		owner := slices.IndexFunc(shares, func(share []CPU) bool { return share[0].Core == c.Core })
		shares[owner] = append(shares[owner], c)
	}
	return shares
}

// listed gives each worker the CPUs that its list names.
func (t Topology) listed(lists [][]int, n int) ([][]CPU, error) {
	if len(lists) < n {
		return nil, fmt.Errorf("it has CPUs for %s, and there are %d; hint: name CPUs for each worker, or start %d", count.Of(len(lists), "worker"), n, len(lists))
	}
	shares := make([][]CPU, n)
	for i, list := range lists[:n] {
		for _, number := range list {
			at := slices.IndexFunc(t.CPUs, func(c CPU) bool { return c.Number == number })
			if at < 0 {
				return nil, fmt.Errorf("CPU %d is not one that this process may use; hint: those are %s", number, FormatList(t.Numbers()))
			}
			shares[i] = append(shares[i], t.CPUs[at])
		}
	}
	return shares, nil
}

// byNode are the CPUs by node, in the order of the topology.
func (t Topology) byNode() (nodes [][]CPU) {
	at := map[int]int{}
	for _, c := range t.CPUs {
		k, known := at[c.Node]
		if !known {
			k = len(nodes)
			at[c.Node] = k
			nodes = append(nodes, nil)
		}
		nodes[k] = append(nodes[k], c)
	}
	return nodes
}

// threadsApart orders CPUs so that one thread of each core comes before the second ones.
func threadsApart(cpus []CPU) []CPU {
	rank, seen := map[int]int{}, map[int]int{}
	for _, c := range cpus {
		rank[c.Number] = seen[c.Core]
		seen[c.Core]++
	}
	ordered := slices.Clone(cpus)
	slices.SortStableFunc(ordered, func(a, b CPU) int { return rank[a.Number] - rank[b.Number] })
	return ordered
}
