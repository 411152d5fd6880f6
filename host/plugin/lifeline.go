package plugin

import (
	"fmt"
	"os"
	"sync"
)

// lifeline returns the read end of a pipe whose write end only this process has. Every process that the host starts holds the read
// end, and ends when it reads EOF, which the kernel delivers however the host dies.
var lifeline = sync.OnceValues(func() (read *os.File, err error) {
	if read, lifelineWrite, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("making the lifeline pipe: %w", err)
	}
	return read, nil
})

// lifelineWrite is never closed.
var lifelineWrite *os.File
