package ledger

import (
	"encoding/binary"
	"math/bits"
)

// Key stands for an item's content. It is the same on every machine and in every version: XXH64 of the item's JSON text
// with seed 0. Items that are not JSON get theirs from a seed; see seedKey.
type Key uint64

const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

func mixLane(acc, lane uint64) uint64 { return bits.RotateLeft64(acc+lane*prime2, 31) * prime1 }

// KeyOf returns the key of an item's JSON text.
func KeyOf(text []byte) Key {
	h, rest := prime5, text
	if len(rest) >= 32 {
		seed := uint64(0)
		a, b, c, d := seed+prime1+prime2, seed+prime2, seed, seed-prime1
		for len(rest) >= 32 {
			a = mixLane(a, binary.LittleEndian.Uint64(rest))
			b = mixLane(b, binary.LittleEndian.Uint64(rest[8:]))
			c = mixLane(c, binary.LittleEndian.Uint64(rest[16:]))
			d = mixLane(d, binary.LittleEndian.Uint64(rest[24:32]))
			rest = rest[32:]
		}
		h = bits.RotateLeft64(a, 1) + bits.RotateLeft64(b, 7) + bits.RotateLeft64(c, 12) + bits.RotateLeft64(d, 18)
		for _, acc := range [...]uint64{a, b, c, d} {
			h = (h^mixLane(0, acc))*prime1 + prime4
		}
	}
	h += uint64(len(text))
	for ; len(rest) >= 8; rest = rest[8:] {
		h = bits.RotateLeft64(h^mixLane(0, binary.LittleEndian.Uint64(rest)), 27)*prime1 + prime4
	}
	if len(rest) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(rest))*prime1, 23)*prime2 + prime3
		rest = rest[4:]
	}
	for _, b := range rest {
		h = bits.RotateLeft64(h^uint64(b)*prime5, 11) * prime1
	}
	return Key(avalanche(h))
}

func avalanche(h uint64) uint64 {
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

// seedKey is the key of the item at a position of what the seed stands for: a block of opaque items, or an indexed list.
func seedKey(seed Key, position uint64) Key {
	return Key(avalanche(uint64(seed) + (position+1)*prime1))
}

// listSeed is the seed of a list that is known by the number of its items alone.
func listSeed(count int) Key { return seedKey(Key(prime5), uint64(count)) }
