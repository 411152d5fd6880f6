package sdk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// debuggerEvery is the time between two looks for a debugger.
const debuggerEvery = 100 * time.Millisecond

// waitForDebugger says how to attach a debugger to this process, and waits until one is.
func waitForDebugger(ctx context.Context) {
	// Where a debugger may otherwise attach to its own children alone.
	_ = unix.Prctl(unix.PR_SET_PTRACER, unix.PR_SET_PTRACER_ANY, 0, 0, 0)
	fmt.Fprintf(os.Stderr, "kagurazaka: process %d waits for a debugger: dlv attach %[1]d\n", os.Getpid())
	look := time.NewTicker(debuggerEvery)
	defer look.Stop()
	for !traced() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
	fmt.Fprintf(os.Stderr, "kagurazaka: process %d goes on\n", os.Getpid())
}

// traced reports whether another process traces this one.
func traced() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, found := bytes.Cut(status, []byte("\nTracerPid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return found && string(bytes.TrimSpace(line)) != "0"
}
