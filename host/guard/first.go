package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// beFirst is for the first process of a container, which must reap all orphans. It starts the same command as a child, passes on
// signals, and ends like it: a reaper within the host would take the exit statuses of the host's children. Other processes return.
func beFirst() {
	if os.Getpid() != 1 {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	cmd := &exec.Cmd{Path: self, Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	onTerminal := term.IsTerminal(0)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "error: starting the command below process 1:", err)
		os.Exit(1)
	}
	child := cmd.Process.Pid
	go func() {
		for s := range signals {
			n, ok := s.(syscall.Signal)
			if ok && passedOn(n, onTerminal) {
				_ = syscall.Kill(child, n)
			}
		}
	}()
	os.Exit(reapUntil(child))
}

// passedOn reports whether the command needs a signal. A terminal's signals reach it without help.
func passedOn(n syscall.Signal, onTerminal bool) bool {
	switch n {
	case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGTSTP, syscall.SIGWINCH:
		return !onTerminal
	}
	return true
}

// reapUntil reaps all children until the given one has ended, and returns its exit code as a shell does.
func reapUntil(child int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "error: waiting for the command below process 1:", err)
			return 1
		case pid != child:
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}
