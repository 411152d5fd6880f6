package chaostest

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arrivals are the files that are renamed into a folder, or written in it to their end, as the kernel tells them.
type arrivals struct {
	t *testing.T
	// more is ready when there is something to take.
	more chan struct{}

	mu     sync.Mutex
	fresh  int
	counts map[string]int
}

// watchFolder counts arrivals in a folder until the test ends.
func watchFolder(t *testing.T, dir string) *arrivals {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "inotify")
	a := &arrivals{t: t, more: make(chan struct{}, 1), counts: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.read(file)
	}()
	t.Cleanup(func() {
		_ = file.Close()
		<-done
	})
	return a
}

func (a *arrivals) read(file *os.File) {
	buf := make([]byte, 1<<18)
	for {
		n, err := file.Read(buf)
		if err != nil {
			return
		}
		a.note(buf[:n])
	}
}

func (a *arrivals) note(events []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(events) >= unix.SizeofInotifyEvent {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&events[0]))
		end := unix.SizeofInotifyEvent + int(event.Len)
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:end], "\x00"))
		switch {
		case event.Mask&unix.IN_Q_OVERFLOW != 0:
			a.t.Error("the kernel has dropped events")
		case event.Mask&unix.IN_ISDIR != 0:
		case event.Mask&unix.IN_DELETE != 0:
			a.counts[name]--
		default:
			a.fresh++
			a.counts[name]++
		}
		events = events[end:]
	}
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// take returns how many files have come since it was called last.
func (a *arrivals) take() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.fresh
	a.fresh = 0
	return n
}

// twice is how often a file came that was there already.
func (a *arrivals) twice() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, c := range a.counts {
		n += max(c-1, 0)
	}
	return n
}

// files is how many different files have come.
func (a *arrivals) files() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.counts)
}
