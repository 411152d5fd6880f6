package backbones

import "time"

// StageFigures are the figures of one stage of a pipeline so far.
type StageFigures struct {
	Name string
	// Workers is the most that there can be, Busy the number that have work.
	Workers, Busy int
	// Items and Batches have outcomes.
	Items, Batches int64
	// Work is the time of all workers for them.
	Work time.Duration
	// Open is the time since the stage's first worker was ready.
	Open time.Duration
}

// Stages are the figures of all stages of a pipeline so far.
type Stages struct {
	Load, Device, Finish StageFigures
	// WaitInput is the time that all devices waited for loaded batches, WaitOutput the time that they waited for room for results.
	WaitInput, WaitOutput time.Duration
	// Steady is items per second from the end of the first batch to that of the last, without the first; 0: not known.
	Steady float64
}
