package backbones

import "fmt"

// CloseError says that tasks could not be closed: what they still had to write may be lost.
type CloseError struct {
	// Workers is how many workers could not close their task.
	Workers int
	// First is about the first of them.
	First error
}

func (e *CloseError) Error() string {
	if e.Workers == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d workers did not close their task; the first: %v", e.Workers, e.First)
}

func (e *CloseError) Unwrap() error { return e.First }
