//go:build !linux

package members

import (
	"errors"
	"os"
)

// nameless says that this system has no such files.
func nameless() (*os.File, error) { return nil, errors.ErrUnsupported }
