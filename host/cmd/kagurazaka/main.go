// Command kagurazaka loads a task from a plugin and drives it over millions of items.
package main

import (
	"os"
	"runtime/debug"

	"github.com/kagurazaka/kagurazaka/host/cli"
	"github.com/kagurazaka/kagurazaka/host/guard"
)

// version is set by the linker.
var version = "dev"

func main() {
	// A panic, a fatal signal and a machine without room for one more thread end a Go program with exit code 2, which is that of
	// wrong usage here. Like this they end it with SIGABRT.
	debug.SetTraceback("crash")
	guard.Init()
	ctx, drain := listen()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System(), drain, version))
}
