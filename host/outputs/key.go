package outputs

import (
	"hash/crc32"
	"hash/fnv"
)

// Key is what an output is known by in the file of unfinished ones: the CRC-32 (IEEE) of its path relative to the output
// root in the upper half, and FNV-1a (32 bit) of the same in the lower. The first is cheap in any language and rules out
// nearly all, the second makes it 64 bits.
func Key[T string | []byte](rel T) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(rel))
	return uint64(crc32.ChecksumIEEE([]byte(rel)))<<32 | uint64(h.Sum32())
}
