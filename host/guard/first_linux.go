package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// beFirst is for the first process of a container, to which every process falls that has lost its parent, and which must
// reap them: it starts the same command in a process of its own, hands signals on to it, and ends as it ends. In any other
// process it returns. A reaper within the host would take the exit statuses of the host's own children away.
func beFirst() {
	if os.Getpid() != 1 {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	// Before there is anybody to signal.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	cmd := &exec.Cmd{Path: self, Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	_, err = unix.IoctlGetTermios(0, unix.TCGETS)
	onTerminal := err == nil
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "kagurazaka: starting the command below process 1:", err)
		os.Exit(1)
	}
	child := cmd.Process.Pid
	go func() {
		for s := range signals {
			n, ok := s.(syscall.Signal)
			if ok && handedOn(n, onTerminal) {
				_ = syscall.Kill(child, n)
			}
		}
	}()
	os.Exit(reapUntil(child))
}

// handedOn reports whether a signal is for the command. What a terminal sends goes to its whole group, and so is there already.
func handedOn(n syscall.Signal, onTerminal bool) bool {
	switch n {
	case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGTSTP, syscall.SIGWINCH:
		return !onTerminal
	}
	return true
}

// reapUntil waits for every child until the one that matters has ended, and returns its exit code as shells have it.
func reapUntil(child int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "kagurazaka: waiting for the command below process 1:", err)
			return 1
		case pid != child:
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}
