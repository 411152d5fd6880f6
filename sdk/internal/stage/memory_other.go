//go:build !unix

package stage

import (
	"errors"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Map fails: there is no such memory on this system.
func Map(*pb.SharedMemory) ([]byte, error) {
	return nil, errors.New("device tasks need memory that processes share, which this system does not have")
}

// Unmap does nothing.
func Unmap([]byte) error { return nil }
