//go:build !linux

package plugin

import (
	"os/exec"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/guard"
)

// reapGroup waits for the process and ends what is left of its group.
func reapGroup(cmd *exec.Cmd) error {
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	guard.Remove(cmd.Process.Pid)
	return err
}
