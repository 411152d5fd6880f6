package stage

import (
	"context"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Arena allocates memory for the tensors of Load: first in the batch's region, so that a task with one tensor per item
// writes it to its final place, then in memory that it reuses for later batches.
type Arena struct {
	region []byte
	used   int
	own    []byte
	taken  int
}

// Reset begins a batch.
func (a *Arena) Reset(memory []byte, region *pb.Region) {
	a.region = memory[region.GetOffset() : region.GetOffset()+region.GetSize()]
	a.used, a.taken = 0, 0
}

// Bytes returns n bytes, not cleared, for the time of the batch.
func (a *Arena) Bytes(n int) []byte {
	if n <= len(a.region)-a.used {
		a.used += n
		return a.region[a.used-n : a.used : a.used]
	}
	a.used = len(a.region) // a smaller array must not come after this one in the region
	if n > len(a.own)-a.taken {
		a.own, a.taken = make([]byte, max(n, 4<<20)), 0
	}
	a.taken += n
	return a.own[a.taken-n : a.taken : a.taken]
}

// Mark is the arena's state, for Rewind.
func (a *Arena) Mark() (used int) { return a.used }

// Rewind frees the memory of the region since Mark, for an item that failed.
func (a *Arena) Rewind(used int) { a.used = used }

// ArenaKey is the key of the Arena in a context.
type ArenaKey struct{}

// Bytes calls Bytes of the context's Arena.
func Bytes(ctx context.Context, n int) []byte {
	if a, ok := ctx.Value(ArenaKey{}).(*Arena); ok {
		return a.Bytes(n)
	}
	return make([]byte, n)
}
