package backbones

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Forked is a worker that was made by forking a process which may have had threads.
type Forked interface {
	// LostThreads is the number of other threads of that process. The worker lacks them: what waits for one waits for ever.
	LostThreads() int
}

// WhyStill returns what may keep a worker from its first item; empty: nothing is known.
func WhyStill(worker any) string {
	forked, ok := worker.(Forked)
	if !ok || forked.LostThreads() == 0 {
		return ""
	}
	return fmt.Sprintf("the worker was forked from a process with %s of the task's or of its libraries' (polars has such), which it does not have: "+
		"what waits for one of them waits for ever; --start_method spawn starts workers anew", count.Of(forked.LostThreads(), "thread"))
}
