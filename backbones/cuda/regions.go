package cuda

import (
	"math/bits"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// firstStride is the first size of regions. It is address space: an untouched page costs nothing.
const firstStride = 256 << 20

// fewest is the least number of regions of a stride that must fit into the address space.
const fewest = 8

// regions are the memory that one stage writes to. All free ones have the stride. The last freed one is taken first, so that few
// are ever touched.
type regions struct {
	// next … end is the part of the shared memory that no region has.
	next, end uint64
	stride    uint64
	free      []backbones.Region
	used      int
	// peak is the most bytes that a batch used.
	peak uint64
	// budget is the most bytes that all of them together should use; 0: no limit.
	budget uint64
	// dropped are regions that became too small. Their pages can be freed.
	dropped []backbones.Region
}

// room reports whether one more region may be used. The budget allows the first one in any case: a run must not stand still.
func (r *regions) room() bool {
	if r.used > 0 && r.budget > 0 && uint64(r.used+1)*r.peak > r.budget {
		return false
	}
	return len(r.free) > 0 || r.stride <= r.end-r.next
}

func (r *regions) take() (backbones.Region, bool) {
	if !r.room() {
		return backbones.Region{}, false
	}
	r.used++
	if n := len(r.free); n > 0 {
		region := r.free[n-1]
		r.free = r.free[:n-1]
		return region, true
	}
	region := backbones.Region{Offset: r.next, Size: r.stride}
	r.next += r.stride
	return region, true
}

// give takes a region back. It ignores the zero region.
func (r *regions) give(region backbones.Region) {
	if region.Size == 0 {
		return
	}
	r.used--
	if region.Size < r.stride {
		r.dropped = append(r.dropped, region)
		return
	}
	r.free = append(r.free, region)
}

// grow raises the size of later regions. It returns false if the machine has too little memory for a batch of that size.
func (r *regions) grow(wanted uint64) bool {
	if wanted <= r.stride {
		return true
	}
	if wanted > 1<<62 || r.budget > 0 && wanted > r.budget {
		return false
	}
	stride := uint64(1) << bits.Len64(wanted-1)
	if stride > (r.end-r.next)/fewest {
		return false
	}
	r.stride = stride
	r.dropped = append(r.dropped, r.free...)
	r.free = nil
	return true
}
