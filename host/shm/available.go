package shm

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Available is how many bytes of memory this process and its children may still use: what the machine has available, or
// what the control group leaves where that is less. 0: not known.
func Available() uint64 { return available("/proc", "/sys/fs/cgroup") }

func available(proc, cgroup string) uint64 {
	free := meminfo(filepath.Join(proc, "meminfo"))
	for _, g := range groups(filepath.Join(proc, "self", "cgroup")) {
		// Limits of the groups above count as well.
		for dir := g.dir; ; dir = filepath.Dir(dir) {
			if left, ok := g.left(cgroup, dir); ok && (free == 0 || left < free) {
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

// group is a control group that this process is in, of version 1's memory controller or of version 2.
type group struct {
	dir string
	v1  bool
}

func groups(path string) (out []group) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, dir, _ := strings.Cut(rest, ":")
		switch {
		case id == "0" && controllers == "":
			out = append(out, group{dir: dir})
		case controllers == "memory":
			out = append(out, group{dir: dir, v1: true})
		}
	}
	return out
}

func (g group) left(root, dir string) (uint64, bool) {
	limit, used, cache := "memory.max", "memory.current", "inactive_file"
	if g.v1 {
		root = filepath.Join(root, "memory")
		limit, used, cache = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	}
	dir = filepath.Join(root, dir)
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
