//go:build unix

package beat

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// mmap maps the page for the rest of the process's life.
func mmap(f *os.File) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, wire.BeatSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}
