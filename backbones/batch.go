package backbones

import (
	"context"
	"time"
)

// Batch is some items on their way through the stages of a device task.
type Batch struct {
	ID    uint64
	Parts []Part
	// Count is the number of items in all parts.
	Count int
	// Region is where the stage writes its tensors. Its size is 0 where the stage writes none.
	Region Region
	// Loaded is what loading made, Result what the device made; nil before that.
	Loaded, Result *Payload
}

// Region is a part of the shared memory, in bytes.
type Region struct{ Offset, Size uint64 }

// Payload is what one stage hands to the next. It is not changed once it was handed over.
type Payload struct {
	Tensors []Tensor
	// Rest is everything else, in an encoding of the plugin's own.
	Rest []byte
	// Used is how many bytes of the region are used, from its start.
	Used uint64
}

// Tensor lies contiguously in shared memory, Offset bytes from its start.
type Tensor struct {
	DType  string
	Shape  []uint64
	Offset uint64
}

// BatchResult is a stage's answer to a batch. An item that is named nowhere goes on, or is done behind the last stage.
type BatchResult struct {
	ID    uint64
	Count int
	// Skipped are positions in the batch that the task's own check found finished.
	Skipped  []Range
	Failures []ItemFailure
	// Unwritten is the last stage's to tell.
	Unwritten Unwritten
	// Payload goes on to the next stage; nil where no item is left, and behind the last stage.
	Payload *Payload
	// Err says that the batch failed as a whole; nil: it did not.
	Err *BatchError
	// Busy is how long the worker worked on the batch.
	Busy time.Duration
}

// BatchError is why a batch failed as a whole.
type BatchError struct {
	Failure Failure
	// DeviceMemory: the device's memory is too small for the batch.
	DeviceMemory bool
	// Settled: smaller batches would hide what is wrong, so all items have failed with it.
	Settled bool
	// RegionWanted is set when the region was too small: how many bytes the batch needs.
	RegionWanted uint64
}

// StageWorker is a worker of one stage.
type StageWorker = Process[Batch, BatchResult]

// StageStarter starts the worker of a stage with the given index, which counts within the stage. A FatalError means that no
// worker can be started.
type StageStarter func(ctx context.Context, index int) (StageWorker, error)
