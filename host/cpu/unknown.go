package cpu

import "runtime"

// unknown is the topology of a machine that tells no more than the number of its CPUs.
func unknown() Topology {
	t := Topology{Online: runtime.NumCPU()}
	for n := range t.Online {
		t.CPUs = append(t.CPUs, CPU{Number: n, Core: n, Node: -1})
	}
	return t
}
