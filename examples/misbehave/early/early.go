// Package early misbehaves before the handshake. Go initialises packages in the order of their paths, after their imports:
// this one is initialised before the SDK, and so gets the real stdout.
package early

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// Behaviour is the behaviour from the environment, or empty.
var Behaviour = os.Getenv("KAGURAZAKA_MISBEHAVE")

// Stdout is the process's real stdout, which the SDK replaces.
var Stdout *os.File

// Stderr is the process's real stderr, which go-plugin replaces.
var Stderr = os.Stderr

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
		Say()
		Hang()
	case "close-before-handshake":
		for _, fd := range []int{1, fd} {
			if err := syscall.Close(fd); err != nil {
				fmt.Fprintln(os.Stderr, "misbehave:", err)
			}
		}
		Hang()
	case "exit-after-handshake":
		fmt.Fprintf(Stdout, "1|1|unix|%s|grpc\n", os.TempDir()+"/misbehave-no-such-socket")
		fmt.Fprintln(os.Stderr, "misbehave: leaving after the handshake")
		os.Exit(7)
	case "core-handshake":
		shake("2|1|unix|%s|grpc\n")
	case "tcp-handshake":
		shake("1|1|tcp|127.0.0.1:1%.0s|grpc\n")
	case "mute-socket":
		path := fmt.Sprintf("%s/mute-%d", os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), os.Getpid())
		MuteSocket(path)
		fmt.Fprintf(Stdout, "1|1|unix|%s|grpc\n", path)
		Say()
		Hang()
	case "tls-handshake":
		shake("1|1|unix|%s|grpc|TLSv1.3\n")
	}
}

// shake prints a wrong handshake and hangs.
func shake(format string) {
	fmt.Fprintf(Stdout, format, os.TempDir()+"/misbehave-no-such-socket")
	Hang()
}

// MuteSocket makes a socket that accepts connections and never answers.
func MuteSocket(path string) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = syscall.Listen(fd, 16)
	}
	if err != nil {
		fmt.Fprintln(Stderr, "misbehave:", err)
		os.Exit(1)
	}
}

// Say prints to stderr that the behaviour begins.
func Say() { fmt.Fprintln(Stderr, "misbehave:", Behaviour) }

// Stop stops this process. It returns an error, or never.
func Stop() error {
	Say()
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		return err
	}
	// Threads stop one after another.
	Hang()
	return nil
}

// Hang never returns.
func Hang() {
	for {
		time.Sleep(time.Hour)
	}
}
