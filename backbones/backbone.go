// Package backbones holds what the execution models have in common: the small interface between the run that drives
// them and the workers that do the work. A backbone knows neither templates nor gRPC.
package backbones

import (
	"context"
	"errors"
	"time"
)

// Backbone is an execution model with everything it needs to work on the items of one run. It is used once.
type Backbone interface {
	// Run dispatches everything that src yields and reports every outcome to sink, from one goroutine. It returns nil
	// when every item has its outcome (failed ones included), ErrDrained, ctx's error, the source's or the sink's
	// error, or why workers could not work; a *CloseError is joined to it where tasks could not be closed. When it returns,
	// all workers are gone.
	Run(ctx context.Context, src Source, sink Sink) error
	// Status may be called while Run is under way, and after it.
	Status() Status
}

// Status is what a backbone's workers do.
type Status struct {
	// Running workers are started, Busy ones have something in flight, Closing ones have no more work and close their task.
	Running, Busy, Closing int
	// Stages is how the stages of a pipeline have fared so far; nil where there are none.
	Stages *Stages
}

// ErrDrained is returned by Run when the run was told to stop before every item had its outcome.
var ErrDrained = errors.New("the run was interrupted")

// Encoding is how the items of a block are written down.
type Encoding int

const (
	// JSONLines separates JSON objects, none of which has a raw newline, by "\n".
	JSONLines Encoding = iota
	// Opaque is the plugin's own: a block can only be passed on whole.
	Opaque
	// Indexed blocks have no payload: their items are First … First+Count-1 of a list that the workers share.
	Indexed
)

// Block is a run of consecutive items, encoded together.
type Block struct {
	Encoding Encoding
	Count    int
	// Payload is not changed once the block was handed over.
	Payload []byte
	// First is the number of the block's first item among all that are listed, from 0. Blocks come in the order of their
	// numbers; numbers are left out where a source leaves items out.
	First uint64
	// Skip is how many items at the payload's start are not among the block's Count, nor are those after them; only an
	// opaque block, which cannot be divided, has such.
	Skip int
	// Keys are printable keys of opaque items; empty where they would have cost too much.
	Keys []string
	// ContentKeys are what opaque items are known by in a later run; empty: the payload stands for them.
	ContentKeys []uint64
	// Refused says of each item why it must not be begun; nil: all may. A backbone gets no such block.
	Refused []string
}

// Source yields the items to do.
type Source interface {
	// Next returns the next block, or io.EOF after the last. It is called by one goroutine at a time. A block without items
	// says that the next one comes when everything before it has its outcome.
	Next(ctx context.Context) (Block, error)
}

// Part is some items of one block.
type Part struct {
	Block Block
	// Skip items of the block are left out at its start, Take are taken after them.
	Skip, Take int
}

// Chunk is consecutive work for one worker.
type Chunk struct {
	ID uint64
	// Slot is the slot of the worker's heartbeat page that the chunk is reported in.
	Slot  int
	Parts []Part
	// Count is the number of items in all parts.
	Count int
}

// Fault says whose mistake a failure is.
type Fault int

// Whose mistake a failure can be.
const (
	FaultUnknown Fault = iota
	FaultUser
	FaultTask
	FaultKagurazaka
	FaultEnvironment
)

// Failure is why an item failed.
type Failure struct {
	Kind      FailureKind
	Message   string
	Traceback string
	// TypeName is the error's type in the plugin's language, where it has one.
	TypeName  string
	Retryable bool
	Fault     Fault
	// Worker is what the worker is called that reported the failure, or that died of it: "w3".
	Worker string
	// Attempts is how often the item was begun.
	Attempts int
	// Elapsed is how long the last attempt took; 0: not measured.
	Elapsed time.Duration
	// Log is the last of what the worker had written to its log when the failure became known, oldest first. It may be
	// of later items of the same chunk.
	Log []string
}

// FailureKind sorts failures for counting.
type FailureKind string

// The kinds a failure can have. They are part of the interface: ledgers and JSON output carry them.
const (
	// KindError is an error or exception of the task's own.
	KindError FailureKind = "error"
	// KindPanic is a Go panic or its like, which the worker survived.
	KindPanic FailureKind = "panic"
	// KindCrash is the death of the worker while it was on the item.
	KindCrash FailureKind = "crash"
	// KindTimeout is an item that took longer than it may; its worker was ended for it.
	KindTimeout FailureKind = "timeout"
	// KindLost is an item whose worker went away without anybody knowing what became of the item.
	KindLost FailureKind = "lost"
	// KindInvalidOutput is an item that the task called done although its output is not what the template says, or that was
	// not begun because its output may not lie where it would.
	KindInvalidOutput FailureKind = "invalid output"
)

// Result is what became of the items of one chunk.
type Result struct {
	ChunkID uint64
	Count   int
	// Skipped are positions in the chunk that the task's own check found finished.
	Skipped   []Range
	Failures  []ItemFailure
	Unwritten Unwritten
	// Busy is how long the worker worked on it; 0: unknown.
	Busy time.Duration
}

// Unwritten are items that are done without the output that the finish check looks for: the next run does them again.
type Unwritten struct {
	Count int
	// Expected is where one of them should have its output, and Found what is there instead; empty: nothing.
	Expected, Found string
}

// Range is Count positions from First.
type Range struct{ First, Count int }

// ItemFailure is the failure of the item at a position of a chunk.
type ItemFailure struct {
	Index   int
	Failure Failure
	// Item is the printable item where the host cannot read it.
	Item string
}
