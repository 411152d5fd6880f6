package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// magic begins the record of outcomes; its last byte is the format's version.
const magic = "KGZRUN\x00\x01"

// A record is the length and the CRC-32C of its payload, both 4 bytes, little-endian, and the payload, which begins with
// its kind. What follows the first record that is not whole is no part of the ledger: the writer died there.
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
	// kindSeed has the seed of the keys of consecutive items: of an opaque block, or of an indexed list.
	kindOpaque  kind = 6
	kindIndexed kind = 7
	// kindListed says how many items the listing had: it is complete.
	kindListed kind = 8
	// kindLayer ends a layer: what came before is of an earlier run, with numbers of its own.
	kindLayer kind = 9
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordBuffer collects whole records.
type recordBuffer struct{ bytes []byte }

func (b *recordBuffer) begin(k kind) int {
	at := len(b.bytes)
	b.bytes = append(b.bytes, 0, 0, 0, 0, 0, 0, 0, 0, byte(k))
	return at
}

func (b *recordBuffer) finish(at int) {
	payload := b.bytes[at+recordHead:]
	binary.LittleEndian.PutUint32(b.bytes[at:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b.bytes[at+4:], crc32.Checksum(payload, castagnoli))
}

func (b *recordBuffer) uvarint(n uint64) { b.bytes = binary.AppendUvarint(b.bytes, n) }

// spansARecord keeps a record of spans far below maxPayload.
const spansARecord = 8192

// spans writes a set as pairs: how many numbers lie between this span and the one before it, and how many are in it.
func (b *recordBuffer) spans(k kind, s Spans) {
	for len(s) > 0 {
		n := min(len(s), spansARecord)
		at := b.begin(k)
		last := uint64(0)
		for _, span := range s[:n] {
			b.uvarint(span.First - last)
			b.uvarint(uint64(span.Count))
			last = end(span)
		}
		b.finish(at)
		s = s[n:]
	}
}

// keysARecord keeps a record of keys far below maxPayload.
const keysARecord = 16384

func (b *recordBuffer) keys(first uint64, keys []Key) {
	for len(keys) > 0 {
		n := min(len(keys), keysARecord)
		at := b.begin(kindKeys)
		b.uvarint(first)
		for _, k := range keys[:n] {
			b.bytes = binary.LittleEndian.AppendUint64(b.bytes, uint64(k))
		}
		b.finish(at)
		first += uint64(n)
		keys = keys[n:]
	}
}

func (b *recordBuffer) seed(k kind, first uint64, count int, seed Key) {
	at := b.begin(k)
	b.uvarint(first)
	b.uvarint(uint64(count))
	b.bytes = binary.LittleEndian.AppendUint64(b.bytes, uint64(seed))
	b.finish(at)
}

func (b *recordBuffer) number(k kind, n uint64) {
	at := b.begin(k)
	b.uvarint(n)
	b.finish(at)
}

var (
	// errNotOutcomes is about a file that is no record of outcomes, or one of a later version.
	errNotOutcomes = errors.New("it is not a record of outcomes that this version can read")
	errTorn        = errors.New("the record is not whole")
	errPayload     = errors.New("the record makes no sense")
)

// records calls visit for the payload of each whole record. whole is how many bytes of r they and the header take; what
// comes after that was never finished. An empty file, or a part of the header, has no records.
func records(r io.Reader, visit func(k kind, payload []byte) error) (whole int64, err error) {
	in := bufio.NewReaderSize(r, 256<<10)
	header := make([]byte, len(magic))
	switch n, err := io.ReadFull(in, header); {
	case string(header[:n]) != magic[:n]:
		return 0, errNotOutcomes
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("reading: %w", err)
	}
	whole = int64(len(magic))
	var payload []byte
	for {
		k, next, err := readRecord(in, payload)
		payload = next
		switch {
		case errors.Is(err, errTorn):
			return whole, nil
		case err != nil:
			return whole, fmt.Errorf("reading: %w", err)
		}
		if err := visit(k, payload[1:]); err != nil {
			if errors.Is(err, errPayload) {
				return whole, nil
			}
			return whole, err
		}
		whole += recordHead + int64(len(payload))
	}
}

func readRecord(in *bufio.Reader, memory []byte) (kind, []byte, error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, memory, tornOr(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxPayload {
		return 0, memory, errTorn
	}
	if cap(memory) < int(n) {
		memory = make([]byte, n)
	}
	memory = memory[:n]
	if _, err := io.ReadFull(in, memory); err != nil {
		return 0, memory, tornOr(err)
	}
	if crc32.Checksum(memory, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, memory, errTorn
	}
	return kind(memory[0]), memory, nil
}

func tornOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// reader takes numbers out of a payload.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad = true
		r.rest = nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// maxNumber is beyond any item's number: sums of numbers and counts below it do not overflow.
const maxNumber = 1 << 56

// spans appends the spans of a payload to s.
func (r *reader) spans(s []backbones.Span) ([]backbones.Span, error) {
	last := uint64(0)
	for len(r.rest) > 0 {
		gap, count := r.uvarint(), r.uvarint()
		if r.bad || gap > maxNumber || count == 0 || count > maxNumber || last+gap+count > maxNumber {
			return nil, errPayload
		}
		s = append(s, backbones.Span{First: last + gap, Count: int(count)})
		last += gap + count
	}
	return s, nil
}
