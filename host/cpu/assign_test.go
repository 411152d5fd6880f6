package cpu

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// describe is the sets' CPUs, with their threads where that is more than one: "0,4x2 1".
func describe(sets []Set) string {
	var all []string
	for _, s := range sets {
		text := FormatList(s.CPUs)
		if s.Threads > 1 {
			text += fmt.Sprintf("x%d", s.Threads)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func TestAssign(t *testing.T) {
	smt, two, four := machine(1, 4, 2), machine(2, 4, 2), machine(4, 2, 1)
	half := tree{"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "400000 100000"}
	for _, c := range []struct {
		name, policy string
		tree         tree
		workers      int
		want         string
	}{
		{"one thread of a core before its sibling", "compact", smt, 6, "0 1 2 3 4 5"},
		{"one node before the next", "compact", two, 10, "0 1 2 3 8 9 10 11 4 5"},
		{"more workers than CPUs", "compact", four.with(allowed("0-2")), 5, "0 1 2 0 1"},
		{"whole cores", "spread", smt, 2, "0-1,4-5x2 2-3,6-7x2"},
		{"cores that do not divide", "spread", smt, 3, "0,4 1,5 2-3,6-7x2"},
		{"a core each", "spread", smt, 4, "0,4 1,5 2,6 3,7"},
		{"more workers than cores", "spread", smt, 6, "0 1 2,6 3,7 4 5"},
		{"a CPU each", "spread", smt, 8, "0 1 2 3 4 5 6 7"},
		{"round the nodes", "spread", four, 4, "0-1x2 2-3x2 4-5x2 6-7x2"},
		{"round the nodes twice", "spread", four, 8, "0 2 4 6 1 3 5 7"},
		{"more workers than CPUs on all nodes", "spread", four, 10, "0 2 4 6 1 3 5 7 0 2"},
		{"a cpuset with most of its CPUs on one node", "spread", machine(2, 4, 1).with(allowed("0,4-6")), 4, "4 5 0 6"},
		{"one worker has one node", "spread", four, 1, "0-1x2"},
		{"a quota bounds the threads", "spread", smt.with(half), 4, "0,4 1,5 2,6 3,7"},
		{"threads of a part of the quota", "spread", machine(1, 16, 1).with(half), 2, "0-7x2 8-15x2"},
		{"a list", "0-3", two, 3, "0 1 2"},
		{"a list with a step, in its order", "9,0-4:2", two, 4, "9 0 2 4"},
		{"a list that names a CPU twice", "0,0,1", two, 3, "0 0 1"},
		{"a list for each worker", "0-3/4-5,12", two, 2, "0-3x4 4-5,12x2"},
		{"one list", "0-3/", two, 1, "0-3x4"},
		{"a list that names a CPU twice is one set", "1,0,1/2", two, 2, "0-1x2 2"},
	} {
		p, err := ParsePolicy(c.policy)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		sets, err := Read(c.tree.fs()).Assign(p, c.workers)
		if got := describe(sets); err != nil || got != c.want {
			t.Errorf("%s: %s: got %s, %v; want %s", c.name, c.policy, got, err, c.want)
		}
	}
}

func TestNone(t *testing.T) {
	p, err := ParsePolicy(None)
	if err != nil || p.Pins() {
		t.Errorf("none pins: %v", err)
	}
	if sets, err := Read(machine(1, 4, 1).fs()).Assign(p, 3); sets != nil || err != nil {
		t.Errorf("none gives %v, %v", sets, err)
	}
}

func TestNodes(t *testing.T) {
	sets, _ := Read(machine(2, 2, 1).with(allowed("0-3")).fs()).Assign(Policy{Lists: [][]int{{0}, {1, 2}, {3}}}, 3)
	// Of its memory the process may use node 0 alone.
	want := "[0] on [0] prefers [0]; [1 2] on [0 1] prefers [0]; [3] on [1] prefers []"
	var got []string
	for _, s := range sets {
		got = append(got, fmt.Sprintf("%v on %v prefers %v", s.CPUs, s.Nodes, s.Memory))
	}
	if text := strings.Join(got, "; "); text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestListErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "is empty",
		"0,,1":                `"" must be a CPU's number, or a range such as 0-3 or 0-15:2`,
		"0//1":                "is empty",
		"fast":                `"fast" must be a CPU's number`,
		"3-1":                 "3-1: the range ends before it begins",
		"0-3:0":               "0-3:0: the step must be 1 or more",
		"4:2":                 `"4:2" must be`,
		"-1":                  `"-1" must be`,
		"+1":                  `"+1" must be`,
		"1-":                  `"1-" must be`,
		"0-5000":              "0-5000: the highest number of a CPU is 1023",
		"0-3,x-9":             `"x-9" must be`,
		"0x3":                 `"0x3" must be`,
		"0-3:1.5":             `"0-3:1.5" must be`,
		"9999999999999999999": "must be a CPU's number",
	} {
		if p, err := ParsePolicy(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %s", text, p, err, want)
		}
	}
	all := Read(machine(1, 4, 1).fs())
	for text, want := range map[string]string{
		"0-1":     "it has CPUs for 2 workers, and there are 3; hint: name CPUs for each worker, or start 2",
		"0/1":     "it has CPUs for 2 workers, and there are 3",
		"0,1,7":   "CPU 7 is not one that this process may use; hint: those are 0-3",
		"0/1/2-9": "CPU 4 is not one that this process may use",
	} {
		p, err := ParsePolicy(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := all.Assign(p, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

// Whatever the machine, all workers get CPUs, and none is used twice while others are free.
func TestAssignRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, cores, threads := rapid.IntRange(1, 4).Draw(t, "nodes"), rapid.IntRange(1, 6).Draw(t, "cores"), rapid.IntRange(1, 2).Draw(t, "threads")
		all := machine(nodes, cores, threads)
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(0, nodes*cores*threads-1), 1, -1, rapid.ID).Draw(t, "allowed")
		slices.Sort(numbers)
		topology := Read(all.with(allowed(FormatList(numbers))).fs())
		n := rapid.IntRange(1, 40).Draw(t, "workers")
		for _, name := range []string{Compact, Spread} {
			sets, err := topology.Assign(Policy{Name: name}, n)
			if err != nil || len(sets) != n {
				t.Fatalf("%s: %d sets, %v", name, len(sets), err)
			}
			uses := map[int]int{}
			for _, s := range sets {
				if s.IsZero() || s.Threads < 1 || !slices.IsSorted(s.CPUs) {
					t.Fatalf("%s: %+v", name, s)
				}
				for _, c := range s.CPUs {
					uses[c]++
				}
			}
			most := (n + len(numbers) - 1) / len(numbers)
			for c, times := range uses {
				if !slices.Contains(numbers, c) || name == Compact && times > most || n <= len(numbers) && times > 1 {
					t.Fatalf("%s: CPU %d is used %d times", name, c, times)
				}
			}
			if want := len(numbers); n >= want && len(uses) != want {
				t.Fatalf("%s: %d of %d CPUs are used by %d workers", name, len(uses), want, n)
			}
		}
	})
}

func TestListsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(0, maxNumber), 1, 60, rapid.ID).Draw(t, "numbers")
		slices.Sort(numbers)
		got, err := ParseList(FormatList(numbers))
		if err != nil || !slices.Equal(got, numbers) {
			t.Fatalf("%v became %v, %v", numbers, got, err)
		}
	})
}
