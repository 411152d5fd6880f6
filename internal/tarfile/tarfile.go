// Package tarfile finds where the bytes of a tar archive's members are, by its headers alone. It is stricter than programs that unpack:
// an archive that was cut short, or that has members whose bytes do not lie in one piece, is an error.
package tarfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"
	"strings"
)

// Kind is the kind of a member.
type Kind uint8

const (
	// Regular is a file with bytes.
	Regular Kind = iota
	// Folder has no bytes.
	Folder
	// Link is a hard or symbolic link.
	Link
	// Special is a device or a named pipe.
	Special
)

// Member is one entry of an archive.
type Member struct {
	// Name is as the archive has it, and valid during the call.
	Name []byte
	// Header is the offset of its first header, and Offset that of its Size bytes. Check is Check of the block before these.
	Header, Offset, Size int64
	Check                uint32
	Kind                 Kind
}

// BlockSize is the size of a header, and what members are aligned to.
const BlockSize = 512

// Check returns the CRC-32 of the header before a member's bytes. Whoever reads the bytes later can tell by it that they are the same
// member's still.
func Check(header []byte) uint32 { return crc32.ChecksumIEEE(header) }

// Error is what is wrong with an archive. It does not name the archive.
type Error struct {
	// Member is the name of the member, if it is known.
	Member string
	// Offset is that of the member's first header, or of what is wrong between the members.
	Offset int64
	// Message is what is wrong.
	Message string
}

func (e *Error) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("at %d: %s", e.Offset, e.Message)
	}
	return fmt.Sprintf("member %s at %d: %s", e.Member, e.Offset, e.Message)
}

const (
	blockSize = BlockSize
	// maxExtended is the most bytes of a long name or a PAX header.
	maxExtended = 1 << 20
)

var zeroBlock [blockSize]byte

// Scan calls each for every member of an archive of size bytes, in order. Its errors are *Error, those of reading, and those of each.
func Scan(r io.ReaderAt, size int64, each func(Member) error) error {
	s := &scanner{window: window{r: r, size: size}, size: size}
	if err := s.compressed(); err != nil {
		return err
	}
	for {
		m, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(m); err != nil {
			return err
		}
	}
}

// scanner reads headers one after another.
type scanner struct {
	window
	size int64
	// at is the offset of the next header.
	at int64
	// global are the values of the global PAX header, own those of the next member's.
	global, own pax
	// name is the name that a GNU header gives to the next member; nil: none.
	name []byte
	buf  []byte
}

// pax are the values of PAX headers that matter here.
type pax struct {
	path    []byte
	size    int64
	hasSize bool
	sparse  bool
}

var magics = []struct{ magic, program string }{
	{"\x1f\x8b", "gzip"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"\x04\x22\x4d\x18", "lz4"},
}

func (s *scanner) compressed() error {
	if s.size < 8 {
		return nil
	}
	b, err := s.read(0, 8)
	if err != nil {
		return err
	}
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return &Error{Message: "the archive is compressed with " + m.program + ", so its members cannot be read in place: decompress it first"}
		}
	}
	return nil
}

// next returns the next member, or io.EOF after the end of the archive.
func (s *scanner) next() (Member, error) {
	first := s.at
	s.own, s.name = pax{}, nil
	// belongs: a header before this one is about this member.
	belongs := false
	for {
		m := Member{Header: first}
		b, err := s.header(first)
		if err != nil {
			return m, err
		}
		if bytes.Equal(b, zeroBlock[:]) {
			return m, s.end(first)
		}
		kind := b[156]
		size, err := s.parse(b, first)
		if err != nil {
			return m, err
		}
		s.at += blockSize
		switch kind {
		case 'x', 'X', 'g', 'L', 'K':
			if err := s.extended(kind, size, first); err != nil {
				return m, err
			}
			if belongs = belongs || kind != 'g'; !belongs {
				first = s.at
			}
			continue
		}
		return s.member(m, b, kind, size)
	}
}

