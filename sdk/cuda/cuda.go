// Package cuda is for device tasks in Go: tasks whose items are loaded on the CPU, made up into batches, worked on by a
// GPU, and finished on the CPU, each in processes of its own that the host keeps busy.
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
// The device is a CUDA device where the plugin was built with the tag cuda (docs/design/cuda-agent.md says how, on a machine
// without CUDA), or the CPU with --device cpu: Infer asks Device.CUDA which it is. The SDK copies what Load made to the
// device and what Infer returned back from it, on streams of their own beside the computing of other batches, through
// shared memory that is pinned.
package cuda

import (
	"context"
	"runtime"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// Stages is what a device task implements. A new T is made in each process; Opener is told in Env.Stage which one it is.
type Stages interface {
	// Load makes one item's arrays of its input. It runs in as many processes as the user says (--num_load). An error is the
	// item's failure.
	Load(ctx context.Context, item sdk.Item) (Fields, error)
	// Infer works on one batch. What it launches runs in order; it need not wait for it. It is called in one process for each
	// device, always in the same thread. An error fails the batch, which the host then tries in halves; *MemoryError also
	// makes the batches smaller with --batch_size auto.
	Infer(ctx context.Context, device Device, batch *Batch) ([]Packed, error)
	// Finish makes an item's output of its part of the result. It runs in processes of its own (--num_postprocess). Outputs are
	// written and committed as in Process.
	Finish(ctx context.Context, item sdk.Item, output *Output) error
}

// What the stages pass on.
type (
	// Tensor is an array in the host's memory.
	Tensor = stage.Tensor
	// Fields is what Load makes of one item.
	Fields = stage.Fields
	// Packed is one field of a whole batch, on the device.
	Packed = stage.Packed
	// Batch is what Infer works on.
	Batch = stage.Batch
	// Output is what Finish gets for one item.
	Output = stage.Output
)

// What Infer works with.
type (
	// Device runs kernels, or is the CPU.
	Device = stage.Device
	// Buffer is memory of a device.
	Buffer = stage.Buffer
	// Function is a kernel.
	Function = stage.Function
	// MemoryError says that a device has no memory left.
	MemoryError = stage.MemoryError
)

// Bytes returns n bytes for an array that Load makes, given Load's context. They are not cleared, and are the batch's: Load must not keep
// them. A task that makes one such array an item writes it to where the device takes it from.
func Bytes(ctx context.Context, n int) []byte { return stage.Bytes(ctx, n) }

// New returns a field with memory on a device for items of the given shapes.
func New(device Device, dtype string, shapes [][]int) (Packed, error) {
	p := Packed{DType: dtype, Shapes: shapes}
	if err := p.SetOffsets(); err != nil {
		return p, err
	}
	var err error
	p.Buffer, err = device.Alloc(p.Offsets[len(shapes)])
	return p, err
}

// View returns the elements of bytes that are an array of T, as a Tensor's Data or a Buffer's Host. It panics when they are not whole
// elements, or not aligned.
func View[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64](b []byte) []T {
	return view[T](b)
}

// Raw returns the bytes of an array, for a Tensor's Data. They are the array's memory.
func Raw[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64](s []T) []byte {
	return raw(s)
}

// Opened is a device without a host, for tests and measurements of what Infer does. It is for the goroutine that opened it, which is locked to its
// thread until Close.
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

// Batch calls f as Infer is called, and waits until what it started is through. read copies from a buffer what was computed before; the bytes are
// there when Batch returns. The batch's memory stays until release is called.
func (o *Opened) Batch(f func(device Device, read func(to []byte, from *Buffer) error) error) (release func(), err error) {
	o.backend.Begin()
	err = f(o.backend, o.backend.Receive)
	ticket := o.backend.End()
	if waited := o.backend.Wait(ticket); err == nil {
		err = waited
	}
	return func() { o.backend.Recycle(ticket) }, err
}

// Close lets go of the device.
func (o *Opened) Close() {
	o.backend.Close()
	runtime.UnlockOSThread()
}
