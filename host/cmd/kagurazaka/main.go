// Command kagurazaka loads a task from a plugin and drives it over millions of items.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/cli"
	"github.com/kagurazaka/kagurazaka/host/guard"
)

// version is set by the linker.
var version = "dev"

func main() {
	guard.Init()
	ctx, cancel := context.WithCancel(context.Background())
	drain := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		// The first signal lets what is in flight finish, the second ends everything.
		<-signals
		close(drain)
		<-signals
		cancel()
	}()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System(), cli.Signals{Drain: drain}, version))
}
