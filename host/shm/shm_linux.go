package shm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func create(string) (*Memory, error) {
	fd, err := unix.MemfdCreate("kagurazaka", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	return &Memory{file: os.NewFile(uintptr(fd), path), Path: path}, nil
}

// Discard returns the pages of a part of the memory to the system. The part then reads as zeros.
func (m *Memory) Discard(offset, size uint64) error {
	return unix.Fallocate(int(m.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(offset), int64(size))
}