// member completes the member of a header. Its bytes begin at s.at.
func (s *scanner) member(m Member, b []byte, kind byte, size int64) (Member, error) {
	m.Name, m.Check = s.nameOf(b), Check(b)
	if s.own.hasSize {
		size = s.own.size
	} else if s.global.hasSize {
		size = s.global.size
	}
	fail := func(message string) (Member, error) {
		return m, &Error{Member: string(m.Name), Offset: m.Header, Message: message}
	}
	switch {
	case kind == 'S' || s.own.sparse || s.global.sparse:
		return fail("it is sparse: its bytes do not lie in one piece; write the archive without --sparse")
	case kind == 'M':
		return fail("it continues a member of another archive (tar --multi-volume)")
	case kind == '5' || kind == 0 && bytes.HasSuffix(m.Name, []byte("/")):
		m.Kind, size = Folder, 0
	case kind == '0' || kind == 0 || kind == '7':
	case kind == 'D' || kind == 'V':
		// A list of a folder's names, and the label of a volume.
		m.Kind = Folder
	case kind == '1' || kind == '2':
		m.Kind, size = Link, 0
	case kind == '3' || kind == '4' || kind == '6':
		m.Kind, size = Special, 0
	default:
		return fail(fmt.Sprintf("it has the type %q, which is not known", kind))
	}
	if len(m.Name) == 0 {
		return fail("it has no name")
	}
	m.Offset, m.Size = s.at, size
	if size > s.size-s.at {
		return fail(fmt.Sprintf("it has %d bytes, but the archive ends after %d of them: it was cut short", size, s.size-s.at))
	}
	s.at += (size + blockSize - 1) / blockSize * blockSize
	return m, nil
}

// header returns the block at s.at.
func (s *scanner) header(first int64) ([]byte, error) {
	switch {
	case s.size == 0:
		return nil, &Error{Message: "the archive is empty: it was cut short, or never written"}
	case s.at+blockSize <= s.size:
		return s.read(s.at, blockSize)
	case s.at >= s.size && first == s.at:
		return nil, &Error{Offset: s.size, Message: "the archive ends here, without the zero blocks that end a tar: it was cut short"}
	}
	return nil, &Error{Offset: first, Message: fmt.Sprintf("the archive ends at %d, inside of a header: it was cut short", s.size)}
}

// end reads on after the first zero block, to the end of the file. Whatever comes there would be lost.
func (s *scanner) end(first int64) error {
	if first != s.at {
		return &Error{Offset: first, Message: "the archive ends after a header that belongs to another member: it was cut short"}
	}
	zeros := s.at
	for s.at < s.size {
		b, err := s.read(s.at, min(blockSize, s.size-s.at))
		if err != nil {
			return err
		}
		if !bytes.Equal(b, zeroBlock[:len(b)]) {
			return &Error{Offset: s.at, Message: fmt.Sprintf(
				"there is more behind the end of the archive at %d, which programs pass over: archives that were joined by cat have to be joined by tar --concatenate", zeros)}
		}
		s.at += int64(len(b))
	}
	return io.EOF
}

// parse checks a header and returns the size that it has.
func (s *scanner) parse(b []byte, first int64) (int64, error) {
	fail := func(message string) (int64, error) {
		e := &Error{Offset: s.at, Message: message}
		if first != s.at {
			e.Offset = first
		}
		return 0, e
	}
	sum, ok := octal(b[148:156])
	if unsigned, signed := checksums(b); !ok || sum != unsigned && sum != signed {
		if s.at == 0 {
			return fail("this is not the header of a tar")
		}
		return fail("the header's checksum is wrong: the archive is damaged")
	}
	size, ok := number(b[124:136])
	if !ok {
		return fail(fmt.Sprintf("the header has the size %q", b[124:136]))
	}
	return size, nil
}

// nameOf returns the name of a member with this header.
func (s *scanner) nameOf(b []byte) []byte {
	switch {
	case s.own.path != nil:
		return s.own.path
	case s.name != nil:
		return s.name
	case s.global.path != nil:
		return s.global.path
	}
	name := text(b[0:100])
	if string(b[257:263]) != "ustar\x00" {
		return name
	}
	prefix := text(b[345:500])
	if string(b[508:512]) == "tar\x00" {
		// The format of star.
		prefix = text(b[345:476])
	}
	if len(prefix) == 0 {
		return name
	}
	s.buf = append(append(append(s.buf[:0], prefix...), '/'), name...)
	return s.buf
}

// extended reads the bytes of a header that says more about the next member, or about all.
func (s *scanner) extended(kind byte, size, first int64) error {
	fail := func(message string) error { return &Error{Offset: first, Message: message} }
	switch {
	case size > maxExtended:
		return fail(fmt.Sprintf("an extended header has %d bytes; the most are %d", size, maxExtended))
	case size > s.size-s.at:
		return fail(fmt.Sprintf("the archive ends at %d, inside of an extended header: it was cut short", s.size))
	}
	b, err := s.read(s.at, size)
	if err != nil {
		return err
	}
	s.at += (size + blockSize - 1) / blockSize * blockSize
	switch kind {
	case 'L':
		s.name = slices.Clone(text(b))
		if len(s.name) == 0 {
			return fail("a header for a long name has none")
		}
	case 'x', 'X':
		err = s.own.parse(b, &s.global)
	case 'g':
		err = s.global.parse(b, nil)
	}
	if err != nil {
		return fail(err.Error())
	}
	return nil
}

