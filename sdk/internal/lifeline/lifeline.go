// Package lifeline ends the process when the host ends, even if the host was killed.
package lifeline

import (
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// pollEvery is the interval at which Watch checks the parent if the host gave no lifeline.
const pollEvery = 500 * time.Millisecond

// Watch starts to watch the host. When the host ends, the process ends at once.
func Watch() {
	parent := unix.Getppid()
	fd, err := strconv.Atoi(os.Getenv(wire.LifelineKey))
	if err == nil && fd >= 3 {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
	}
	go func() {
		if err == nil && fd >= 3 {
			// Its end is closed when the host ends. Other processes share the descriptor: its blocking mode stays as it is.
			_, _ = io.Copy(io.Discard, os.NewFile(uintptr(fd), "lifeline"))
		} else {
			for ticks := time.Tick(pollEvery); unix.Getppid() == parent; <-ticks {
				continue
			}
		}
		// Leading its process group, the process ends all of it.
		if unix.Getpgrp() == os.Getpid() {
			_ = unix.Kill(-os.Getpid(), unix.SIGKILL)
		}
		os.Exit(1)
	}()
}
