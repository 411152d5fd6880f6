package shm

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/cgroup"
)

// Available is how many bytes of memory this process and its children may still use: what the machine has available, or
// what the control group leaves where that is less. 0: not known.
func Available() uint64 { return available("/proc", cgroup.Mount) }

func available(proc, mount string) uint64 {
	free := meminfo(filepath.Join(proc, "meminfo"))
	// Without control groups there is no such file.
	names, _ := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	for _, g := range cgroup.Memory(string(names)) {
		// Limits of the groups above count as well.
		for dir := g.Dir; ; dir = filepath.Dir(dir) {
			if left, ok := leftIn(g, mount, dir); ok && (free == 0 || left < free) {
				free = left
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	return free
}

func meminfo(path string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) >= 2 && words[0] == "MemAvailable:" {
			n, _ := strconv.ParseUint(words[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// leftIn is what a group, or one above it, leaves of its limit.
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
	// The cache of files that nobody reads is given up first.
	current -= min(current, stat(filepath.Join(dir, "memory.stat"), cache))
	return maximum - min(current, maximum), true
}

func number(path string) (uint64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

func stat(path, name string) uint64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == name {
			n, _ := strconv.ParseUint(value, 10, 64)
			return n
		}
	}
	return 0
}
