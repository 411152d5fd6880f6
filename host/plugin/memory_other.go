//go:build !linux

package plugin

// CanMeasure reports whether Resident works on this system.
func CanMeasure() bool { return false }

// Resident is how many bytes each process and everything that it started have resident, by process number.
func Resident([]int) map[int]int64 { return nil }

// descendants are the processes that a process has started; none are known here.
func descendants(int) []int { return nil }
