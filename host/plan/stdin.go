package plan

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stdin is the user's stdin as a file of lines. A reader that waits can be woken, which os.Stdin itself does not promise.
type stdin struct {
	// wake is the end of a pipe that a reader watches; closing it wakes the reader.
	watched, wake *os.File
}

func openStdin() (fs.File, error) {
	watched, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &stdin{watched, wake}, nil
}

// SetReadDeadline wakes the reader, whatever the time is.
func (s *stdin) SetReadDeadline(time.Time) error { return s.wake.Close() }

func (s *stdin) Read(b []byte) (int, error) {
	ready := []unix.PollFd{{Fd: int32(os.Stdin.Fd()), Events: unix.POLLIN}, {Fd: int32(s.watched.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(ready, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case ready[1].Revents != 0:
			return 0, os.ErrDeadlineExceeded
		}
		return os.Stdin.Read(b)
	}
}

func (s *stdin) Stat() (fs.FileInfo, error) { return os.Stdin.Stat() }

// Close leaves stdin open: it is the process's own.
func (s *stdin) Close() error { return errors.Join(s.watched.Close(), ignoreClosed(s.wake.Close())) }

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
