package backbones

import "time"

// StageFigures is how one stage of a pipeline has fared so far.
type StageFigures struct {
	Name string
	// Workers is how many there are at most, Busy how many have work.
	Workers, Busy int
	// Items and Batches are what was concluded.
	Items, Batches int64
	// Work is the time that workers spent on them, all workers together.
	Work time.Duration
	// Open is for how long the stage has been open: since its first worker was ready.
	Open time.Duration
}

// Stages is how the stages of a pipeline have fared so far.
type Stages struct {
	Load, Device, Finish StageFigures
	// WaitInput is how long devices had nothing to do for want of loaded batches, all devices together; WaitOutput how
	// long for want of room for what they make.
	WaitInput, WaitOutput time.Duration
	// Steady is items a second from the first batch that is done to the last, without the first one's; 0: not known.
	Steady float64
}
