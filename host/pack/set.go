package pack

import (
	"crypto/sha256"
	"encoding/binary"
)

// hash stands for the key of a sample. With 16 bytes two keys of one archive folder never have the same in practice.
type hash [16]byte

func hashOf(key []byte) hash {
	sum := sha256.Sum256(key)
	return hash(sum[:16])
}

// set has hashes in about 20 to 35 bytes each. Its zero value is empty.
type set struct {
	slots []hash
	used  int
	// zero: the hash that marks an empty slot is in the set.
	zero bool
}

// grow makes room for n more.
func (s *set) grow(n int) {
	size := max(64, len(s.slots))
	for 8*(s.used+n) > 7*size {
		size *= 2
	}
	if size == len(s.slots) {
		return
	}
	old := s.slots
	s.slots = make([]hash, size)
	for _, h := range old {
		if h != (hash{}) {
			s.slots[s.find(h)] = h
		}
	}
}

// find returns the slot where a hash is or belongs.
func (s *set) find(h hash) uint64 {
	mask := uint64(len(s.slots) - 1)
	for at := binary.LittleEndian.Uint64(h[:]) & mask; ; at = (at + 1) & mask {
		if s.slots[at] == h || s.slots[at] == (hash{}) {
			return at
		}
	}
}

// add reports whether the hash was not in the set before.
func (s *set) add(h hash) bool {
	if h == (hash{}) {
		is := s.zero
		s.zero = true
		return !is
	}
	s.grow(1)
	at := s.find(h)
	if s.slots[at] == h {
		return false
	}
	s.slots[at] = h
	s.used++
	return true
}

func (s *set) has(h hash) bool {
	if h == (hash{}) {
		return s.zero
	}
	return len(s.slots) > 0 && s.slots[s.find(h)] == h
}
