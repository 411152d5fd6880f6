// Package stage has the types that the stages of a device task exchange. Package sdk serves the stages. Package sdk/cuda
// exports the types, and has the devices.
package stage

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Tensor is an array in host memory, in row-major order without gaps.
type Tensor struct {
	// Name is for Batch.Tensor, for the rules of a Collate and for trees (Nest). It may be empty. All items must have the same names.
	Name string
	// DType is the type of the elements by NumPy's name: "uint8", "int32", "float32", …
	DType string
	Shape []int
	// Data has the elements in the machine's byte order.
	Data []byte
}

// Fields is the result of Load for one item.
type Fields struct {
	// Tensors are the item's arrays. All items must have the same number of them, with the same DTypes. Shapes may differ.
	Tensors []Tensor
	// Info is any other value. Infer and Finish get it as JSON text.
	Info any
}

// Packed is one field of a whole batch: the items' arrays one after another, in device memory.
type Packed struct {
	// Name is that of the items' arrays, or for the sizes of padded ones NAME_lengths. Names that Infer gives its results reach Finish.
	Name  string
	DType string
	// Shapes has each item's shape.
	Shapes [][]int
	// Offsets has the byte offset of each item in Buffer, and then the end of the last one.
	Offsets []int
	Buffer  *Buffer
	// Host is the result of Load in host memory, for any device. Do not change it. It is nil for results of Infer.
	Host []byte
	// fill is an element of the padding; nil: the field is not padded.
	fill []byte
}

// Uniform reports whether all items have one shape.
func (p *Packed) Uniform() bool {
	return !slices.ContainsFunc(p.Shapes, func(s []int) bool { return !slices.Equal(s, p.Shapes[0]) })
}

// Batch is the input of Infer.
type Batch struct {
	// Len is the number of items, at least one.
	Len int
	// Tensors are the fields of Load, in its order, on the device.
	Tensors []Packed
	// Info is the Info of Load for each item, or nil.
	Info []json.RawMessage
}

// Tensor returns the field of a name.
func (b *Batch) Tensor(name string) (*Packed, error) {
	for f := range b.Tensors {
		if b.Tensors[f].Name == name {
			return &b.Tensors[f], nil
		}
	}
	return nil, fmt.Errorf("the batch has no array with the name %q; it has %s", name, named(b.Tensors))
}

// Output is the input of Finish for one item.
type Output struct {
	// Tensors has the item's part of the result of Infer. The memory is shared: do not change or keep it.
	Tensors []Tensor
	// Info is the Info of Load.
	Info json.RawMessage
}

// Buffer is device memory. It belongs to the batch and is reused after it.
type Buffer struct {
	// Size is in bytes.
	Size int
	// Host is the memory on the CPU device, nil on others.
	Host []byte
	// Address is the address on a CUDA device.
	Address uint64
}

// Function is a kernel of a module, for Device.Launch.
type Function interface{ Name() string }

// Device is the device of Infer. Only the goroutine that called Infer may use it, and only during that call.
type Device interface {
	// String is "cpu" or "cuda:N".
	String() string
	// CUDA reports whether the device runs kernels. If not, buffers have Host, and Infer computes in Go.
	CUDA() bool
	// Alloc returns memory for the batch, not cleared. It returns a *MemoryError if none is left.
	Alloc(size int) (*Buffer, error)
	// Upload returns memory for the batch with a copy of data, for later launches.
	Upload(data []byte) (*Buffer, error)
	// Function finds a kernel in a module of PTX. It loads each module once.
	Function(ptx, name string) (Function, error)
	// Launch starts a kernel, which runs after all earlier ones. Arguments are *Buffer (its address), int32, uint32, int64,
	// uint64, float32 and float64, as the kernel declares them.
	Launch(f Function, grid, block [3]int, sharedBytes int, args ...any) error
}

// MemoryError is the error of a device without enough free memory. The host retries with smaller batches.
type MemoryError struct {
	// Sizes in bytes, 0 if unknown.
	Wanted, Free, Total uint64
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("the device has no memory left: %d bytes were wanted, %d of %d are free", e.Wanted, e.Free, e.Total)
}

// LostError is the error of a device that this process can no longer use: it fell off the bus, or a kernel broke its
// context. The process has to end.
type LostError struct{ Err error }

func (e *LostError) Error() string { return "the device is lost to this process: " + e.Err.Error() }

// Unwrap returns the driver's error.
func (e *LostError) Unwrap() error { return e.Err }

// Backend is a Device with the methods for the SDK. Only one goroutine, locked to its thread, calls them, except Wait
// and Close.
type Backend interface {
	Device
	// Bind makes the device current on the calling thread.
	Bind() error
	// Begin starts a batch. All calls until End belong to it.
	Begin()
	// Send copies shared memory to the device, for later launches. It may return that memory itself.
	Send(host []byte) (*Buffer, error)
	// Receive copies the results of the launches so far into shared memory.
	Receive(host []byte, from *Buffer) error
	// End returns the batch for Wait. It is also called after an error.
	End() any
	// Wait waits for the end of a batch, in any goroutine. After a *LostError, all later batches fail.
	Wait(batch any) error
	// Recycle frees the memory of a batch, after Wait.
	Recycle(batch any)
	Close()
}

// Open opens a device by its name. sdk/cuda sets it: a plugin with device tasks must link that package.
var Open func(name string) (Backend, error)

var sizes = map[string]int{
	"bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "float16": 2, "bfloat16": 2, "uint32": 4, "int32": 4, "float32": 4,
	"uint64": 8, "int64": 8, "float64": 8,
}

// ByteSize is the size of an array in bytes.
func ByteSize(dtype string, shape []int) (int, error) {
	n, known := sizes[dtype]
	if !known {
		return 0, fmt.Errorf("unknown element type %q: use NumPy's names, such as uint8, int32 and float32", dtype)
	}
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("the shape %v has a negative side", shape)
		}
		n *= d
	}
	return n, nil
}
