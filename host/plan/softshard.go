package plan

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// belongs reports whether the item of number n belongs to the shard and its subshards. A nil shard takes all.
//
// Both kinds have one rule: the item belongs to the shard if n mod Num is in Idx. In the subshard its number is
// n / Num * len(Idx) + rank, where rank counts from 1 in the sorted Idx. For SoftShard n is the item's index in the listing, from 0. For
// SoftShardByHash n is hashKey of the item's REL_DIR/FILE_NAME, or of the whole JSON line of an item without input. Sums wrap at 2^64.
func belongs(s *template.Shard, n uint64) bool {
	for ; s != nil; s = s.Sub {
		if s.Num == 1 && s.Sub == nil {
			return true
		}
		rank, found := slices.BinarySearch(s.Idx, n%s.Num)
		if !found {
			return false
		}
		n = n/s.Num*uint64(len(s.Idx)) + uint64(rank) + 1
	}
	return true
}

// hasher is FNV-1a (64 bit). Its sum is mixed at the end: the lowest bits of plain FNV-1a are little more than the
// parity of the bytes, and shards are taken modulo small numbers.
type hasher uint64

const newHash hasher = 0xcbf29ce484222325

func addHash[T string | []byte](h hasher, b T) hasher {
	for i := 0; i < len(b); i++ {
		h = (h ^ hasher(b[i])) * 0x100000001b3
	}
	return h
}

func (h hasher) sum() uint64 {
	n := uint64(h)
	n = (n ^ n>>33) * 0xff51afd7ed558ccd
	n = (n ^ n>>33) * 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}

// hashKey returns the number of an item in a SoftShardByHash.
func hashKey[T string | []byte](key T) uint64 { return addHash(newHash, key).sum() }

// Hash is the number of an item in a SoftShardByHash within a shard, of which the item is: both may divide by hash.
func (i *Item) Hash(within *template.Shard) uint64 {
	n := hashKey(i.Entry)
	if i.Input != (triplet{}) {
		n = HashOf(i.Input.RelDir, i.Input.FileName)
	}
	for s := within; s != nil && s.ByHash && s.Num > 1; s = s.Sub {
		rank, _ := slices.BinarySearch(s.Idx, n%s.Num)
		n = n/s.Num*uint64(len(s.Idx)) + uint64(rank) + 1
	}
	return n
}

// HashOf is the number of a file in a SoftShardByHash.
func HashOf(relDir, fileName string) uint64 {
	return addHash(addHash(addHash(newHash, relDir), "/"), fileName).sum()
}
