package plugin

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/guard"
)

// reapGroup waits for the process and ends the rest of its group. It kills the group while the process is still a zombie, so that no
// other process has its number.
func reapGroup(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		continue
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	guard.Remove(pid)
	return cmd.Wait()
}

func changeTime(st *syscall.Stat_t) syscall.Timespec { return st.Ctim }
