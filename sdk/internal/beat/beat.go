// Package beat writes the heartbeat page. It tells the host which item a worker was in when it died or hung.
// docs/protocol.md has the layout.
package beat

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	"github.com/kagurazaka/kagurazaka/sdk/internal/mapped"
)

// Page is a mapped heartbeat page.
type Page struct{ mem []byte }

// Open maps the page that the host made at path, until the process ends. Without a path it returns a page in memory.
func Open(path string) (*Page, error) {
	if path == "" {
		return &Page{make([]byte, wire.BeatSize)}, nil
	}
	mem, err := mapped.Open(path, wire.BeatSize)
	if err != nil {
		return nil, fmt.Errorf("opening the heartbeat page: %w", err)
	}
	if magic := binary.LittleEndian.Uint64(mem); magic != wire.BeatMagic {
		return nil, fmt.Errorf("%s is not a heartbeat page: it begins with %#x", path, magic)
	}
	return &Page{mem}, nil
}

// Slot is the part of the page for one chunk.
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

// At sets the index of the current item, or the chunk's count at its end.
func (s Slot) At(index int) { atomic.StoreUint64(s.index, uint64(index)) }

// Set sets the outcome of the item at index, before At moves past it.
func (s Slot) Set(index int, outcome byte) { s.outcomes[index] = outcome }

// word is an aligned 64-bit word of the page. The layout is little-endian, as the machines are that the SDK supports.
func (p *Page) word(offset int) *uint64 { return (*uint64)(unsafe.Pointer(&p.mem[offset])) }
