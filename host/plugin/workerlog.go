package plugin

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// workerLog reads what a worker that a plugin made itself writes to its stdout and stderr. The worker opens a named
// pipe for it, or does not: nobody waits for that.
type workerLog struct {
	path string
	log  *stderrLog
	in   *os.File
	// hold is a writing end of the host's own: without it the pipe would end before the worker has opened it.
	hold    *os.File
	drained chan struct{}
}

func newWorkerLog(path string, log hclog.Logger) (*workerLog, error) {
	// A file of that name is of a worker that was never seen to start.
	_ = os.Remove(path)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making a pipe for a worker's log: %w", err)
	}
	// Without O_NONBLOCK either would wait for the other end.
	in, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the pipe of a worker's log: %w", err), os.Remove(path))
	}
	hold, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the pipe of a worker's log: %w", err), in.Close(), os.Remove(path))
	}
	l := &workerLog{path: path, log: newStderrLog(log), in: in, hold: hold, drained: make(chan struct{})}
	go func() {
		defer close(l.drained)
		l.log.drain(in)
	}()
	return l, nil
}

// opened says that the worker has the pipe, if it ever will: from now on it ends with the worker and its children.
func (l *workerLog) opened() {
	_ = l.hold.Close()
	_ = os.Remove(l.path)
}

// end reads the rest of the pipe. It does not wait for children of the worker that hold it open. l may be nil.
func (l *workerLog) end() {
	if l == nil {
		return
	}
	l.opened()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-l.drained:
	case <-timer.C:
	}
	_ = l.in.Close()
	<-l.drained
}
