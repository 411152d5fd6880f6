package plugin

import (
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/cgroup"
)

// groupFile is where the kernel counts the processes of the host's control group that its out-of-memory killer has ended.
var groupFile = sync.OnceValue(func() string {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	return groupFileOf(string(data), func(path string) bool { return countIn(path) >= 0 })
})

// groupFileOf finds the file among those that /proc/self/cgroup stands for: of version 2 of control groups, or of version 1.
// In a container the paths may be those outside of it, and its own group is the root of what is mounted.
func groupFileOf(groups string, counts func(path string) bool) string {
	for _, g := range cgroup.Memory(groups) {
		root, file := g.Root(cgroup.Mount), "memory.events"
		if g.V1 {
			file = "memory.oom_control"
		}
		for _, path := range []string{filepath.Join(root, g.Dir, file), filepath.Join(root, file)} {
			if counts(path) {
				return path
			}
		}
	}
	return ""
}

func countKills() oomCount {
	c := oomCount{group: -1, machine: countIn("/proc/vmstat")}
	if path := groupFile(); path != "" {
		c.group = countIn(path)
	}
	return c
}

// countIn reads the line "oom_kill N" of a file; below zero: there is none.
func countIn(path string) int {
	if n, ok := cgroup.Count(path, "oom_kill"); ok {
		return int(n)
	}
	return -1
}

// addressLimit is how many bytes of addresses a process may have; 0: no limit.
func addressLimit() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) != nil || limit.Cur == unix.RLIM_INFINITY {
		return 0
	}
	return limit.Cur
}
