// Package cuda is for device tasks in Go: their items are loaded on the CPU, computed in batches on a GPU, and finished on
// the CPU. Each of the three stages has its own processes.
//
// A device task is an sdk.Task whose type has the methods of Stages instead of Process:
//
//	type Classify struct{ Threshold float32 }
//
//	func (c *Classify) Load(ctx context.Context, item sdk.Item) (cuda.Fields, error)
//	func (c *Classify) Infer(ctx context.Context, device cuda.Device, batch *cuda.Batch) ([]cuda.Packed, error)
//	func (c *Classify) Finish(ctx context.Context, item sdk.Item, output *cuda.Output) error
//
//	var task = sdk.Task[Classify]{Template: &sdk.Template{…, BatchSize: 64}}
//
//	func main() { sdk.Serve(task) }
//
// Arrays of different shapes are laid out one after another in a batch. A task that also has the method of Collater can have them padded, or
// demand that they are equal. Nest and Unnest are for items that are trees of arrays.
//
// The device is the CPU with --device cpu, and a CUDA device otherwise: Device.CUDA tells Infer which it is. CUDA devices
// need a plugin built with the tag cuda (docs/design/cuda-agent.md describes how to build on a machine without CUDA). The
// SDK copies the results of Load to the device and those of Infer back, through pinned memory, while the device computes
// other batches.
package cuda

import (
	"cmp"
	"context"
	"runtime"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// Stages is the interface of a device task. Each process makes a new T. Env.Stage tells Opener which stage it is.
type Stages interface {
	// Load makes an item's arrays from its input. --num_load is the number of its processes. After an error the item has
	// failed.
	Load(ctx context.Context, item sdk.Item) (Fields, error)
	// Infer computes one batch. Its launches run in order, and it need not wait for them. It runs in one process per device,
	// always in the same thread. After an error the host tries the two halves of the batch. After a *MemoryError,
	// --batch_size auto also makes the following batches smaller.
	Infer(ctx context.Context, device Device, batch *Batch) ([]Packed, error)
	// Finish makes an item's output from its part of the result. --num_postprocess is the number of its processes. Outputs
	// are staged as in Process.
	Finish(ctx context.Context, item sdk.Item, output *Output) error
}

// The data of the stages.
type (
	// Tensor is an array in host memory.
	Tensor = stage.Tensor
	// Fields is the result of Load for one item.
	Fields = stage.Fields
	// Packed is one field of a whole batch, on the device.
	Packed = stage.Packed
	// Batch is the input of Infer.
	Batch = stage.Batch
	// Output is the input of Finish for one item.
	Output = stage.Output
)

// The device of Infer.
type (
	// Device runs kernels, or is the CPU.
	Device = stage.Device
	// Buffer is device memory.
	Buffer = stage.Buffer
	// Function is a kernel.
	Function = stage.Function
	// MemoryError is the error of a device without enough free memory.
	MemoryError = stage.MemoryError
)

// Bytes returns n bytes for an array of Load, given Load's context. They are not cleared, and belong to the batch: Load
// must not keep them. An item's first such array is in the memory from which the SDK copies to the device.
func Bytes(ctx context.Context, n int) []byte { return stage.Bytes(ctx, n) }

// New returns a field with device memory for items of the given shapes.
func New(device Device, dtype string, shapes [][]int) (Packed, error) {
	p := Packed{DType: dtype, Shapes: shapes}
	if err := p.SetOffsets(); err != nil {
		return p, err
	}
	var err error
	p.Buffer, err = device.Alloc(p.Offsets[len(shapes)])
	return p, err
}

// Opened is a device without a host, for tests and benchmarks of Infer. Only the goroutine that opened it may use it: it is
// locked to its thread until Close.
type Opened struct{ backend stage.Backend }

// OpenDevice opens "cpu" or "cuda:N".
func OpenDevice(name string) (*Opened, error) {
	b, err := openDevice(name)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	if err := b.Bind(); err != nil {
		runtime.UnlockOSThread()
		b.Close()
		return nil, err
	}
	return &Opened{b}, nil
}

// Batch calls f with a device, as the SDK calls Infer, and waits for everything that f started. read copies the earlier
// results in a buffer; the copy is complete when Batch returns. release frees the batch's memory.
func (o *Opened) Batch(f func(device Device, read func(to []byte, from *Buffer) error) error) (release func(), err error) {
	o.backend.Begin()
	err = f(o.backend, o.backend.Receive)
	ticket := o.backend.End()
	return func() { o.backend.Recycle(ticket) }, cmp.Or(err, o.backend.Wait(ticket))
}

// Close closes the device.
func (o *Opened) Close() {
	o.backend.Close()
	runtime.UnlockOSThread()
}
