// Package jsontext finds parts of JSON texts without making a tree of them, and carries file names through JSON
// whatever bytes they have.
package jsontext

import (
	"errors"
	"fmt"
)

// MaxDepth is how deep objects and arrays may be nested in each other.
const MaxDepth = 1000

var errTooDeep = fmt.Errorf("nested more than %d deep", MaxDepth)

// Object calls field for every member of the JSON object in b, in order, with the key as it stands between its quotes
// and the value's text. It stops early, without an error, when field returns false; what follows is then not read.
func Object(b []byte, field func(key, value []byte) bool) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return unexpected(b, i, "an object")
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return end(b, i+1)
	}
	for {
		keyEnd, err := skipString(b, i)
		if err != nil {
			return err
		}
		key := b[i+1 : keyEnd-1]
		i = space(b, keyEnd)
		if i >= len(b) || b[i] != ':' {
			return unexpected(b, i, "a colon")
		}
		i = space(b, i+1)
		valueEnd, err := skipValue(b, i, 1)
		if err != nil {
			return err
		}
		if !field(key, b[i:valueEnd]) {
			return nil
		}
		i = space(b, valueEnd)
		switch {
		case i < len(b) && b[i] == ',':
			i = space(b, i+1)
		case i < len(b) && b[i] == '}':
			return end(b, i+1)
		default:
			return unexpected(b, i, "a comma or the object's end")
		}
	}
}

// Field returns the text of the object's first member with that key, or nil. Keys with escapes in them are not found.
func Field(b []byte, name string) []byte {
	var found []byte
	// A text that breaks off later still has what stands before.
	_ = Object(b, func(key, value []byte) bool {
		if string(key) != name {
			return true
		}
		found = value
		return false
	})
	return found
}

// ValidObject reports what keeps b from being exactly one JSON object.
func ValidObject(b []byte) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return unexpected(b, i, "an object")
	}
	i, err := skipValue(b, i, 0)
	if err != nil {
		return err
	}
	return end(b, i)
}

func end(b []byte, i int) error {
	if i = space(b, i); i < len(b) {
		return unexpected(b, i, "the end")
	}
	return nil
}

func unexpected(b []byte, i int, want string) error {
	if i >= len(b) {
		return fmt.Errorf("the text ends where %s should be", want)
	}
	return fmt.Errorf("%q at byte %d where %s should be", b[i], i, want)
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index behind the value that begins at i.
func skipValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, unexpected(b, i, "a value")
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '{':
		return skipObject(b, i, depth+1)
	case c == '[':
		return skipArray(b, i, depth+1)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(b, i)
	default:
		return i, unexpected(b, i, "a value")
	}
}

func skipObject(b []byte, i, depth int) (int, error) {
	if depth > MaxDepth {
		return i, errTooDeep
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = skipString(b, i); err != nil {
			return i, err
		}
		i = space(b, i)
		if i >= len(b) || b[i] != ':' {
			return i, unexpected(b, i, "a colon")
		}
		if i, err = skipValue(b, space(b, i+1), depth); err != nil {
			return i, err
		}
		i = space(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i = space(b, i+1)
		case i < len(b) && b[i] == '}':
			return i + 1, nil
		default:
			return i, unexpected(b, i, "a comma or the object's end")
		}
	}
}

func skipArray(b []byte, i, depth int) (int, error) {
	if depth > MaxDepth {
		return i, errTooDeep
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = skipValue(b, i, depth); err != nil {
			return i, err
		}
		i = space(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i = space(b, i+1)
		case i < len(b) && b[i] == ']':
			return i + 1, nil
		default:
			return i, unexpected(b, i, "a comma or the array's end")
		}
	}
}

func skipWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, unexpected(b, i, word)
	}
	return i + len(word), nil
}

var errBadEscape = errors.New("an unknown escape in a string")

func skipString(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, unexpected(b, i, "a string")
	}
	for i++; i < len(b); i++ {
		c := b[i]
		if plain[c] {
			continue
		}
		switch {
		case c == '"':
			return i + 1, nil
		case c < 0x20:
			return i, unexpected(b, i, "an escaped control character")
		case c == '\\':
			i++
			if i >= len(b) {
				return i, unexpected(b, i, "an escape")
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(b, i+1); !ok {
					return i, errBadEscape
				}
				i += 4
			default:
				return i, errBadEscape
			}
		}
	}
	return i, unexpected(b, i, "the string's closing quote")
}

func skipNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
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
