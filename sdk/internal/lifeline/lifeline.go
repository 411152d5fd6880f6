// Package lifeline ends the process when the host ends, even if the host was killed.
package lifeline

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// pollEvery is the interval at which Watch checks the parent if the host gave no lifeline.
const pollEvery = 500 * time.Millisecond

// Watch starts to watch the host, until the process ends.
func Watch() {
	parent := unix.Getppid()
	fd, err := strconv.Atoi(os.Getenv(wire.LifelineKey))
	if err == nil && fd >= 3 {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
	}
	go func() {
		if err == nil && fd >= 3 {
			untilEOF(fd)
		} else {
			for ticks := time.Tick(pollEvery); unix.Getppid() == parent; <-ticks {
				continue
			}
		}
		leave()
	}()
}

// untilEOF returns when the other end of the pipe is closed. Other processes share the descriptor, so its blocking mode
// must not change.
func untilEOF(fd int) {
	var buf [64]byte
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		n, err := unix.Read(fd, buf[:])
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if n <= 0 {
			return
		}
	}
}

// leave ends the process at once. If the process leads its process group, leave kills the whole group.
func leave() {
	if unix.Getpgrp() == os.Getpid() {
		_ = unix.Kill(-os.Getpid(), unix.SIGKILL)
	}
	os.Exit(1)
}
