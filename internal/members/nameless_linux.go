package members

import (
	"os"

	"golang.org/x/sys/unix"
)

// nameless makes a file that only memory holds.
func nameless() (*os.File, error) {
	fd, err := unix.MemfdCreate("kagurazaka-member", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "member"), nil
}
