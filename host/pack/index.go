package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/tarfile"
)

// An index has the magic, the version (4 bytes), the number of keys and the size of the archive (8 bytes each), the sorted hashes of the
// keys, and the CRC-32 (IEEE) of all that. Numbers are little endian.
const (
	indexMagic   = "kgtarkey"
	indexVersion = 1
	indexHead    = len(indexMagic) + 4 + 8 + 8
)

// makeIndex returns the index of an archive of size bytes. It sorts the hashes.
func makeIndex(size int64, keys []hash) []byte {
	slices.SortFunc(keys, func(a, b hash) int { return bytes.Compare(a[:], b[:]) })
	dst := append(make([]byte, 0, indexHead+16*len(keys)+4), indexMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, indexVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(keys)))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	for _, k := range keys {
		dst = append(dst, k[:]...)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst))
}

// readIndex returns the hashes of an index of an archive of size bytes; false: it is damaged, or another archive's.
func readIndex(data []byte, size int64) (keys []hash, ok bool) {
	if len(data) < indexHead+4 || string(data[:len(indexMagic)]) != indexMagic {
		return nil, false
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	head, hashes := body[len(indexMagic):], body[indexHead:]
	if binary.LittleEndian.Uint32(head) != indexVersion || len(hashes)%16 != 0 || binary.LittleEndian.Uint64(head[4:]) != uint64(len(hashes)/16) ||
		binary.LittleEndian.Uint64(head[12:]) != uint64(size) || crc32.ChecksumIEEE(body) != sum {
		return nil, false
	}
	keys = make([]hash, len(hashes)/16)
	for i := range keys {
		keys[i] = hash(hashes[16*i:])
	}
	return keys, true
}

// loadIndex reads the index of an archive of size bytes. It is empty if it cannot be that archive's: then it is made again.
func loadIndex(path string, size int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil //nolint:nilerr // the archive alone says what is in it
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s has the name of an archive's index, and is not a regular file (mode %s); hint: move it away, and it is made again", path, info.Mode())
	}
	// A sample takes a header at least.
	if info.Size() > int64(indexHead)+4+16*(size/512) {
		return nil, nil
	}
	data, err := regular.Read(path)
	if err != nil {
		return nil, nil //nolint:nilerr // the archive alone says what is in it
	}
	return data, nil
}

// nameOf is the name of the archive with these keys, which are sorted.
func nameOf(keys iter.Seq[[]byte]) string {
	h := sha256.New()
	for key := range keys {
		_, _ = h.Write(key)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8]) + ".tar"
}

// scan reads the keys of an archive of size bytes from its headers.
func scan(file *os.File, size int64) (keys []hash, err error) {
	var last []byte
	name := nameOf(func(yield func([]byte) bool) {
		err = tarfile.Scan(file, size, func(m tarfile.Member) error {
			key, _, ok := tarfile.Key(m.Name)
			switch order := bytes.Compare(last, key); {
			case !ok || m.Kind != tarfile.Regular:
				return fmt.Errorf("its member %s at %d is not part of a sample", m.Name, m.Header)
			case order == 0:
				return nil
			case order > 0:
				return fmt.Errorf("its member %s at %d is not in its place: the keys do not ascend", m.Name, m.Header)
			}
			last = append(last[:0], key...)
			keys = append(keys, hashOf(key))
			if !yield(last) {
				return io.EOF
			}
			return nil
		})
	})
	if err == nil && name != filepath.Base(file.Name()) {
		err = errors.New("its name is not the one that its keys give it")
	}
	return keys, err
}

// indexHas reports whether the index at a path has a hash.
func indexHas(path string, h hash) bool {
	file, info, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	var at hash
	count := int((info.Size() - int64(indexHead) - 4) / 16)
	read := func(i int) hash {
		_, _ = file.ReadAt(at[:], int64(indexHead+16*i))
		return at
	}
	i := sort.Search(count, func(i int) bool { k := read(i); return bytes.Compare(k[:], h[:]) >= 0 })
	return i < count && read(i) == h
}
