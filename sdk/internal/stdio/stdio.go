// Package stdio keeps the handshake's file descriptor 1 away from everything else in the process. Its init runs before
// that of any package that uses the SDK: what those print, and what C libraries print, goes to stderr.
package stdio

import (
	"os"

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
