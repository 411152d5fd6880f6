package backbones

import (
	"context"
	"time"
)

// Batch is consecutive items on their way through the stages of a device task.
type Batch struct {
	ID    uint64
	Parts []Part
	// Count is the number of items in all parts.
	Count int
	// Region is the memory for the stage's tensors. Its size is 0 if the stage writes none.
	Region Region
	// Loaded is the result of loading, Result that of the device; nil before.
	Loaded, Result *Payload
}

// Region is a part of the shared memory, in bytes.
type Region struct{ Offset, Size uint64 }

// Payload is what one stage passes to the next. It must not be changed afterwards.
type Payload struct {
	Tensors []Tensor
	// Rest is everything else, in the plugin's own encoding.
	Rest []byte
	// Used is the number of used bytes of the region, from its start.
	Used uint64
}

// Tensor lies contiguously in shared memory, Offset bytes from its start.
type Tensor struct {
	DType  string
	Shape  []uint64
	Offset uint64
}

// BatchResult is a stage's answer to a batch. Items that it does not name continue; after the last stage they are done.
type BatchResult struct {
	ID    uint64
	Count int
	// Skipped are positions in the batch that the task's check found finished.
	Skipped  []Range
	Failures []ItemFailure
	// Unwritten is set by the last stage.
	Unwritten Unwritten
	// Payload is for the next stage; nil without items, and after the last stage.
	Payload *Payload
	// Err is set if the batch failed as a whole.
	Err *BatchError
	// Busy is the worker's time for the batch.
	Busy time.Duration
}

// BatchError is the reason why a batch failed as a whole.
type BatchError struct {
	Failure Failure
	// DeviceMemory: the device's memory is too small for the batch.
	DeviceMemory bool
	// Settled: all items have failed, because smaller batches would hide the fault.
	Settled bool
	// RegionWanted is the number of bytes that the batch needs if the region was too small.
	RegionWanted uint64
}

// StageWorker is a worker of one stage.
type StageWorker = Process[Batch, BatchResult]

// StageStarter starts the worker of a stage with an index within the stage. A FatalError means that no worker can be started.
type StageStarter func(ctx context.Context, index int) (StageWorker, error)
