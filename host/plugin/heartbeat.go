package plugin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// heartbeat is a page that a worker writes and the host reads. It outlives the worker.
type heartbeat struct {
	path string
	mem  []byte
}

// keepHeartbeat creates the page of a worker in a folder, and passes its path in open. It returns nil if it cannot: then chunks are halved to
// find the item that a worker died of.
func keepHeartbeat(dir string, open *OpenOptions, log hclog.Logger) *heartbeat {
	h, err := newHeartbeat(filepath.Join(dir, fmt.Sprintf("beat-%d", open.WorkerIndex)))
	if err != nil {
		log.Warn("the worker has no heartbeat page: if it dies, it takes longer to find the item that was to blame", "error", err)
		return nil
	}
	open.HeartbeatPath = h.path
	return h
}

// newHeartbeat makes an empty page at path.
func newHeartbeat(path string) (*heartbeat, error) {
	// An earlier worker may still have its page mapped, and keeps it.
	_ = os.Remove(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a heartbeat page: %w", err)
	}
	defer func() { _ = f.Close() }()
	// Write all bytes: filling a hole by a store into the map raises SIGBUS on a full disk.
	if _, err := f.Write(make([]byte, wire.BeatSize)); err != nil {
		return nil, errors.Join(fmt.Errorf("making a heartbeat page: %w", err), os.Remove(path))
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, wire.BeatSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping a heartbeat page: %w", err)
	}
	binary.LittleEndian.PutUint64(mem, wire.BeatMagic)
	return &heartbeat{path: path, mem: mem}, nil
}

func (h *heartbeat) load(offset int) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&h.mem[offset])))
}

// beats reads all slots. A slot of zeros means that no chunk was begun. nil: there is no page, it is invalid, or its file was truncated.
func (h *heartbeat) beats() (beats []backbones.Beat) {
	if h == nil {
		return nil
	}
	// A load past the end of a truncated file raises SIGBUS, and would end the host.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			beats = nil
		default:
			panic(fault)
		}
	}()
	beats = make([]backbones.Beat, backbones.MaxInFlight)
	for slot := range beats {
		at := wire.BeatSlot * (slot + 1)
		position, count := h.load(at+8), h.load(at+16)
		if position > count || count > backbones.MaxChunkItems {
			return nil
		}
		index := int(position)
		from := wire.BeatHeader + slot*backbones.MaxChunkItems
		outcomes := slices.Clone(h.mem[from : from+index])
		// An invalid outcome makes the whole page invalid.
		if wrong := slices.IndexFunc(outcomes, func(o byte) bool { return o > backbones.OutcomeSkipped }); wrong >= 0 {
			index, outcomes = wrong, outcomes[:wrong]
		}
		beats[slot] = backbones.Beat{ChunkID: h.load(at), Index: index, Outcomes: outcomes}
	}
	return beats
}

// close unmaps the page and removes its file. beats must not be called after it.
func (h *heartbeat) close() {
	if h == nil {
		return
	}
	_ = unix.Munmap(h.mem)
	_ = os.Remove(h.path)
}
