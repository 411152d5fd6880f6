// Package stage holds what the stages of a device task pass between them: package sdk serves them, package sdk/cuda shows them
// to authors and has the devices.
package stage

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Tensor is an array in the host's memory, in row-major order without gaps.
type Tensor struct {
	// DType is the elements' type as NumPy and PyTorch call it: "uint8", "int32", "float32", …
	DType string
	Shape []int
	// Data has the elements in the machine's byte order.
	Data []byte
}

// Fields is what Load makes of one item.
type Fields struct {
	// Tensors are the item's arrays. Every item has as many, and those at one position have one DType; their shapes may differ.
	Tensors []Tensor
	// Info is anything else, which travels as JSON. Infer and Finish get its text.
	Info any
}

// Packed is one field of a whole batch: the items' arrays one behind the other, in a device's memory.
type Packed struct {
	DType string
	// Shapes has each item's shape.
	Shapes [][]int
	// Offsets has where each item begins in Buffer, in bytes, and at its end where the last one ends.
	Offsets []int
	Buffer  *Buffer
	// Host is what Load made, in the host's memory, whatever the device is. It must not be changed. nil for what Infer made.
	Host []byte
}

// Uniform reports whether all items have one shape.
func (p *Packed) Uniform() bool {
	for _, s := range p.Shapes {
		if !slices.Equal(s, p.Shapes[0]) {
			return false
		}
	}
	return true
}

// Batch is what Infer works on.
type Batch struct {
	// Len is how many items there are, at least one.
	Len int
	// Tensors has the fields that Load made, in its order, on the device.
	Tensors []Packed
	// Info has what Load gave for each item, nil where it gave nothing.
	Info []json.RawMessage
}

// Output is what Finish gets for one item.
type Output struct {
	// Tensors has the item's part of what Infer returned. The memory is shared: it must not be changed or kept.
	Tensors []Tensor
	// Info is what Load gave.
	Info json.RawMessage
}

// Buffer is memory of a device. It is the batch's: it is used again when the batch is through.
type Buffer struct {
	// Size in bytes.
	Size int
	// Host is the memory itself on the CPU device, and nil on others.
	Host []byte
	// Address is where it lies in the memory of a CUDA device.
	Address uint64
}

// Function is a kernel of a module, for Device.Launch.
type Function interface{ Name() string }

// Device is what Infer works with. Its methods are for the goroutine that Infer was called in, during that call.
type Device interface {
	// String is "cpu" or "cuda:N".
	String() string
	// CUDA reports whether kernels can be launched; otherwise buffers have Host, and Infer computes by itself.
	CUDA() bool
	// Alloc returns memory of the batch's, not cleared. *MemoryError says that there is none left.
	Alloc(size int) (*Buffer, error)
	// Upload returns memory of the batch's with a copy of data; launches after it see it.
	Upload(data []byte) (*Buffer, error)
	// Function finds a kernel in a module of PTX. Modules are loaded once.
	Function(ptx, name string) (Function, error)
	// Launch starts a kernel behind everything that was started before. Arguments are *Buffer (its address), int32, uint32, int64,
	// uint64, float32 and float64, as the kernel declares them.
	Launch(f Function, grid, block [3]int, sharedBytes int, args ...any) error
}

// MemoryError says that a device has no memory left. The host tries with smaller batches.
type MemoryError struct {
	// Bytes; 0 where not known.
	Wanted, Free, Total uint64
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("the device has no memory left: %d bytes were wanted, %d of %d are free", e.Wanted, e.Free, e.Total)
}

// LostError says that a device does nothing any more in this process: it fell off the bus, or a kernel broke its context. The
// process has to end.
type LostError struct{ Err error }

func (e *LostError) Error() string { return "the device is lost to this process: " + e.Err.Error() }

// Unwrap returns what the driver said.
func (e *LostError) Unwrap() error { return e.Err }

// Backend is a Device as the SDK drives it. Everything but Wait and Close is called in one goroutine that is locked to
// its thread.
type Backend interface {
	Device
	// Bind makes the device the calling thread's.
	Bind() error
	// Begin starts a batch: what follows is its until End.
	Begin()
	// Send brings shared memory to the device; launches after it see it. It may return the memory itself.
	Send(host []byte) (*Buffer, error)
	// Receive copies what the launches so far made into shared memory.
	Receive(host []byte, from *Buffer) error
	// End returns what Wait waits for. It is called for a batch that failed, too.
	End() any
	// Wait returns when the batch is through, in any goroutine. *LostError says that none will be any more.
	Wait(batch any) error
	// Recycle takes back the memory of a batch that was waited for.
	Recycle(batch any)
	Close()
}

// Open opens a device by its name. sdk/cuda sets it; a plugin with device tasks links that.
var Open func(name string) (Backend, error)

var sizes = map[string]int{
	"bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "float16": 2, "bfloat16": 2, "uint32": 4, "int32": 4, "float32": 4,
	"uint64": 8, "int64": 8, "float64": 8,
}

// ByteSize is how many bytes an array takes.
func ByteSize(dtype string, shape []int) (int, error) {
	n, known := sizes[dtype]
	if !known {
		return 0, fmt.Errorf("there is no type %q of elements: the types are those of NumPy, uint8, int32, float32 and so on", dtype)
	}
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("the shape %v has a negative side", shape)
		}
		n *= d
	}
	return n, nil
}
