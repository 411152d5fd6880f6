package jsontext

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// plain tells which bytes stand for themselves inside a JSON string. Bytes of multi-byte characters are among them.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. A byte 0xNN that is no part of a UTF-8 character becomes the lone surrogate
// \udcNN, as Python's surrogateescape writes it, so that file names come through whole.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf && plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'u', 'd', 'c', hexDigits[c>>4], hexDigits[c&15])
			i++
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// String returns the text of a JSON string literal. Lone surrogates \udc80 to \udcff become the bytes that they stand
// for; other lone surrogates become U+FFFD.
func String(lit []byte) (string, error) {
	n, err := skipString(lit, 0)
	if err != nil {
		return "", err
	}
	if n != len(lit) {
		return "", fmt.Errorf("%q is more than one string", lit)
	}
	body := lit[1 : n-1]
	if bytes.IndexByte(body, '\\') < 0 {
		return string(body), nil
	}
	return string(unescape(make([]byte, 0, len(body)), body)), nil
}

func unescape(dst, body []byte) []byte {
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
			r, _ := hex4(body, i+1)
			i += 4
			switch {
			case !utf16.IsSurrogate(r):
				dst = utf8.AppendRune(dst, r)
			default:
				if low, ok := escapedUnit(body, i+1); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
					dst = utf8.AppendRune(dst, utf16.DecodeRune(r, low))
					i += 6
				} else if r >= 0xdc80 && r <= 0xdcff {
					dst = append(dst, byte(r))
				} else {
					dst = utf8.AppendRune(dst, utf8.RuneError)
				}
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// escapedUnit reads \uXXXX at i.
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