// parse reads records "LENGTH KEY=VALUE\n". An empty value takes back the one of the global header.
func (p *pax) parse(b []byte, global *pax) error {
	// An archive may pad the records with zeros.
	for len(b) > 0 && b[0] != 0 {
		space := bytes.IndexByte(b[:min(len(b), 21)], ' ')
		length, ok := decimal(b[:max(space, 0)])
		if !ok || length < int64(space)+3 || length > int64(len(b)) || b[length-1] != '\n' {
			return errors.New("a PAX header is damaged: its records do not have the lengths that they say")
		}
		key, value, ok := bytes.Cut(b[space+1:length-1], []byte("="))
		if !ok || len(key) == 0 {
			return errors.New("a PAX header is damaged: a record has no key")
		}
		b = b[length:]
		switch string(key) {
		case "path":
			if bytes.IndexByte(value, 0) >= 0 {
				return fmt.Errorf("a PAX header has the path %q, with a zero byte", value)
			}
			p.path = slices.Clone(value)
			if len(value) == 0 {
				p.path = nil
				if global != nil {
					global.path = nil
				}
			}
		case "size":
			if p.size, ok = decimal(value); !ok {
				return fmt.Errorf("a PAX header has the size %q", value)
			}
			p.hasSize = true
		default:
			p.sparse = p.sparse || bytes.HasPrefix(key, []byte("GNU.sparse."))
		}
	}
	return nil
}

// window is a part of the archive in memory. Small members make it grow, so that many headers are read at once.
type window struct {
	r    io.ReaderAt
	size int64
	at   int64
	buf  []byte
	full []byte
}

const (
	leastWindow = 4 << 10
	mostWindow  = 256 << 10
)

// read returns n bytes at an offset, which are valid until the next call. They must lie in the archive.
func (w *window) read(at, n int64) ([]byte, error) {
	if from := at - w.at; from >= 0 && from+n <= int64(len(w.buf)) {
		return w.buf[from : from+n : from+n], nil
	}
	length := int64(len(w.buf))
	if gap := at - w.at - length; gap < 0 || gap > length {
		length = leastWindow
	} else {
		length = min(2*length, mostWindow)
	}
	length = min(max(length, n, leastWindow), w.size-at)
	if int64(cap(w.full)) < length {
		w.full = make([]byte, max(length, leastWindow))
	}
	w.at, w.buf = at, w.full[:length]
	if got, err := w.r.ReadAt(w.buf, at); int64(got) < length {
		w.buf = nil
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading %d bytes at %d: %w", length, at, err)
	}
	return w.buf[:n:n], nil
}

// text returns a field up to its first zero byte.
func text(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// checksums returns the sums of a header's bytes, with those of the sum itself as spaces, and as old programs wrote it: with signs.
func checksums(b []byte) (unsigned, signed int64) {
	// Eight bytes at a time: four sums of 16 bits, which 64 times two bytes do not fill.
	const even, highest = 0x00ff00ff00ff00ff, 0x8080808080808080
	var sums uint64
	high := 0
	for rest := b[:blockSize]; len(rest) >= 8; rest = rest[8:] {
		eight := binary.LittleEndian.Uint64(rest)
		sums += eight&even + eight>>8&even
		if eight&highest != 0 {
			high += bits.OnesCount64(eight & highest)
		}
	}
	for ; sums > 0; sums >>= 16 {
		unsigned += int64(sums & 0xffff)
	}
	for _, c := range b[148:156] {
		unsigned += ' ' - int64(c)
		high -= int(c >> 7)
	}
	return unsigned, unsigned - int64(high)<<8
}

// number reads a number in octal digits, or in binary behind a byte with the highest bit.
func number(b []byte) (int64, bool) {
	if b[0]&0x80 == 0 {
		return octal(b)
	}
	// A negative one, or one of more than 63 bits, is no size.
	if b[0] != 0x80 || b[len(b)-8]&0x80 != 0 || !bytes.Equal(b[1:len(b)-8], zeroBlock[:len(b)-9]) {
		return 0, false
	}
	var n int64
	for _, c := range b[len(b)-8:] {
		n = n<<8 | int64(c)
	}
	return n, true
}

func octal(b []byte) (int64, bool) {
	digits := strings.Trim(string(text(b)), " ")
	var n int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '7' || n >= 1<<60 {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, true
}

func decimal(b []byte) (int64, bool) {
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' || n >= 1<<59 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(b) > 0
}
