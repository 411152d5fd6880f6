// Package backbones has the interface between a run and the execution models that distribute its items to workers. A backbone knows
// neither templates nor gRPC.
package backbones

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// Backbone is an execution model with everything it needs to work on the items of one run. It is used once.
type Backbone interface {
	// Run dispatches the items of src and reports every outcome to sink, from one goroutine. It returns nil when every item has its
	// outcome (failed ones included), ErrDrained, the error of ctx, source or sink, or the reason why workers could not work. A
	// *CloseError is joined to it if tasks could not be closed. When it returns, all workers are gone.
	Run(ctx context.Context, src Source, sink Sink) error
	// Status may be called while Run is under way, and after it.
	Status() Status
}

// Status is what a backbone's workers do.
type Status struct {
	// Running workers are started, Busy ones have requests in flight, Closing ones have no more work and close their task.
	Running, Busy, Closing int
	// Stages are the figures of a pipeline's stages; nil without stages.
	Stages *Stages
	// Nodes are the machines that work on the run, in the order of their names; nil in a run on one machine.
	Nodes []NodeFigures
	// Seats are what the workers of this machine are on, in the order of their seats, if Policy.ShowSeats asks for it.
	Seats []Seat
}

// Seat is what a worker is on.
type Seat struct {
	// Worker is its name: "w3", "cuda:0".
	Worker string
	// Item is the item as text, or says what else it does; empty: it has no work. For is how long it has been at it.
	Item string
	For  time.Duration
	// Number is the item's number where Item is only that; Unnamed says so.
	Number  uint64
	Unnamed bool
}

// ErrDrained is Run's error when the run was stopped before every item had its outcome.
var ErrDrained = errors.New("the run was interrupted")

// Encoding is the encoding of a block's items.
type Encoding int

const (
	// JSONLines is JSON objects without raw newlines, separated by "\n".
	JSONLines Encoding = iota
	// Opaque is the plugin's own encoding. The host can only pass on a whole block.
	Opaque
	// Indexed blocks have no payload: their items are First … First+Count-1 of a list that the workers share.
	Indexed
)

// Block is a run of consecutive items, encoded together.
type Block struct {
	Encoding Encoding
	Count    int
	// Payload must not be changed after the block was passed on.
	Payload []byte
	// Marshal holds the same items in Python's marshal if a Python plugin sent them so: its workers read that three times as fast as
	// JSON. Empty where the payload is only a part of what the plugin sent.
	Marshal []byte
	// First is the number of the first item in the listing, from 0. No number comes twice. Blocks may come in any order, and items that a
	// source omits leave gaps.
	First uint64
	// Skip is the number of items at the start of the payload that do not belong to the block. Only an opaque block has them, because it
	// cannot be divided. Items after Skip and Count do not belong to it either.
	Skip int
	// Keys are printable names of opaque items; empty if they would cost too much.
	Keys []string
	// ContentKeys identify opaque items in a later run; empty: the payload does.
	ContentKeys []uint64
	// Refused is the reason why each item must not be started; nil: all may be. A backbone never gets such a block.
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
	// Next returns the next block, or io.EOF after the last. One goroutine calls it at a time. After a block without items, the next one
	// comes only when every item before it has its outcome.
	Next(ctx context.Context) (Block, error)
}

// Part is consecutive items of one block.
type Part struct {
	Block Block
	// Skip is the number of items before the part, Take the number of items in it.
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

// Fault is whose mistake a failure is.
type Fault int

// Whose mistake a failure can be.
const (
	FaultUnknown Fault = iota
	FaultUser
	FaultTask
	FaultKagurazaka
	FaultEnvironment
)

// Failure is the reason why an item failed.
type Failure struct {
	Kind      FailureKind
	Message   string
	Traceback string
	// TypeName is the error's type in the plugin's language, where it has one.
	TypeName  string
	Retryable bool
	Fault     Fault
	// Worker is the worker that reported the failure or died of it: "w3".
	Worker string
	// Attempts is the number of times the item was started.
	Attempts int
	// Elapsed is the duration of the last attempt; 0: not measured.
	Elapsed time.Duration
	// Log is the end of the worker's log, oldest line first. Lines may belong to later items of the chunk.
	Log []string
}

// FailureKind sorts failures for counting.
type FailureKind string

// The kinds of failures, as in ledgers and JSON output.
const (
	// KindError is an error or exception of the task.
	KindError FailureKind = "error"
	// KindPanic is a panic that the worker survived.
	KindPanic FailureKind = "panic"
	// KindCrash is the death of the worker on the item.
	KindCrash FailureKind = "crash"
	// KindTimeout is an item that took too long. The host ended its worker.
	KindTimeout FailureKind = "timeout"
	// KindLost is an item whose worker died before it reported the outcome.
	KindLost FailureKind = "lost"
	// KindInvalidOutput is an item whose output differs from the template, or has a forbidden path: such an item is never started.
	KindInvalidOutput FailureKind = "invalid output"
)

// Result is the outcomes of one chunk.
type Result struct {
	ChunkID uint64
	Count   int
	// Skipped are positions of items that the task's check found finished.
	Skipped   []Range
	Failures  []ItemFailure
	Unwritten Unwritten
	// Busy is the worker's time for it; 0: unknown.
	Busy time.Duration
}

// Unwritten counts items that are done without the output that the finish check looks for. The next run repeats them.
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
	// Item is the item as text if the host cannot read it.
	Item string
}
