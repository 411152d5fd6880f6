// Package early does what a plugin must not do before its handshake. It imports nothing but the standard library and
// sorts before the SDK, so that its init runs before the SDK has set stdout aside.
package early

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Behaviour is what the environment asks for; empty: nothing out of the ordinary.
var Behaviour = os.Getenv("KAGURAZAKA_MISBEHAVE")

// Stdout is the process's real stdout, which the SDK takes away from everybody else.
var Stdout *os.File

func init() {
	fd, err := syscall.Dup(1)
	if err != nil {
		fmt.Fprintln(os.Stderr, "misbehave:", err)
		os.Exit(1)
	}
	syscall.CloseOnExec(fd)
	Stdout = os.NewFile(uintptr(fd), "stdout")
	switch Behaviour {
	case "exit-before-handshake":
		fmt.Fprintln(os.Stderr, "misbehave: leaving before the handshake")
		os.Exit(7)
	case "print-before-handshake":
		fmt.Fprintln(Stdout, "misbehave: some words before the handshake")
	case "hang-before-handshake":
		Hang()
	case "exit-after-handshake":
		fmt.Fprintf(Stdout, "1|1|unix|%s|grpc\n", filepath.Join(os.TempDir(), "misbehave-no-such-socket"))
		fmt.Fprintln(os.Stderr, "misbehave: leaving after the handshake")
		os.Exit(7)
	}
}

// Hang never returns, whatever happens.
func Hang() {
	for {
		time.Sleep(time.Hour)
	}
}
