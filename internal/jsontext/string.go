package jsontext

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// plain tells which ASCII characters stand for themselves inside a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string with its quotes. See AppendEscaped.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped appends s as it stands between the quotes of a JSON string. A byte 0xNN that is not UTF-8 becomes the lone surrogate
// \udcNN, as Python's surrogateescape writes it: file names keep their bytes.
func AppendEscaped[T string | []byte](dst []byte, s T) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			// One character at a time: converting so few bytes stays on the stack.
			if r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)])); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = appendByte(dst, c)
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// appendByte appends the escape of a byte that does not stand for itself.
func appendByte(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	case c >= utf8.RuneSelf:
		return appendUnit(dst, 0xdc00|rune(c))
	default:
		return appendUnit(dst, rune(c))
	}
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

// AppendASCII appends s as a JSON string with its quotes and with all that is not printable ASCII escaped, as Python's
// json.dumps writes it. Bytes that are not UTF-8 are treated as by AppendEscaped.
func AppendASCII(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\b':
			dst = append(dst, '\\', 'b')
		case r == '\f':
			dst = append(dst, '\\', 'f')
		case r < 0x7f && plain[r]:
			dst = append(dst, byte(r))
		case r < 0x7f, r == utf8.RuneError && size == 1:
			dst = appendByte(dst, s[i])
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			dst = appendUnit(appendUnit(dst, high), low)
		default:
			dst = appendUnit(dst, r)
		}
		i += size
	}
	return append(dst, '"')
}

// ErrNotString is returned where a string should be and another value is.
var ErrNotString = errors.New("is not a string")

// ErrSurrogate is returned, together with the text, for a string with half of a character in it that stands for no byte.
// The text has U+FFFD in its place.
var ErrSurrogate = errors.New("has half of a character (a lone surrogate)")

// String returns the text of a JSON string literal. Lone surrogates \udc80 to \udcff become the bytes that they stand for.
func String(lit []byte) (string, error) {
	if n, err := skipString(lit, 0); err != nil || n != len(lit) {
		return "", ErrNotString
	}
	body := lit[1 : len(lit)-1]
	if bytes.IndexByte(body, '\\') < 0 {
		return string(body), nil
	}
	text, err := Unescape(make([]byte, 0, len(body)), body)
	return string(text), err
}

// Unescape appends the text of a string whose quotes body stands between, as Object passes a key. See String.
func Unescape(dst, body []byte) (text []byte, err error) {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			dst = append(dst, body[i])
			continue
		}
		i++
		switch c := body[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			unit, _ := hex4(body, i+1)
			i += 4
			low, _ := escapedUnit(body, i+1)
			switch pair := utf16.DecodeRune(unit, low); {
			case !utf16.IsSurrogate(unit):
				dst = utf8.AppendRune(dst, unit)
			case pair != utf8.RuneError:
				dst = utf8.AppendRune(dst, pair)
				i += 6
			case unit >= 0xdc80 && unit <= 0xdcff:
				dst = append(dst, byte(unit))
			default:
				dst, err = utf8.AppendRune(dst, utf8.RuneError), ErrSurrogate
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst, err
}

// escapedUnit reads the escape at i: \u and four hexadecimal digits.
func escapedUnit(b []byte, i int) (rune, bool) {
	if i+1 >= len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	return hex4(b, i+2)
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
