// Package stdio keeps the handshake's file descriptor 1 away from everything else in the process. Its init runs before
// that of any package that uses the SDK: what those print, and what C libraries print, goes to stderr.
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
	// stdout and stderr are descriptors 1 and 2 after the exchange: both end in the host's log.
	stdout = os.Stdout
	stderr = os.Stderr
)

func init() {
	if os.Getenv(wire.CookieKey) == wire.CookieValue {
		handshake, errInit = setAside()
	}
}

// Handshake returns the file that the handshake is written to. It stays open for the rest of the process's life, so
// that its end tells the host that the process has ended.
func Handshake() (*os.File, error) { return handshake, errInit }

// Stderr is the process's stderr, whatever the variable os.Stderr has become.
func Stderr() *os.File { return stderr }

// Restore points os.Stdout and os.Stderr at their descriptors again, both of which are stderr.
func Restore() { os.Stdout, os.Stderr = stdout, stderr }

// setAside moves descriptor 1 to a new number and makes 1 another name of 2.
func setAside() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("setting stdout aside for the handshake: %w", err)
	}
	if err := dup2(2, 1); err != nil {
		return nil, fmt.Errorf("pointing stdout at stderr: %w", err)
	}
	return os.NewFile(uintptr(fd), "handshake"), nil
}
