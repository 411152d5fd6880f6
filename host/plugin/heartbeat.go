package plugin

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// The layout of a heartbeat page; docs/protocol.md has it for authors of SDKs.
const (
	heartbeatMagic  = 0x3130305442485a4b
	heartbeatHeader = 4096
	heartbeatSlot   = 64
	heartbeatSize   = heartbeatHeader + backbones.MaxInFlight*backbones.MaxChunkItems
)

// heartbeat is a page that a worker writes and the host reads. It outlives the worker.
type heartbeat struct {
	path string
	mem  []byte
}

// newHeartbeat makes an empty page at path.
func newHeartbeat(path string) (*heartbeat, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a heartbeat page: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(heartbeatSize); err != nil {
		return nil, fmt.Errorf("making a heartbeat page: %w", err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, heartbeatSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping a heartbeat page: %w", err)
	}
	binary.LittleEndian.PutUint64(mem, heartbeatMagic)
	return &heartbeat{path: path, mem: mem}, nil
}

func (h *heartbeat) load(offset int) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&h.mem[offset])))
}

// beats reads all slots. A worker that never wrote any leaves them zero, which reads as: no chunk begun.
func (h *heartbeat) beats() []backbones.Beat {
	beats := make([]backbones.Beat, backbones.MaxInFlight)
	for slot := range beats {
		at := heartbeatSlot * (slot + 1)
		index := int(min(h.load(at+8), backbones.MaxChunkItems))
		from := heartbeatHeader + slot*backbones.MaxChunkItems
		outcomes := append([]byte(nil), h.mem[from:from+index]...)
		// From a byte on that is no outcome the page tells nothing: what it says of later items is not believed either.
		if wrong := slices.IndexFunc(outcomes, func(o byte) bool { return o > backbones.OutcomeSkipped }); wrong >= 0 {
			index, outcomes = wrong, outcomes[:wrong]
		}
		beats[slot] = backbones.Beat{ChunkID: h.load(at), Index: index, Outcomes: outcomes}
	}
	return beats
}

// close unmaps the page and removes its file. No beats may be read any more.
func (h *heartbeat) close() {
	_ = unix.Munmap(h.mem)
	_ = os.Remove(h.path)
}
