//go:build !linux

package plugin

import (
	"os/exec"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/guard"
)

// CanMeasure reports whether Resident works on this system.
func CanMeasure() bool { return false }

// Resident is how many bytes each process and everything that it started have resident, by process number.
func Resident([]int) map[int]int64 { return nil }

// descendants are the processes that a process has started; none are known here.
func descendants(int) []int { return nil }

func countKills() oomCount { return oomCount{group: -1, machine: -1} }

func addressLimit() uint64 { return 0 }

func changeTime(st *syscall.Stat_t) syscall.Timespec { return st.Ctimespec }

// reapGroup waits for the process and ends the rest of its group.
func reapGroup(cmd *exec.Cmd) error {
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	guard.Remove(cmd.Process.Pid)
	return err
}
