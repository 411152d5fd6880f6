package backbones

import "fmt"

// Forked is a worker that was made by forking a process which may have had threads.
type Forked interface {
	// LostThreads is how many threads that process had beside the one that forked: the worker has none of them, and what
	// waits for one waits for ever.
	LostThreads() int
}

// WhyStill is what may keep a worker, of whatever kind, from its first item; empty: nothing is known.
func WhyStill(worker any) string {
	forked, ok := worker.(Forked)
	if !ok || forked.LostThreads() == 0 {
		return ""
	}
	threads := "threads"
	if forked.LostThreads() == 1 {
		threads = "thread"
	}
	return fmt.Sprintf("the worker was forked from a process with %d %s of the task's or of its libraries' (polars has such), which it does not have: "+
		"what waits for one of them waits for ever; --start_method spawn starts workers anew", forked.LostThreads(), threads)
}
