package stage

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Map maps the shared memory for the rest of the process's life.
func Map(m *pb.SharedMemory) ([]byte, error) {
	f, err := os.OpenFile(m.GetPath(), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the memory that the stages share: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the memory that the stages share: %w", err)
	}
	if info.Size() < int64(m.GetSize()) || m.GetSize() == 0 {
		return nil, fmt.Errorf("the memory that the stages share has %d bytes, and %d are announced", info.Size(), m.GetSize())
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, int(m.GetSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes of memory that the stages share: %w", m.GetSize(), err)
	}
	return memory, nil
}

// Unmap lets go of it.
func Unmap(memory []byte) error { return unix.Munmap(memory) }
