// Package jsontext finds parts of JSON texts without making a tree of them, and carries file names through JSON
// whatever bytes they have. It reads what Python's json reads and writes: NaN, Infinity and -Infinity are values.
//
// Its errors continue a sentence that begins with the text's name: "the line", "ends where a value should be".
package jsontext

import (
	"errors"
	"fmt"
)

// MaxDepth is how deep objects and arrays may be nested in each other.
const MaxDepth = 1000

// ErrTooDeep is returned for a text that is nested deeper than MaxDepth.
var ErrTooDeep = fmt.Errorf("is nested more than %d deep", MaxDepth)

// errFound ends the reading of an object before its end.
var errFound = errors.New("found")

// Object calls field for every member of the JSON object in b, in order, with the key as it stands between its quotes
// and the value's text. It returns the first error of field; what follows is then not read.
func Object(b []byte, field func(key, value []byte) error) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return unexpected(b, i, "an object")
	}
	i, err := skipNested(b, i, 1, field)
	if err != nil {
		return err
	}
	if space(b, i) < len(b) {
		return fmt.Errorf("goes on after the object's end at byte %d", i+1)
	}
	return nil
}

// skipNested returns the index after the object or array that begins at i. It calls member, if that is not nil, for every member of
// an object.
func skipNested(b []byte, i, depth int, member func(key, value []byte) error) (int, error) {
	if depth > MaxDepth {
		return i, ErrTooDeep
	}
	object, closing, separator := false, byte(']'), "a comma or the array's end"
	if b[i] == '{' {
		object, closing, separator = true, '}', "a comma or the object's end"
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == closing {
		return i + 1, nil
	}
	for {
		var key []byte
		if object {
			keyEnd, err := skipString(b, i)
			if err != nil {
				return i, err
			}
			key = b[i+1 : keyEnd-1]
			i = space(b, keyEnd)
			if i >= len(b) || b[i] != ':' {
				return i, unexpected(b, i, "a colon")
			}
			i = space(b, i+1)
		}
		valueEnd, err := skipValue(b, i, depth)
		if err != nil {
			return i, err
		}
		if member != nil {
			if err := member(key, b[i:valueEnd]); err != nil {
				return i, err
			}
		}
		i = space(b, valueEnd)
		switch {
		case i < len(b) && b[i] == ',':
			i = space(b, i+1)
		case i < len(b) && b[i] == closing:
			return i + 1, nil
		default:
			return i, unexpected(b, i, separator)
		}
	}
}

// Field returns the text of the object's first member with that key, or nil. Keys with escapes in them are not found.
func Field(b []byte, name string) []byte {
	var found []byte
	// A text that breaks off later still has what stands before.
	_ = Object(b, func(key, value []byte) error {
		if string(key) != name {
			return nil
		}
		found = value
		return errFound
	})
	return found
}

// ValidObject reports what keeps b from being exactly one JSON object.
func ValidObject(b []byte) error { return Object(b, nil) }

func unexpected(b []byte, i int, want string) error {
	if i >= len(b) {
		return fmt.Errorf("ends where %s should be", want)
	}
	return fmt.Errorf("has %q at byte %d where %s should be", b[i], i+1, want)
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, unexpected(b, i, "a value")
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '{' || c == '[':
		return skipNested(b, i, depth+1, nil)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	case c == 'N':
		return skipWord(b, i, "NaN")
	case c == 'I':
		return skipWord(b, i, "Infinity")
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(b, i)
	default:
		return i, unexpected(b, i, "a value")
	}
}

func skipWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, unexpected(b, i, "a value")
	}
	return i + len(word), nil
}

func skipString(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, unexpected(b, i, "a string")
	}
	for i++; i < len(b); i++ {
		for _, c := range b[i:] {
			if !plain[c] {
				break
			}
			i++
		}
		switch {
		case i == len(b):
		case b[i] == '"':
			return i + 1, nil
		case b[i] < 0x20:
			return i, unexpected(b, i, "an escaped control character")
		case b[i] == '\\':
			var err error
			if i, err = skipEscape(b, i+1); err != nil {
				return i, err
			}
		}
	}
	return i, unexpected(b, i, "the string's closing quote")
}

// skipEscape returns the index of the last byte of the escape whose backslash stands before i.
func skipEscape(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, unexpected(b, i, "an escape")
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i, nil
	case 'u':
		if _, ok := hex4(b, i+1); !ok {
			return i, unexpected(b, i+1, "four hexadecimal digits")
		}
		return i + 4, nil
	default:
		return i, unexpected(b, i, "an escape")
	}
}

func skipNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
		if i < len(b) && b[i] == 'I' {
			return skipWord(b, i, "Infinity")
		}
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		n := digits(b, i)
		if n == i {
			return i, unexpected(b, i, "a digit")
		}
		i = n
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b, i+1)
		if n == i+1 {
			return n, unexpected(b, n, "a digit")
		}
		i = n
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b, i)
		if n == i {
			return n, unexpected(b, n, "a digit")
		}
		i = n
	}
	return i, nil
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
