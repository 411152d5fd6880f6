//go:build cuda && linux

package cuda

// #include <cuda.h>
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// gpu is a CUDA device. It has three streams, so that it copies one batch to the device, computes a second and copies a
// third back at the same time.
type gpu struct {
	index   int
	device  cu.Device
	context cu.CUContext

	up, compute, down cu.Stream
	pinned            pinned
	pool              pool
	staging           [][]byte
	modules           map[string]cu.Module
	functions         map[[2]string]*function
	batch             *gpuBatch
}

// gpuBatch is the state of one batch.
type gpuBatch struct {
	buffers []*block
	staged  [][]byte
	// sent: the compute stream must wait for the up stream.
	sent bool
	// done is recorded after the batch's last copy.
	done   cu.Event
	events []cu.Event
	err    error
}

type function struct {
	name   string
	kernel cu.Function
}

func (f *function) Name() string { return f.name }

// openCUDA opens a device. It loads the driver, which the start of the program does not: docs/design/cuda-agent.md.
func openCUDA(index int) (stage.Backend, error) {
	switch code := C.cuInit(0); code {
	case C.CUDA_SUCCESS:
	case C.CUDA_ERROR_SHARED_OBJECT_INIT_FAILED:
		return nil, errors.New("this machine has no CUDA driver: libcuda.so.1 could not be loaded; run with --device cpu")
	default:
		return nil, fmt.Errorf("the CUDA driver does not start: %w", failed("cuInit", code))
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("counting the CUDA devices: %w", err)
	}
	if index >= n {
		return nil, fmt.Errorf("no device cuda:%d: this machine has %d", index, n)
	}
	g := &gpu{index: index, modules: map[string]cu.Module{}, functions: map[[2]string]*function{}}
	if g.device, err = cu.GetDevice(index); err != nil {
		return nil, fmt.Errorf("opening cuda:%d: %w", index, err)
	}
	if g.context, err = g.device.RetainPrimaryCtx(); err != nil {
		return nil, fmt.Errorf("making a context on cuda:%d: %w", index, err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := g.Bind(); err != nil {
		return nil, err
	}
	for _, s := range []*cu.Stream{&g.up, &g.compute, &g.down} {
		if *s, err = cu.MakeStream(cu.NonBlocking); err != nil {
			return nil, fmt.Errorf("making a stream on cuda:%d: %w", index, err)
		}
	}
	return g, nil
}

// failed is the error of a CUDA call that gorgonia.org/cu lacks, with the driver's message.
func failed(call string, code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	var text *C.char
	C.cuGetErrorString(code, &text)
	if text == nil {
		return fmt.Errorf("%s: CUDA error %d", call, int(code))
	}
	return fmt.Errorf("%s: %s (CUDA error %d)", call, C.GoString(text), int(code))
}

func (g *gpu) String() string { return fmt.Sprintf("cuda:%d", g.index) }
func (*gpu) CUDA() bool       { return true }

func (g *gpu) Bind() error {
	if err := cu.SetCurrentContext(g.context); err != nil {
		return fmt.Errorf("making cuda:%d current: %w", g.index, err)
	}
	return nil
}

func (g *gpu) Begin() { g.batch = &gpuBatch{} }

func (g *gpu) Alloc(size int) (*Buffer, error) {
	b, err := g.pool.take(size)
	if err != nil {
		return nil, err
	}
	g.batch.buffers = append(g.batch.buffers, b)
	return &Buffer{Size: size, Address: uint64(b.at)}, nil
}

// copyUp copies host memory to the device, on the up stream.
func (g *gpu) copyUp(to uint64, from []byte) error {
	err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(unsafe.SliceData(from)), int64(len(from)), g.up)
	if err != nil {
		return fmt.Errorf("copying %d bytes to cuda:%d: %w", len(from), g.index, err)
	}
	g.batch.sent = true
	return nil
}

// Send copies shared memory, and pins it.
func (g *gpu) Send(host []byte) (*Buffer, error) {
	b, err := g.Alloc(len(host))
	if err != nil || len(host) == 0 {
		return b, err
	}
	at := uint64(0)
	for _, piece := range g.pinned.pieces(host) {
		if err := g.copyUp(b.Address+at, piece); err != nil {
			return nil, err
		}
		at += uint64(len(piece))
	}
	return b, nil
}

func (g *gpu) Upload(data []byte) (*Buffer, error) {
	b, err := g.Alloc(len(data))
	if err != nil || len(data) == 0 {
		return b, err
	}
	staged, err := g.stage(len(data))
	if err != nil {
		return nil, err
	}
	copy(staged, data)
	return b, g.copyUp(b.Address, staged[:len(data)])
}

// order makes the later work of one stream wait for the work so far of another.
func (g *gpu) order(first, then cu.Stream) error {
	e, err := cu.MakeEvent(cu.DisableTiming)
	if err != nil {
		return fmt.Errorf("making an event on cuda:%d: %w", g.index, err)
	}
	g.batch.events = append(g.batch.events, e)
	if err := e.Record(first); err != nil {
		return fmt.Errorf("recording an event on cuda:%d: %w", g.index, err)
	}
	if err := then.Wait(e, 0); err != nil {
		return fmt.Errorf("waiting for an event on cuda:%d: %w", g.index, err)
	}
	return nil
}

// arrived makes the compute stream wait for the copies to the device.
func (g *gpu) arrived() error {
	if !g.batch.sent {
		return nil
	}
	g.batch.sent = false
	return g.order(g.up, g.compute)
}

func (g *gpu) Function(ptx, name string) (Function, error) {
	key := [2]string{ptx, name}
	if f, ok := g.functions[key]; ok {
		return f, nil
	}
	m, ok := g.modules[ptx]
	if !ok {
		var err error
		if m, err = cu.LoadData(ptx); err != nil {
			return nil, fmt.Errorf("compiling the kernels for cuda:%d: %w", g.index, err)
		}
		g.modules[ptx] = m
	}
	kernel, err := m.Function(name)
	if err != nil {
		return nil, fmt.Errorf("the module has no kernel %s: %w", name, err)
	}
	f := &function{name, kernel}
	g.functions[key] = f
	return f, nil
}

func (g *gpu) Launch(f Function, grid, block [3]int, sharedBytes int, args ...any) error {
	kernel, ok := f.(*function)
	if !ok {
		return errors.New("the kernel belongs to another device")
	}
	if err := g.arrived(); err != nil {
		return err
	}
	values := make([]uint64, len(args))
	pointers := make([]unsafe.Pointer, len(args))
	for i, arg := range args {
		v, err := parameter(arg)
		if err != nil {
			return fmt.Errorf("argument %d of %s: %w", i, kernel.name, err)
		}
		values[i] = v
		pointers[i] = unsafe.Pointer(&values[i])
	}
	err := kernel.kernel.Launch(grid[0], grid[1], grid[2], block[0], block[1], block[2], sharedBytes, g.compute, pointers)
	if err != nil {
		return fmt.Errorf("launching %s on cuda:%d: %w", kernel.name, g.index, err)
	}
	return nil
}

func (g *gpu) Receive(host []byte, from *Buffer) error {
	if err := g.arrived(); err != nil {
		return err
	}
	if err := g.order(g.compute, g.down); err != nil {
		return err
	}
	at := uint64(0)
	for _, piece := range g.pinned.pieces(host) {
		err := cu.MemcpyDtoHAsync(unsafe.Pointer(unsafe.SliceData(piece)), cu.DevicePtr(from.Address+at), int64(len(piece)), g.down)
		if err != nil {
			return fmt.Errorf("copying %d bytes from cuda:%d: %w", len(piece), g.index, err)
		}
		at += uint64(len(piece))
	}
	return nil
}

// End records the event that Wait waits for: the end of the batch's work on all three streams.
func (g *gpu) End() any {
	b := g.batch
	b.err = cmp.Or(g.arrived(), g.order(g.compute, g.down))
	done, err := cu.MakeEvent(cu.DisableTiming | cu.BlockingSyncEvent)
	if err == nil {
		b.done = done
		b.events = append(b.events, done)
		err = done.Record(g.down)
	}
	b.err = cmp.Or(b.err, err)
	return b
}

func (g *gpu) Wait(batch any) error {
	b := batch.(*gpuBatch)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := g.Bind(); err != nil {
		return err
	}
	if b.err != nil {
		// Without the event, all queued work must end before the memory is reused.
		if err := cu.Synchronize(); err != nil {
			return &stage.LostError{Err: fmt.Errorf("cuda:%d: %w", g.index, err)}
		}
		return b.err
	}
	if err := b.done.Synchronize(); err != nil {
		return &stage.LostError{Err: fmt.Errorf("computing on cuda:%d: %w", g.index, err)}
	}
	return nil
}

func (g *gpu) Recycle(batch any) {
	b := batch.(*gpuBatch)
	g.pool.free = append(g.pool.free, b.buffers...)
	g.staging = append(g.staging, b.staged...)
	for _, e := range b.events {
		_ = cu.DestroyEvent(&e)
	}
	*b = gpuBatch{}
}

// Close leaves the rest to the driver, which frees it at the end of the process.
func (g *gpu) Close() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if g.Bind() == nil {
		_ = cu.Synchronize()
		g.pinned.close()
	}
}
