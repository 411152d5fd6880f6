package plan

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// CollisionError says that two inputs would write one output. The run must not begin: one of the two would be lost.
type CollisionError struct {
	// First and Second are the two inputs: paths, or "item 17" for what has no path.
	First, Second string
	// Output is the path that both would write.
	Output string
}

// ExitCode is that of a wrong usage.
func (e *CollisionError) ExitCode() int { return exitcode.Usage }

func (e *CollisionError) Error() string {
	return fmt.Sprintf("two inputs would write one output %s: %s and %s; hint: another output mode keeps them apart, or leave one of them out",
		e.Output, e.First, e.Second)
}

// Warning is something that listing met and went on from: a folder that cannot be read, a link that leads nowhere.
type Warning struct {
	// Path is what it is about; empty: the listing as a whole.
	Path string
	// Message is what it means for the run.
	Message string
	// Err is the cause, where there is one.
	Err error
	// Note says that nothing is wrong: the user may want to know it all the same.
	Note bool
}

// String returns the warning as one line.
func (w Warning) String() string {
	if w.Path == "" {
		return w.Message
	}
	if w.Err == nil {
		return fmt.Sprintf("%s: %s", w.Path, w.Message)
	}
	return fmt.Sprintf("%s: %s (%v)", w.Path, w.Message, w.Err)
}
