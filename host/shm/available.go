package shm

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/cgroup"
)

// Available is the number of bytes that this process and its children may still use: the machine's available memory, or the rest
// of the control group's limit if that is less. 0: unknown.
func Available() uint64 { return available("/proc", cgroup.Mount) }

func available(proc, mount string) uint64 {
	free, _ := cgroup.Count(filepath.Join(proc, "meminfo"), "MemAvailable:")
	free <<= 10
	// Without control groups there is no such file.
	names, _ := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	for _, g := range cgroup.Memory(string(names)) {
		for _, dir := range g.Dirs() {
			if left, ok := leftIn(g, mount, dir); ok && (free == 0 || left < free) {
				free = left
			}
		}
	}
	return free
}

// leftIn is the rest of the limit of a group, or one above it.
func leftIn(g cgroup.Group, mount, dir string) (uint64, bool) {
	limit, used, cache := "memory.max", "memory.current", "inactive_file"
	if g.V1 {
		limit, used, cache = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	}
	dir = filepath.Join(g.Root(mount), dir)
	maximum, ok := number(filepath.Join(dir, limit))
	if !ok || maximum >= 1<<60 {
		return 0, false
	}
	current, ok := number(filepath.Join(dir, used))
	if !ok {
		return 0, false
	}
	// The kernel can reclaim the inactive file cache.
	reclaimable, _ := cgroup.Count(filepath.Join(dir, "memory.stat"), cache)
	current -= min(current, reclaimable)
	return maximum - min(current, maximum), true
}

func number(path string) (uint64, bool) {
	data, _ := os.ReadFile(path)
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}
