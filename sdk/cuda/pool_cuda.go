//go:build cuda && linux

package cuda

// #include <cuda.h>
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/cu"
)

// block is device memory. The driver's allocation waits for all work of the device, so pool keeps blocks.
type block struct {
	at   cu.DevicePtr
	size int
}

type pool struct{ free []*block }

// sizeClass rounds up to an eighth of a power of two, so that batches of similar size can use the same blocks.
func sizeClass(n int) int {
	step := 512
	for step*16 < n {
		step *= 2
	}
	return max((n+step-1)/step*step, 512)
}

func (p *pool) take(size int) (*block, error) {
	size = sizeClass(size)
	best := -1
	for i, b := range p.free {
		if b.size >= size && b.size <= 2*size && (best < 0 || b.size < p.free[best].size) {
			best = i
		}
	}
	if best >= 0 {
		b := p.free[best]
		p.free = slices.Delete(p.free, best, best+1)
		return b, nil
	}
	at, err := cu.MemAlloc(int64(size))
	if errors.Is(err, cu.OutOfMemory) && len(p.free) > 0 {
		for _, b := range p.free {
			_ = cu.MemFree(b.at)
		}
		p.free = nil
		at, err = cu.MemAlloc(int64(size))
	}
	if errors.Is(err, cu.OutOfMemory) {
		full := &MemoryError{Wanted: uint64(size)}
		if free, total, err := cu.MemInfo(); err == nil {
			full.Free, full.Total = uint64(free), uint64(total)
		}
		return nil, full
	}
	if err != nil {
		return nil, fmt.Errorf("taking %d bytes of the device's memory: %w", size, err)
	}
	return &block{at, size}, nil
}

// stage takes pinned memory of this process for the batch.
func (g *gpu) stage(size int) ([]byte, error) {
	size = sizeClass(size)
	var memory []byte
	if i := slices.IndexFunc(g.staging, func(b []byte) bool { return len(b) >= size }); i >= 0 {
		memory = g.staging[i]
		g.staging = slices.Delete(g.staging, i, i+1)
	} else {
		var at unsafe.Pointer
		if err := failed("cuMemHostAlloc", C.cuMemHostAlloc(&at, C.size_t(size), 0)); err != nil {
			return nil, err
		}
		memory = unsafe.Slice((*byte)(at), size)
	}
	g.batch.staged = append(g.batch.staged, memory)
	return memory, nil
}

// pinned is the registered part of the shared memory: ranges in order, without overlap. They stay registered until close.
type pinned struct {
	stretches []stretch
	// refused: the system does not pin more. Copies work, but slower.
	refused bool
}

type stretch struct{ from, to uintptr }

// grain is the size to which registered ranges are rounded up.
const grain = 2 << 20

// pieces registers memory that is not yet registered, and cuts it at the ends of registered ranges: a copy must not cross
// them.
func (p *pinned) pieces(host []byte) [][]byte {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(host)))
	from, to := base, base+uintptr(len(host))
	if !p.refused {
		p.register(from, to)
	}
	var out [][]byte
	for from < to {
		end := to
		for _, s := range p.stretches {
			switch {
			case s.from <= from && from < s.to:
				end = min(end, s.to)
			case from < s.from:
				end = min(end, s.from)
			}
		}
		out = append(out, host[from-base:end-base])
		from = end
	}
	return out
}

func (p *pinned) register(from, to uintptr) {
	need := (to + 4095) &^ 4095
	from, to = from&^4095, (to+grain-1)&^(grain-1)
	for from < need {
		// Find the gap that begins at from, unless from is registered.
		end, inside := to, false
		for _, s := range p.stretches {
			if s.from <= from && from < s.to {
				from, inside = s.to, true
				break
			}
			if from < s.from {
				end = min(end, s.from)
			}
		}
		if inside {
			continue
		}
		if !p.within(from, end) {
			// The rounded end may be beyond the memory.
			if end = min(end, need); !p.within(from, end) {
				p.refused = true
				return
			}
		}
		p.stretches = append(p.stretches, stretch{from, end})
		slices.SortFunc(p.stretches, func(a, b stretch) int { return int(a.from) - int(b.from) })
		from = end
	}
}

func (*pinned) within(from, to uintptr) bool {
	// The address is in the mapping, not in Go's memory.
	code := C.cuMemHostRegister(*(*unsafe.Pointer)(unsafe.Pointer(&from)), C.size_t(to-from), C.CU_MEMHOSTREGISTER_PORTABLE)
	return code == C.CUDA_SUCCESS
}

func (p *pinned) close() {
	for _, s := range p.stretches {
		C.cuMemHostUnregister(*(*unsafe.Pointer)(unsafe.Pointer(&s.from)))
	}
	p.stretches = nil
}
