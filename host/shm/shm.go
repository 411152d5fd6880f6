// Package shm makes memory that the processes of a run share, and measures the available memory.
package shm

import (
	"fmt"
	"os"
)

// Memory is a sparse file that other processes may map. Only used pages cost memory. The system frees it once it is closed and no
// process has it mapped.
type Memory struct {
	// Path is its path for this process's children, until Close.
	Path string
	// Size in bytes.
	Size uint64

	file *os.File
	// named marks a file with a name, which Close removes.
	named bool
}

// New makes a memory of size bytes. dir is for the file, on systems without anonymous files.
func New(dir string, size uint64) (*Memory, error) {
	m, err := create(dir)
	if err != nil {
		return nil, fmt.Errorf("making shared memory: %w", err)
	}
	m.Size = size
	if err := m.file.Truncate(int64(size)); err != nil {
		m.Close()
		return nil, fmt.Errorf("making shared memory of %d GiB (not used yet): %w", size>>30, err)
	}
	return m, nil
}

// Close releases the memory.
func (m *Memory) Close() {
	_ = m.file.Close()
	if m.named {
		_ = os.Remove(m.Path)
	}
}
