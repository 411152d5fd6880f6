package outputs

import (
	"hash/crc32"
	"hash/fnv"
)

// Key stands for an output in the file of unfinished ones. Of its path relative to the output root, the upper half is the CRC-32 (IEEE),
// which is cheap in any language and rules out nearly all, and the lower half FNV-1a (32 bit).
func Key[T string | []byte](rel T) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(rel))
	return uint64(crc32.ChecksumIEEE([]byte(rel)))<<32 | uint64(h.Sum32())
}
