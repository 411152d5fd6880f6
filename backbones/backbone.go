// Package backbones holds what the execution models have in common: the small interface between the run that drives
// them and the workers that do the work. A backbone knows neither templates nor gRPC.
package backbones

import (
	"bytes"
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
	// JSONLines is JSON objects without raw newlines, separated by "\n".
	JSONLines Encoding = iota
	// Opaque is the plugin's own encoding: the host can only pass a block on whole.
	Opaque
	// Indexed blocks have no payload: their items are First … First+Count-1 of a list that the workers share.
	Indexed
)

// Block is a run of consecutive items, encoded together.
type Block struct {
	Encoding Encoding
	Count    int
	// Payload must not be changed once the block is handed over.
	Payload []byte
	// Marshal holds the same items in Python's marshal if a Python plugin sent them so: its workers read that three times as fast as
	// JSON. Empty where the payload is only a part of what the plugin sent.
	Marshal []byte
	// First is the number of the first item in the listing, from 0. Blocks come in order; a source that leaves items out leaves
	// their numbers out.
	First uint64
	// Skip is the number of items at the start of the payload that do not belong to the block. Only an opaque block, which cannot be
	// divided, has them. What follows Skip and Count does not belong to it either.
	Skip int
	// Keys are printable names of opaque items; empty where they would have cost too much.
	Keys []string
	// ContentKeys identify opaque items in a later run; empty: their payload does.
	ContentKeys []uint64
	// Refused is, for each item, why it must not be started; nil: all may be. A backbone never gets such a block.
	Refused []string
}

// Detached returns the block with a copy of its JSON. A piece of a block otherwise keeps the whole of it in memory.
func (b Block) Detached() Block {
	if b.Encoding == JSONLines {
		b.Payload, b.Marshal = bytes.Clone(b.Payload), nil
	}
	return b
}

// Source yields the items to do.
type Source interface {
	// Next returns the next block, or io.EOF after the last. One goroutine calls it at a time. A block without items says that the
	// next one comes only when every item before it has its outcome.
	Next(ctx context.Context) (Block, error)
}

// Part is consecutive items of one block.
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
	// Worker is the name of the worker that reported the failure or died of it: "w3".
	Worker string
	// Attempts is the number of times the item was started.
	Attempts int
	// Elapsed is how long the last attempt took; 0: not measured.
	Elapsed time.Duration
	// Log is the end of the worker's log when the failure became known, oldest line first. Lines may belong to later items of the
	// chunk.
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
	// KindLost is an item whose worker went away before it reported the outcome.
	KindLost FailureKind = "lost"
	// KindInvalidOutput is an item whose output is not what the template says, or would lie where it must not; the latter is never
	// started.
	KindInvalidOutput FailureKind = "invalid output"
)

// Result is the outcomes of one chunk.
type Result struct {
	ChunkID uint64
	Count   int
	// Skipped are positions of items that the task's own check found finished.
	Skipped   []Range
	Failures  []ItemFailure
	Unwritten Unwritten
	// Busy is how long the worker worked on it; 0: unknown.
	Busy time.Duration
}

// Unwritten counts items that are done but lack the output that the finish check looks for. The next run does them again.
type Unwritten struct {
	Count int
	// Expected is the output path of one of them, Found the file that was written instead; empty: none.
	Expected, Found string
}

// Range is Count positions from First.
type Range struct{ First, Count int }

// ItemFailure is the failure of the item at a position of a chunk.
type ItemFailure struct {
	Index   int
	Failure Failure
	// Item is the item as text, where the host cannot read it.
	Item string
}
