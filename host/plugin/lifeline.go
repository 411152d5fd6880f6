package plugin

import (
	"fmt"
	"os"
	"sync"
)

// The lifeline is a pipe whose write end only this process has. Every process that the host starts holds the read end
// and ends when it reads EOF, which the kernel delivers however the host dies.
var lifelinePipe = sync.OnceValues(func() (ends [2]*os.File, err error) {
	ends[0], ends[1], err = os.Pipe()
	if err != nil {
		return ends, fmt.Errorf("making the lifeline pipe: %w", err)
	}
	return ends, nil
})

func lifeline() (*os.File, error) {
	ends, err := lifelinePipe()
	return ends[0], err
}
