package cuda

import (
	"errors"
	"fmt"
	"slices"
)

// cpu is the device without kernels: buffers are memory of the process, and Infer computes in Go.
type cpu struct {
	batch *cpuBatch
	free  [][]byte
}

// cpuBatch is the memory of one batch.
type cpuBatch struct{ taken [][]byte }

func (*cpu) String() string { return "cpu" }
func (*cpu) CUDA() bool     { return false }
func (*cpu) Bind() error    { return nil }
func (c *cpu) Begin()       { c.batch = &cpuBatch{} }
func (c *cpu) End() any     { return c.batch }
func (*cpu) Wait(any) error { return nil }
func (*cpu) Close()         {}

func (c *cpu) Recycle(batch any) {
	if b, ok := batch.(*cpuBatch); ok {
		c.free = append(c.free, b.taken...)
		b.taken = nil
		// The memory of the last batches is enough for the next.
		c.free = c.free[max(0, len(c.free)-16):]
	}
}

func (c *cpu) Alloc(size int) (*Buffer, error) {
	if size < 0 {
		return nil, fmt.Errorf("the size of a buffer is %d; it must not be negative", size)
	}
	var b []byte
	if i := slices.IndexFunc(c.free, func(b []byte) bool { return cap(b) >= size && cap(b) <= 2*size+4096 }); i >= 0 {
		b = c.free[i][:size]
		c.free = slices.Delete(c.free, i, i+1)
	} else {
		b = make([]byte, size)
	}
	c.batch.taken = append(c.batch.taken, b)
	return &Buffer{Size: size, Host: b}, nil
}

func (c *cpu) Upload(data []byte) (*Buffer, error) {
	b, err := c.Alloc(len(data))
	if err == nil {
		copy(b.Host, data)
	}
	return b, err
}

// Send returns the shared memory itself.
func (*cpu) Send(host []byte) (*Buffer, error) { return &Buffer{Size: len(host), Host: host}, nil }

func (*cpu) Receive(host []byte, from *Buffer) error {
	copy(host, from.Host[:len(host)])
	return nil
}

var errNoKernels = errors.New("the CPU cannot run kernels: check Device.CUDA first")

func (*cpu) Function(string, string) (Function, error) { return nil, errNoKernels }

func (*cpu) Launch(Function, [3]int, [3]int, int, ...any) error { return errNoKernels }
