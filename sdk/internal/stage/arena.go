package stage

import (
	"context"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Arena hands out memory for what Load makes: that of the batch's region first, so that a task with one tensor an item writes
// each to where it has to be, then memory of its own that is kept for later batches.
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

// Bytes returns n bytes that are not cleared, until the batch is through.
func (a *Arena) Bytes(n int) []byte {
	if n <= len(a.region)-a.used {
		a.used += n
		return a.region[a.used-n : a.used : a.used]
	}
	a.used = len(a.region) // what follows must not be taken for the next array of the region
	if n > len(a.own)-a.taken {
		a.own, a.taken = make([]byte, max(n, 4<<20)), 0
	}
	a.taken += n
	return a.own[a.taken-n : a.taken : a.taken]
}

// Mark is the arena's state, for Rewind.
func (a *Arena) Mark() (used int) { return a.used }

// Rewind takes back what was handed out of the region since Mark, for an item that failed.
func (a *Arena) Rewind(used int) { a.used = used }

// ArenaKey is what a context's Arena has as key.
type ArenaKey struct{}

// Bytes is Arena.Bytes of the context's.
func Bytes(ctx context.Context, n int) []byte {
	if a, ok := ctx.Value(ArenaKey{}).(*Arena); ok {
		return a.Bytes(n)
	}
	return make([]byte, n)
}
