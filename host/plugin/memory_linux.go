package plugin

import (
	"bytes"
	"os"
	"strconv"
)

// CanMeasure reports whether Resident works on this system.
func CanMeasure() bool { return true }

// Resident is how many bytes each process and everything that it started have resident, by process number; pages that
// they share count for each of them. Processes that are gone are left out.
func Resident(pids []int) map[int]int64 {
	all := processes()
	sizes := map[int]int64{}
	for _, pid := range pids {
		if _, alive := all[pid]; alive {
			sizes[pid] = 0
		}
	}
	for pid, st := range all {
		if owner, ok := ownerOf(pid, st, all, sizes); ok {
			sizes[owner] += st.pages * int64(os.Getpagesize())
		}
	}
	return sizes
}

// processes are all processes, by number.
func processes() map[int]procStat {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	all := map[int]procStat{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		if st, ok := parseStat(data); ok {
			all[pid] = st
		}
	}
	return all
}

// descendants are the processes that a process has started, and their descendants.
func descendants(pid int) (found []int) {
	all := processes()
	for other, st := range all {
		if _, ok := ownerOf(other, st, all, map[int]int64{pid: 0}); ok && other != pid {
			found = append(found, other)
		}
	}
	return found
}

// maxDepth bounds the walk up the processes, whose numbers may be reused while they are read.
const maxDepth = 64

// ownerOf returns which of the wanted processes has started a process. A process whose parents are gone still has its group.
func ownerOf(pid int, st procStat, all map[int]procStat, wanted map[int]int64) (int, bool) {
	group := st.group
	for range maxDepth {
		if _, ok := wanted[pid]; ok {
			return pid, true
		}
		if st.parent <= 1 {
			break
		}
		pid = st.parent
		var ok bool
		if st, ok = all[pid]; !ok {
			break
		}
	}
	_, ok := wanted[group]
	return group, ok
}

// procStat holds the needed fields of /proc/PID/stat.
type procStat struct {
	parent, group int
	pages         int64
}

func parseStat(data []byte) (procStat, bool) {
	// The name, in brackets, may have anything in it.
	i := bytes.LastIndexByte(data, ')')
	if i < 0 {
		return procStat{}, false
	}
	fields := bytes.Fields(data[i+1:])
	const parent, group, rss = 1, 2, 21
	if len(fields) <= rss {
		return procStat{}, false
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return n
	}
	return procStat{parent: int(number(parent)), group: int(number(group)), pages: number(rss)}, true
}
