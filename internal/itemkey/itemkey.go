// Package itemkey makes the keys by which items are known again. docs/design/ledger.md has the algorithm.
package itemkey

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
)

// Key stands for an item's content: 64 bits of its JSON text, the same on every machine and in every version. Opaque items have their
// plugin's, or one of a seed; see At. It is fast, and not secure: a user who makes items collide harms only their own run.
type Key uint64

// MarshalText writes the key as 16 hexadecimal digits: JSON numbers are not exact enough.
func (k Key) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(k)), nil }

// UnmarshalText reads the key.
func (k *Key) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	*k = Key(n)
	return err
}

// Odd constants without structure: the first 64 fractional bits of the square roots of 2, 3, 5 and 7, the last bit set.
const (
	root2 uint64 = 0x6A09E667F3BCC909
	root3 uint64 = 0xBB67AE8584CAA73B
	root5 uint64 = 0x3C6EF372FE94F82B
	root7 uint64 = 0xA54FF53A5F1D36F1
)

// fold multiplies to 128 bits and takes both halves together: every bit of either factor reaches the whole result.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// Of returns the key of an item's JSON text. It takes 16 bytes at a time; the last 16 may overlap with those before.
func Of(text []byte) Key {
	h := root2
	n := len(text)
	rest := text
	for len(rest) > 16 {
		h = fold(binary.LittleEndian.Uint64(rest)^root3, binary.LittleEndian.Uint64(rest[8:16])^h)
		rest = rest[16:]
	}
	var a, b uint64
	switch {
	case n >= 16:
		a, b = binary.LittleEndian.Uint64(text[n-16:]), binary.LittleEndian.Uint64(text[n-8:])
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	default:
		var short [8]byte
		copy(short[:], text)
		a = binary.LittleEndian.Uint64(short[:])
	}
	return Key(fold(fold(a^root3, b^h)^root5, uint64(n)^root7))
}

// At is the key of the item at a position of what the seed stands for: a block of opaque items, or an indexed list.
func At(seed Key, position uint64) Key {
	return Key(fold(uint64(seed)^root5, fold(position^root3, root7)))
}

// OfList is the seed of a list that is known by the number of its items alone.
func OfList(count int) Key { return At(Key(root2), uint64(count)) }
