//go:build !linux

package shm

import "os"

func create(dir string) (*Memory, error) {
	f, err := os.CreateTemp(dir, "memory-")
	if err != nil {
		return nil, err
	}
	return &Memory{file: f, Path: f.Name(), named: true}, nil
}

// Discard does nothing here: Close returns the pages.
func (m *Memory) Discard(_, _ uint64) error { return nil }
