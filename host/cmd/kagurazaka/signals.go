package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// listen returns a context and a channel that end by signals. The first one closes the channel, which lets what is in flight
// finish; the second ends the context, and with it everything; the third ends the process, whatever keeps it. The guard ends
// what is left then.
func listen() (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	drain := make(chan struct{})
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// A terminal that is closed says SIGHUP; under nohup that is ignored, and stays so.
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		close(drain)
		<-signals
		cancel()
		<-signals
		os.Exit(exitcode.Interrupted)
	}()
	return ctx, drain
}
