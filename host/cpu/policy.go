package cpu

import (
	"slices"
	"strings"
)

// The policies that have a name.
const (
	None    = "none"
	Compact = "compact"
	Spread  = "spread"
)

// Policy says how workers share the CPUs.
type Policy struct {
	// Name is None, Compact or Spread; empty: Lists has the CPUs of each worker.
	Name  string
	Lists [][]int
}

// ParsePolicy reads none, compact, spread, one list whose i-th CPU is for worker i, or lists with / between them, whose i-th is for
// worker i. A / at the end makes one list that of one worker.
func ParsePolicy(text string) (Policy, error) {
	switch text {
	case None, Compact, Spread:
		return Policy{Name: text}, nil
	}
	lists := strings.Split(strings.TrimSuffix(text, "/"), "/")
	var p Policy
	for _, list := range lists {
		numbers, err := ParseList(list)
		if err != nil {
			return p, err
		}
		if strings.Contains(text, "/") {
			slices.Sort(numbers)
			p.Lists = append(p.Lists, slices.Compact(numbers))
			continue
		}
		for _, n := range numbers {
			p.Lists = append(p.Lists, []int{n})
		}
	}
	return p, nil
}

// Pins reports whether workers get CPUs of their own.
func (p Policy) Pins() bool { return p.Name != None }

// Set is what one worker gets. The zero Set is everything that the process has.
type Set struct {
	// CPUs are in ascending order.
	CPUs []int
	// Nodes are the NUMA nodes of the CPUs, as far as they are known.
	Nodes []int
	// Memory are the nodes whose memory the worker prefers; nil: the kernel's own choice, near the CPU.
	Memory []int
	// Threads is how many threads its numeric libraries should use.
	Threads int
}

// IsZero reports whether the set restricts nothing.
func (s Set) IsZero() bool { return len(s.CPUs) == 0 }
