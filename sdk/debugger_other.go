//go:build !linux

package sdk

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// waitForDebugger says how to attach a debugger to this process, and waits for SIGCONT: this system does not tell whether one is attached.
func waitForDebugger(ctx context.Context) {
	goOn := make(chan os.Signal, 1)
	signal.Notify(goOn, syscall.SIGCONT)
	defer signal.Stop(goOn)
	fmt.Fprintf(os.Stderr, "kagurazaka: process %d waits for a debugger: dlv attach %[1]d, and then kill -CONT %[1]d\n", os.Getpid())
	select {
	case <-goOn:
	case <-ctx.Done():
	}
}
