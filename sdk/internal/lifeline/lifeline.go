// Package lifeline ends the process when the host is gone, however the host ended.
package lifeline

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// pollEvery is how often the parent is looked at where the host gave no lifeline.
const pollEvery = 500 * time.Millisecond

// Watch starts to watch, for the rest of the process's life.
func Watch() {
	fd, err := strconv.Atoi(os.Getenv(wire.LifelineKey))
	if err != nil || fd < 3 || !isOpen(fd) {
		go pollParent(unix.Getppid(), leave)
		return
	}
	unix.CloseOnExec(fd)
	go func() {
		untilEOF(fd)
		leave()
	}()
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// untilEOF returns when the other end of the pipe is closed. The descriptor is shared with other processes, so its
// blocking mode is left alone.
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

func pollParent(first int, gone func()) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for range ticker.C {
		if unix.Getppid() != first {
			gone()
			return
		}
	}
}

// leave ends the process at once, and all that it started when it leads its own process group.
func leave() {
	if unix.Getpgrp() == os.Getpid() {
		_ = unix.Kill(-os.Getpid(), unix.SIGKILL)
	}
	os.Exit(1)
}
