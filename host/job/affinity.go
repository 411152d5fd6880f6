package job

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/gpu"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

const cpuAffinity = "cpu_affinity"

func affinityFlag() Flag {
	f := flag(cpuAffinity, "Which CPUs each worker runs on: none: any; compact: one each, close together; spread: its part of all of them; "+
		"or a list as taskset writes it, such as 0-3,8-15:2, with one CPU for each worker, or a list for each worker, as in 0-3/4-7",
		"none, compact, spread, a list of CPUs (0-3,8-15:2), or a list for each worker (0-3/4-7)")
	f.Type, f.TypeName, f.Words = schema.Custom, "none, compact, spread or a list", []string{cpu.None, cpu.Compact, cpu.Spread}
	f.Check = func(value string) error {
		_, err := cpu.ParsePolicy(value)
		return err
	}
	return f.byDefault(cpu.None)
}

// cpuPolicy is the policy of --cpu_affinity, which was checked when it was read.
func (s *Spec) cpuPolicy() cpu.Policy {
	policy, err := cpu.ParsePolicy(s.Flags[cpuAffinity])
	if err != nil {
		return cpu.Policy{Name: cpu.None}
	}
	return policy
}

// defaultWorkers is the number of workers where none is given: those that a list has CPUs for, or as many as there are CPUs.
func (s *Spec) defaultWorkers() int {
	if lists := s.cpuPolicy().Lists; len(lists) > 0 {
		return len(lists)
	}
	return defaultWorkers()
}

// affinity is which CPUs the workers of a run get. The zero affinity restricts none.
type affinity struct {
	// workers are those of a pool; load, device and finish those of a pipeline.
	workers, load, device, finish []cpu.Set
	devices                       []string
}

// checkAffinity returns what is wrong with --cpu_affinity on this machine.
func (s *Spec) checkAffinity() error {
	policy := s.cpuPolicy()
	if !policy.Pins() {
		return nil
	}
	if !cpu.CanPin {
		return fmt.Errorf("--cpu_affinity %s: this system cannot give a process CPUs of its own; hint: leave it out", s.Flags[cpuAffinity])
	}
	for _, n := range s.pools() {
		if _, err := s.assign(cpu.Here(), n); err != nil {
			return err
		}
	}
	return nil
}

// pools are the numbers of workers that share the CPUs, apart from those of the devices.
func (s *Spec) pools() []int {
	if s.staged() {
		loaders, finishers := s.stageWorkers()
		return []int{loaders, finishers}
	}
	return []int{s.Workers}
}

func (s *Spec) assign(t cpu.Topology, n int) ([]cpu.Set, error) {
	sets, err := t.Assign(s.cpuPolicy(), n)
	if err != nil {
		err = fmt.Errorf("--cpu_affinity %s: %w", s.Flags[cpuAffinity], err)
	}
	return sets, err
}

// affinity gives the workers their CPUs, and those of a device task near its devices.
func (s *Spec) affinity(ctx context.Context, log hclog.Logger) (a affinity, err error) {
	policy, t := s.cpuPolicy(), cpu.Here()
	if !policy.Pins() {
		return a, nil
	}
	if err := cpu.PreferAllowed(); err != nil {
		log.Debug("workers get no memory policy", "error", err)
		t.MemoryNodes = nil
	}
	var devices []string
	var nodes []int
	if s.Task.Kind == schema.Device && len(policy.Lists) == 0 {
		if devices, err = s.devices(ctx, log); err != nil {
			return a, err
		}
		nodes = gpu.Nodes(ctx, devices, log)
	}
	for _, n := range s.pools() {
		if len(policy.Lists) == 0 && n > len(t.CPUs) {
			log.Warn("there are more workers than CPUs, so some share one", "workers", n, "cpus", cpu.FormatList(t.Numbers()))
		}
	}
	return s.affinityOn(t, devices, nodes)
}

// affinityOn gives the workers their CPUs of a topology. nodes are those of the devices; -1: not known.
func (s *Spec) affinityOn(t cpu.Topology, devices []string, nodes []int) (a affinity, err error) {
	pools := s.pools()
	sets := make([][]cpu.Set, len(pools))
	for i, n := range pools {
		// A loader may serve any device, so all loaders are near all devices.
		if sets[i], err = s.assign(t.Prefer(known(nodes), n), n); err != nil {
			return affinity{}, err
		}
	}
	switch {
	case s.staged():
		a.load, a.finish, a.devices = sets[0], sets[1], devices
		for _, node := range nodes {
			a.device = append(a.device, near(t, node))
		}
	case s.Task.Kind == schema.Device && len(s.cpuPolicy().Lists) == 0:
		// Its only worker loads with processes of its own.
		a.workers = []cpu.Set{near(t, nodes...)}
	default:
		a.workers = sets[0]
	}
	return a, nil
}

// near is the set of all CPUs on some nodes; zero without nodes.
func near(t cpu.Topology, nodes ...int) (set cpu.Set) {
	if nodes = known(nodes); len(nodes) > 0 {
		set = t.Prefer(nodes, 1).Whole()
	}
	return set
}

// known are the different nodes that are known.
func known(nodes []int) (out []int) {
	for _, n := range nodes {
		if n >= 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// setOf is the set of a worker; zero: it has none.
func setOf(sets []cpu.Set, index int) (set cpu.Set) {
	if index < len(sets) {
		set = sets[index]
	}
	return set
}

// placement lists who got what, under the names that messages use.
func (a affinity) placement() (all []ledger.Placement) {
	add := func(name string, s cpu.Set) {
		if !s.IsZero() {
			all = append(all, ledger.Placement{Worker: name, CPUs: cpu.FormatList(s.CPUs), Nodes: s.Nodes, MemoryNodes: s.Memory, Threads: s.Threads})
		}
	}
	for i, s := range a.workers {
		add(fmt.Sprintf("w%d", i), s)
	}
	for i, s := range a.load {
		add(fmt.Sprintf("load %d", i), s)
	}
	for i, s := range a.device {
		add(a.devices[i], s)
	}
	for i, s := range a.finish {
		add(fmt.Sprintf("finish %d", i), s)
	}
	return all
}

// describeCPUs adds to a backbone's help what CPUs there are, and what the flags give to whom.
func describeCPUs(ctx context.Context, out io.Writer, s *Spec) error {
	t := cpu.Here()
	lines := []string{"", "CPUs:", fmt.Sprintf("  this process may use %s of %d: %s, in %s and %s", count.Of(len(t.CPUs), "CPU"), t.Online,
		cpu.FormatList(t.Numbers()), count.Of(t.Cores(), "core"), count.Of(t.Nodes(), "NUMA node"))}
	if t.Quota > 0 {
		lines = append(lines, fmt.Sprintf("  its control group's quota is %.4g CPUs", t.Quota))
	}
	a, err := s.affinity(ctx, hclog.NewNullLogger())
	if err != nil {
		return err
	}
	policy := s.Flags[cpuAffinity]
	all := a.placement()
	if len(all) == 0 {
		lines = append(lines, "  --cpu_affinity none: each worker runs on any of them")
	} else {
		lines = append(lines, "  --cpu_affinity "+policy+":")
	}
	for _, p := range all {
		lines = append(lines, "    "+p.String())
	}
	if err := cpu.PreferAllowed(); err != nil && len(all) > 0 {
		lines = append(lines, fmt.Sprintf("  memory: no node is preferred: %v", err))
	}
	_, err = io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}
