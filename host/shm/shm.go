// Package shm makes memory that the processes of a run share, and says how much there is.
package shm

import (
	"fmt"
	"os"
)

// Memory is a sparse file that other processes may map: a page that nobody has touched costs nothing. It is gone once it
// is closed and nobody has it mapped.
type Memory struct {
	file *os.File
	path string
	size uint64
	// named: the file has a name, which is removed at the end.
	named bool
}

// New makes a memory of size bytes. dir is for a file where the system has no memory without a name.
func New(dir string, size uint64) (*Memory, error) {
	m, err := create(dir)
	if err != nil {
		return nil, fmt.Errorf("making shared memory: %w", err)
	}
	m.size = size
	if err := m.file.Truncate(int64(size)); err != nil {
		m.Close()
		return nil, fmt.Errorf("making shared memory of %d GiB (none of which is used yet): %w", size>>30, err)
	}
	return m, nil
}

// Path is where this process's children find the memory, as long as it is open.
func (m *Memory) Path() string { return m.path }

// Size in bytes.
func (m *Memory) Size() uint64 { return m.size }

// Close gives the memory up.
func (m *Memory) Close() {
	_ = m.file.Close()
	if m.named {
		_ = os.Remove(m.path)
	}
}
