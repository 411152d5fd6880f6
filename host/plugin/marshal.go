package plugin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/count"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// The types of objects in Python's marshal that a block of items may have.
const (
	marshalList, marshalDict, marshalEnd                 = '[', '{', '0'
	marshalShortASCII, marshalShortASCIIInterned         = 'z', 'Z'
	marshalASCII, marshalASCIIInterned                   = 'a', 'A'
	marshalUTF8, marshalUTF8Interned                     = 'u', 't'
	marshalInt, marshalLong                              = 'i', 'l'
	marshalNone, marshalTrue, marshalFalse, marshalAgain = 'N', 'T', 'F', 'r'
	// marshalNumbered is added to the type of an object that may come again, as the number that it has among these.
	marshalNumbered = 0x80
)

// maxMarshalItem bounds an item's text. Texts that come again take 5 bytes in the message.
const maxMarshalItem = 64 << 20

var errMarshalShort = errors.New("it ends in the middle of an item")

// marshalBlock makes JSON Lines of a block of items in Python's marshal.
type marshalBlock struct {
	data []byte
	// at is where the rest begins, left how many items that is.
	at, left int
	// numbered is where the objects are that may come again.
	numbered []int
	out      []byte
}

func newMarshalBlock(b *pb.Block) (*marshalBlock, error) {
	m := &marshalBlock{data: b.GetPayload(), left: int(b.GetCount())}
	kind, err := m.kind(false)
	if err == nil && kind != marshalList {
		err = errors.New("it is not a list")
	}
	if err != nil {
		return nil, unreadable(m.left, err)
	}
	n, err := m.number()
	if err == nil && int(n) != m.left {
		err = fmt.Errorf("it has %s", count.Of(int(n), "item"))
	}
	if err != nil {
		return nil, unreadable(m.left, err)
	}
	return m, nil
}

func unreadable(items int, why error) error {
	return fmt.Errorf("the plugin sent a block of %s in Python's marshal that cannot be read: %w", count.Of(items, "item"), why)
}

// next is a block of the items to come, of about listBytes at most.
func (m *marshalBlock) next() (backbones.Block, error) {
	items := 0
	m.out = make([]byte, 0, min(2*len(m.data), listBytes+listBytes/8))
	for m.left > 0 && len(m.out) < listBytes {
		if items > 0 {
			m.out = append(m.out, '\n')
		}
		if err := m.object(m.dict, false); err != nil {
			return backbones.Block{}, unreadable(m.left, err)
		}
		items++
		m.left--
	}
	return backbones.Block{Count: items, Payload: m.out}, nil
}

// object reads an object by a function that gets its type, and whether it has been read before.
func (m *marshalBlock) object(read func(kind byte, again bool) error, again bool) error {
	kind, err := m.kind(again)
	if err != nil {
		return err
	}
	if kind != marshalAgain {
		return read(kind, again)
	}
	n, err := m.number()
	if err != nil {
		return err
	}
	if n < 0 || int(n) >= len(m.numbered) {
		return fmt.Errorf("it refers to object %d of %d", n, len(m.numbered))
	}
	back := m.at
	m.at = m.numbered[n]
	kind, err = m.kind(true)
	if err == nil {
		err = read(kind, true)
	}
	m.at = back
	return err
}

func (m *marshalBlock) dict(kind byte, again bool) error {
	if kind != marshalDict {
		return fmt.Errorf("an item is of type %q", kind)
	}
	m.out = append(m.out, '{')
	start := len(m.out)
	for {
		if m.at < len(m.data) && m.data[m.at] == marshalEnd {
			m.at++
			m.out = append(m.out, '}')
			return nil
		}
		if len(m.out)-start > maxMarshalItem {
			return fmt.Errorf("an item is larger than %d MiB", maxMarshalItem>>20)
		}
		if len(m.out) > start {
			m.out = append(m.out, ',')
		}
		if err := m.object(m.key, again); err != nil {
			return err
		}
		m.out = append(m.out, ':')
		if err := m.object(m.value, again); err != nil {
			return err
		}
	}
}

func (m *marshalBlock) key(kind byte, _ bool) error {
	switch kind {
	case marshalShortASCII, marshalShortASCIIInterned, marshalASCII, marshalASCIIInterned, marshalUTF8, marshalUTF8Interned:
		return m.value(kind, false)
	default:
		return fmt.Errorf("a key is of type %q", kind)
	}
}

func (m *marshalBlock) value(kind byte, _ bool) error {
	switch kind {
	case marshalNone:
		m.out = append(m.out, "null"...)
	case marshalTrue:
		m.out = append(m.out, "true"...)
	case marshalFalse:
		m.out = append(m.out, "false"...)
	case marshalInt:
		n, err := m.number()
		if err != nil {
			return err
		}
		m.out = strconv.AppendInt(m.out, int64(n), 10)
	case marshalLong:
		return m.long()
	case marshalShortASCII, marshalShortASCIIInterned:
		if m.at >= len(m.data) {
			return errMarshalShort
		}
		m.at++
		return m.text(int(m.data[m.at-1]))
	case marshalASCII, marshalASCIIInterned, marshalUTF8, marshalUTF8Interned:
		n, err := m.number()
		if err != nil {
			return err
		}
		return m.text(int(n))
	default:
		return fmt.Errorf("a value is of type %q", kind)
	}
	return nil
}

func (m *marshalBlock) kind(again bool) (byte, error) {
	if m.at >= len(m.data) {
		return 0, errMarshalShort
	}
	kind := m.data[m.at]
	if kind&marshalNumbered != 0 && !again {
		m.numbered = append(m.numbered, m.at)
	}
	m.at++
	return kind &^ marshalNumbered, nil
}

func (m *marshalBlock) number() (int32, error) {
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return int32(binary.LittleEndian.Uint32(b)), nil
}

func (m *marshalBlock) take(n int) ([]byte, error) {
	if n < 0 || n > len(m.data)-m.at {
		return nil, errMarshalShort
	}
	m.at += n
	return m.data[m.at-n : m.at], nil
}

// long is an integer in digits of 15 bits, the lowest first. Their number has the integer's sign.
func (m *marshalBlock) long() error {
	size, err := m.number()
	if err != nil {
		return err
	}
	digits, err := m.take(2 * max(int(size), -int(size)))
	if err != nil {
		return err
	}
	words := make([]big.Word, len(digits)/2*15/bits.UintSize+2)
	for i := 0; i < len(digits); i += 2 {
		digit := big.Word(binary.LittleEndian.Uint16(digits[i:]))
		word, shift := i/2*15/bits.UintSize, i/2*15%bits.UintSize
		words[word] |= digit << shift
		words[word+1] |= digit >> (bits.UintSize - shift)
	}
	n := new(big.Int).SetBits(words)
	if size < 0 {
		n.Neg(n)
	}
	m.out = n.Append(m.out, 10)
	return nil
}

// text writes n bytes as a JSON string.
func (m *marshalBlock) text(n int) error {
	text, err := m.take(n)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return fmt.Errorf("a text is not UTF-8: %q", clip(string(text)))
	}
	m.out = append(m.out, '"')
	from := 0
	for i, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			m.out = append(append(m.out, text[from:i]...), escape(c)...)
			from = i + 1
		}
	}
	m.out = append(append(m.out, text[from:]...), '"')
	return nil
}

// escape is how Python's json writes a character that cannot stand for itself.
func escape(c byte) string {
	switch c {
	case '"', '\\':
		return `\` + string(c)
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\f':
		return `\f`
	case '\b':
		return `\b`
	default:
		return fmt.Sprintf(`\u%04x`, c)
	}
}
