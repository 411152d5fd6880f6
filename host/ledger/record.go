package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// magic begins the record of outcomes; its last byte is the format's version. Files that begin with magic1 are read, too.
const (
	magic  = "KGZRUN\x00\x02"
	magic1 = "KGZRUN\x00\x01"
)

// A record is the length and the CRC-32C of its payload, both 4 bytes, little-endian, and the payload, which begins with its kind.
const (
	recordHead = 8
	maxPayload = 1 << 20
)

type kind byte

const (
	// Numbers of items, as spans.
	kindDone    kind = 1
	kindSkipped kind = 2
	kindResumed kind = 3
	kindFailed  kind = 4
	// kindKeys has the keys of consecutive items.
	kindKeys kind = 5
	// kindOpaque has the seed of the keys of consecutive items, in version 1.
	kindOpaque kind = 6
	// kindList has the seed of an indexed list.
	kindList kind = 7
	// kindListed says how many items the listing had: it is complete.
	kindListed kind = 8
	// kindLayer ends a layer: what came before is of earlier runs, with numbers of its own.
	kindLayer kind = 9
	// Kinds from this one on are optional.
	kindOptional kind = 16
	// kindSeconds has the times of consecutive items: formEach each one's, formMean their mean.
	kindSeconds kind = 16
	// kindAttempts has how often consecutive items were started.
	kindAttempts kind = 17
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordBuffer collects whole records.
type recordBuffer struct{ bytes []byte }

// record adds a record of numbers and keys.
func (b *recordBuffer) record(k kind, numbers []uint64, keys ...itemkey.Key) {
	at := len(b.bytes)
	b.bytes = append(b.bytes, 0, 0, 0, 0, 0, 0, 0, 0, byte(k))
	for _, n := range numbers {
		b.bytes = binary.AppendUvarint(b.bytes, n)
	}
	for _, key := range keys {
		b.bytes = binary.LittleEndian.AppendUint64(b.bytes, uint64(key))
	}
	payload := b.bytes[at+recordHead:]
	binary.LittleEndian.PutUint32(b.bytes[at:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b.bytes[at+4:], crc32.Checksum(payload, castagnoli))
}

// Records of so many spans or keys are far below maxPayload.
const (
	spansARecord = 8192
	keysARecord  = 16384
)

// spans adds a set as pairs: how many numbers lie between this span and the one before it, and how many are in it.
func (b *recordBuffer) spans(k kind, s Spans) {
	for some := range slices.Chunk(s, spansARecord) {
		var numbers []uint64
		last := uint64(0)
		for _, span := range some {
			numbers = append(numbers, span.First-last, uint64(span.Count))
			last = end(span)
		}
		b.record(k, numbers)
	}
}

// keys adds the keys of consecutive items.
func (b *recordBuffer) keys(first uint64, keys []itemkey.Key) {
	for some := range slices.Chunk(keys, keysARecord) {
		b.record(kindKeys, []uint64{first}, some...)
		first += uint64(len(some))
	}
}

// layers writes what a state has as finished: keys as one layer, and each list as one. It calls flush where much waits.
func (b *recordBuffer) layers(s *State, flush func() error) error {
	n := 0
	var some []itemkey.Key
	write := func() error {
		b.keys(uint64(n), some)
		n += len(some)
		some = some[:0]
		return flush()
	}
	known := s.known()
	for key, finished, ok := known.next(); ok; key, finished, ok = known.next() {
		if finished {
			some = append(some, key)
		}
		if len(some) == keysARecord {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(known.failed(), write()); err != nil {
		return err
	}
	b.layer(Spans{{First: 0, Count: n}})
	for seed, finished := range s.lists {
		if k := len(finished) - 1; k >= 0 {
			b.record(kindList, []uint64{0, end(finished[k])}, seed)
			b.layer(finished)
		}
	}
	return nil
}

func (b *recordBuffer) layer(finished Spans) {
	if finished.Items() > 0 {
		b.spans(kindDone, finished)
		b.record(kindLayer, []uint64{0})
	}
}

var (
	// errNotOutcomes is about a file that is not a record of outcomes, or is of a later version.
	errNotOutcomes = errors.New("it is not a record of outcomes that this version can read")
	errLater       = errors.New("it has records of a later version: a newer kagurazaka reads it")
	// errTorn is about a record that is not whole, or has the wrong content: the file ends there.
	errTorn = errors.New("the record is not whole")
)

// records calls visit for the payload of each whole record. whole is the length of the header and these records; what follows was never
// finished. An empty file, or a part of the header, has no records.
func records(r io.Reader, visit func(k kind, in *reader) error) (whole int64, err error) {
	all := recordReader{from: r}
	for err = all.start(); err == nil; {
		whole = all.read
		var k kind
		var in *reader
		if k, in, err = all.next(); err != nil {
			break
		}
		if err = visit(k, in); in.bad {
			err = io.EOF
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return whole, err
}

// recordReader reads records one after another.
type recordReader struct {
	from io.Reader
	in   *bufio.Reader
	// payload is that of the last record, read the length of the file up to its end; 0: the header is not read yet.
	payload []byte
	read    int64
}

// next returns the next whole record, or io.EOF. The reader is valid until the next call.
func (r *recordReader) next() (kind, *reader, error) {
	err := r.start()
	if err != nil {
		return 0, nil, err
	}
	r.payload, err = readRecord(r.in, r.payload)
	if errors.Is(err, errTorn) {
		return 0, nil, io.EOF
	}
	if err != nil {
		return 0, nil, err
	}
	r.read += recordHead + int64(len(r.payload))
	return kind(r.payload[0]), &reader{rest: r.payload[1:]}, nil
}

// start reads the header, once.
func (r *recordReader) start() error {
	if r.in != nil {
		return nil
	}
	r.in = bufio.NewReaderSize(r.from, 256<<10)
	head := make([]byte, len(magic))
	n, err := io.ReadFull(r.in, head)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if !strings.HasPrefix(magic, string(head[:n])) {
			return errNotOutcomes
		}
		return io.EOF
	case err != nil:
		return fmt.Errorf("reading: %w", err)
	case string(head) != magic && string(head) != magic1:
		return errNotOutcomes
	}
	r.read = int64(len(magic))
	return nil
}

// keyReader reads the keys of a record of outcomes, in their order.
type keyReader struct {
	records recordReader
	layer   int
	keys    []itemkey.Key
}

// next returns the keys of consecutive items, of which first is the first one's number, or io.EOF. They are valid until the next call. The last
// layer is the run's own.
func (r *keyReader) next() (layer int, first uint64, keys []itemkey.Key, err error) {
	for {
		k, in, err := r.records.next()
		if err != nil {
			return 0, 0, nil, err
		}
		r.keys = r.keys[:0]
		switch k {
		case kindKeys:
			first = in.number()
			r.keys = in.keys(r.keys)
		case kindOpaque:
			var span backbones.Span
			var seed itemkey.Key
			span, seed = in.seeded()
			first = span.First
			for i := range min(span.Count, maxOpaque) {
				r.keys = append(r.keys, itemkey.At(seed, uint64(i)))
			}
		case kindLayer:
			r.layer++
		}
		switch {
		case in.bad:
			return 0, 0, nil, io.EOF
		case len(r.keys) > 0:
			return r.layer, first, r.keys, nil
		}
	}
}

// readRecord reads the payload of a record into memory, or into more of it.
func readRecord(in *bufio.Reader, memory []byte) ([]byte, error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return memory, tornOr(err)
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n == 0 || n > maxPayload {
		return memory, errTorn
	}
	memory = slices.Grow(memory[:0], n)[:n]
	if _, err := io.ReadFull(in, memory); err != nil {
		return memory, tornOr(err)
	}
	if crc32.Checksum(memory, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return memory, errTorn
	}
	return memory, nil
}

func tornOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return fmt.Errorf("reading: %w", err)
}

// reader takes a payload apart. bad says that it does not have what it should.
type reader struct {
	rest []byte
	bad  bool
}

// keyBytes is the size of a key.
const keyBytes = 8

// maxNumber is beyond any item's number: sums of numbers and counts below it do not overflow.
const maxNumber = 1 << 56

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > maxNumber {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) key() itemkey.Key {
	if len(r.rest) < keyBytes {
		r.bad = true
		return 0
	}
	k := itemkey.Key(binary.LittleEndian.Uint64(r.rest))
	r.rest = r.rest[keyBytes:]
	return k
}

// countKeys is how many keys the rest is.
func (r *reader) countKeys() int {
	r.bad = r.bad || len(r.rest) == 0 || len(r.rest)%keyBytes != 0
	return len(r.rest) / keyBytes
}

// keys takes the rest as keys, into memory.
func (r *reader) keys(memory []itemkey.Key) []itemkey.Key {
	for range r.countKeys() {
		memory = append(memory, r.key())
	}
	return memory
}

// spans appends the rest to s, as spans.
func (r *reader) spans(s []backbones.Span) []backbones.Span {
	last := uint64(0)
	for len(r.rest) > 0 {
		gap, count := r.number(), r.number()
		if r.bad || count == 0 || last+gap+count > maxNumber {
			r.bad = true
			break
		}
		s = append(s, backbones.Span{First: last + gap, Count: int(count)})
		last += gap + count
	}
	return s
}

// seeded takes the rest as the first number, the count and the seed of consecutive items.
func (r *reader) seeded() (backbones.Span, itemkey.Key) {
	first, count, seed := r.number(), r.number(), r.key()
	r.bad = r.bad || len(r.rest) > 0 || count == 0
	return backbones.Span{First: first, Count: int(count)}, seed
}
