// Package cgroup finds the control groups that limit this process's memory.
package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Mount is where control groups are found.
const Mount = "/sys/fs/cgroup"

// Group is a control group of version 2, or of version 1's memory controller.
type Group struct {
	// Dir is its path below Root. In a container it may be the path outside of it.
	Dir string
	V1  bool
}

// Memory returns the groups that the content of /proc/self/cgroup names.
func Memory(text string) (groups []Group) {
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, dir, _ := strings.Cut(rest, ":")
		v1 := slices.Contains(strings.Split(controllers, ","), "memory")
		if v1 || id == "0" && controllers == "" && dir != "" {
			groups = append(groups, Group{Dir: dir, V1: v1})
		}
	}
	return groups
}

// Root is the folder below mount that the group's Dir starts from.
func (g Group) Root(mount string) string {
	if g.V1 {
		return filepath.Join(mount, "memory")
	}
	return mount
}

// Count returns the number after a name at the beginning of a line of a file such as memory.stat, and whether there is one.
func Count(path, name string) (uint64, bool) {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == name {
			n, err := strconv.ParseUint(words[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
