package plan

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// CollisionError is about two inputs with one output. The run must not begin: one of the two results would be lost.
type CollisionError struct {
	// First and Second are the two inputs: paths, or "item 17" without a path.
	First, Second string
	// Output is the path of their output, or with Sample the key of their sample.
	Output string
	Sample bool
}

// ExitCode is that of a wrong usage.
func (e *CollisionError) ExitCode() int { return exitcode.Usage }

func (e *CollisionError) Error() string {
	if e.Sample {
		return fmt.Sprintf("two inputs would be one sample %s: %s and %s; hint: a sample has the input's path without its extension; leave one of them out", e.Output, e.First, e.Second)
	}
	return fmt.Sprintf("two inputs would write one output %s: %s and %s; hint: another output mode keeps them apart, or leave one of them out",
		e.Output, e.First, e.Second)
}

// Warning is a problem that does not end a listing: a folder that cannot be read, a link that leads nowhere.
type Warning struct {
	// Path is the folder or file with the problem; empty: the listing as a whole has it.
	Path string
	// Message is the consequence for the run.
	Message string
	// Err is the cause; may be nil.
	Err error
	// Note: nothing is wrong, but the user may want to know.
	Note bool
}

// String returns the warning as one line, without its cause.
func (w Warning) String() string {
	if w.Path == "" {
		return w.Message
	}
	return w.Path + ": " + w.Message
}
