// Package cgroup finds the control groups that limit what this process may use.
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

// Group is a control group of version 2, or of one of version 1's controllers.
type Group struct {
	// Dir is its path below Root. In a container it may be the path outside of it.
	Dir string
	V1  bool
	// controller is version 1's.
	controller string
}

// Memory returns the groups that limit memory, by the content of /proc/self/cgroup.
func Memory(text string) []Group { return of(text, "memory") }

// CPU returns the groups that limit processor time, by the content of /proc/self/cgroup.
func CPU(text string) []Group { return of(text, "cpu") }

func of(text, controller string) (groups []Group) {
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, dir, _ := strings.Cut(rest, ":")
		v1 := slices.Contains(strings.Split(controllers, ","), controller)
		if v1 || id == "0" && controllers == "" && dir != "" {
			groups = append(groups, Group{Dir: dir, V1: v1, controller: controller})
		}
	}
	return groups
}

// Root is the folder below mount that the group's Dir starts from.
func (g Group) Root(mount string) string {
	if g.V1 {
		return filepath.Join(mount, g.controller)
	}
	return mount
}

// Dirs are the paths below Root of the group and of all groups above it: their limits count, too.
func (g Group) Dirs() (dirs []string) {
	for dir := g.Dir; ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if dir == "/" || dir == "." {
			return dirs
		}
	}
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
