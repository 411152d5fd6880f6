// Package stdio reserves stdout for the handshake. Its init runs before that of any package that uses the SDK. Then
// everything that those packages or C libraries print to stdout goes to stderr.
package stdio

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

var (
	handshake *os.File
	errInit   error
	// Both go to the host's log.
	stdout = os.Stdout
	stderr = os.Stderr
)

func init() {
	if os.Getenv(wire.CookieKey) == wire.CookieValue {
		handshake, errInit = setAside()
	}
}

// Handshake returns the file for the handshake. It stays open: when the process ends, the host reads its end.
func Handshake() (*os.File, error) { return handshake, errInit }

// Stderr is the process's stderr, even when go-plugin replaces os.Stderr.
func Stderr() *os.File { return stderr }

// Restore sets os.Stdout and os.Stderr back to descriptors 1 and 2, which are both stderr.
func Restore() { os.Stdout, os.Stderr = stdout, stderr }

// setAside moves descriptor 1 to a new number and makes 1 a duplicate of 2.
func setAside() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("setting stdout aside for the handshake: %w", err)
	}
	if err := dup2(2, 1); err != nil {
		return nil, fmt.Errorf("redirecting stdout to stderr: %w", err)
	}
	return os.NewFile(uintptr(fd), "handshake"), nil
}
