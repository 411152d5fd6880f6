package backbones

import "fmt"

// CloseError is the error for tasks that could not be closed: what they still had to write may be lost.
type CloseError struct {
	// Workers is the number of workers that could not close their task, First the error of the first.
	Workers int
	First   error
}

func (e *CloseError) Error() string {
	if e.Workers == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d workers did not close their task; the first: %v", e.Workers, e.First)
}

func (e *CloseError) Unwrap() error { return e.First }
