// Package beat writes the heartbeat page, from which the host reads what a worker was doing when it died or hung.
// docs/protocol.md has the layout.
package beat

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// Page is a mapped heartbeat page.
type Page struct{ mem []byte }

// None is a page that nobody reads, for hosts that keep none.
func None() *Page { return &Page{make([]byte, wire.BeatSize)} }

// Open maps the page that the host has made at path.
func Open(path string) (*Page, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the heartbeat page: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the heartbeat page: %w", err)
	}
	if info.Size() < wire.BeatSize {
		return nil, fmt.Errorf("the heartbeat page %s has %d bytes instead of %d", path, info.Size(), wire.BeatSize)
	}
	// It stays mapped for the rest of the process's life.
	mem, err := unix.Mmap(int(f.Fd()), 0, wire.BeatSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the heartbeat page: %w", err)
	}
	p := &Page{mem}
	if magic := binary.LittleEndian.Uint64(mem); magic != wire.BeatMagic {
		return nil, fmt.Errorf("%s is not a heartbeat page: it begins with %#x", path, magic)
	}
	return p, nil
}

// Slot is the part of the page that one chunk is reported in.
type Slot struct {
	id, index, count *uint64
	outcomes         []byte
}

// Begin starts a chunk of count items, at most wire.MaxChunkItems, in a slot below wire.MaxInFlight.
func (p *Page) Begin(slot int, id uint64, count int) Slot {
	at := wire.BeatSlot * (slot + 1)
	from := wire.BeatHeader + slot*wire.MaxChunkItems
	s := Slot{p.word(at), p.word(at + 8), p.word(at + 16), p.mem[from : from+count]}
	clear(s.outcomes)
	atomic.StoreUint64(s.index, 0)
	atomic.StoreUint64(s.count, uint64(count))
	atomic.StoreUint64(s.id, id)
	return s
}

// At says which item is worked on next; the chunk's count when it is finished.
func (s Slot) At(index int) { atomic.StoreUint64(s.index, uint64(index)) }

// Set notes the outcome of the item at index, before At moves past it.
func (s Slot) Set(index int, outcome byte) { s.outcomes[index] = outcome }

// word is an aligned 64-bit word of the page. The machines that Go's unix ports run on and that have mmap'ed hosts are
// little-endian; the page is read by the same machine.
func (p *Page) word(offset int) *uint64 { return (*uint64)(unsafe.Pointer(&p.mem[offset])) }
