package plan

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// The scanner reads one line as Python's json does (NaN and Infinity included), because lines that the original's users
// have written must go on working. It finds the parts that are needed and makes no tree.

type scanner struct {
	b []byte
	i int
}

var errNested = errors.New("is nested more than 1000 deep")

const maxNesting = 1000

func (s *scanner) fail(want string) error {
	if s.i >= len(s.b) {
		return fmt.Errorf("ends where %s should be", want)
	}
	return fmt.Errorf("has %q at byte %d where %s should be", rune(s.b[s.i]), s.i+1, want)
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// object calls field for each member with its key as written between the quotes; field must read the value.
func (s *scanner) object(field func(key []byte) error) error {
	if !s.take('{') {
		return s.fail("a {")
	}
	s.space()
	if s.take('}') {
		return nil
	}
	for {
		s.space()
		key, err := s.text()
		if err != nil {
			return err
		}
		s.space()
		if !s.take(':') {
			return s.fail("a :")
		}
		s.space()
		if err := field(key); err != nil {
			return err
		}
		s.space()
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.fail("a , or }")
		}
	}
}

// skip reads over one value.
func (s *scanner) skip(depth int) error {
	if depth > maxNesting {
		return errNested
	}
	if s.i >= len(s.b) {
		return s.fail("a value")
	}
	switch c := s.b[s.i]; {
	case c == '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case c == '[':
		return s.array(depth)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	default:
		for _, word := range []string{"true", "false", "null", "NaN", "Infinity"} {
			if s.word(word) {
				return nil
			}
		}
		return s.fail("a value")
	}
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i >= len(w) && string(s.b[s.i:s.i+len(w)]) == w {
		s.i += len(w)
		return true
	}
	return false
}

func (s *scanner) array(depth int) error {
	s.i++
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		if err := s.skip(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.fail("a , or ]")
		}
	}
}

func (s *scanner) number() error {
	if s.take('-') && s.word("Infinity") {
		return nil
	}
	if !s.take('0') && !s.digits() {
		return s.fail("a digit")
	}
	if s.take('.') && !s.digits() {
		return s.fail("a digit")
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.fail("a digit")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > from
}

// text reads a string and returns what stands between its quotes.
func (s *scanner) text() ([]byte, error) {
	if !s.take('"') {
		return nil, s.fail(`a "`)
	}
	from := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from : s.i-1], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < 0x20:
			return nil, s.fail("an escaped control character")
		default:
			s.i++
		}
	}
	return nil, s.fail(`a closing "`)
}

func (s *scanner) escape() error {
	s.i++
	if s.i >= len(s.b) {
		return s.fail("an escape")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		s.i++
		for range 4 {
			if s.i >= len(s.b) || unhex(s.b[s.i]) < 0 {
				return s.fail("a hexadecimal digit")
			}
			s.i++
		}
		return nil
	default:
		return s.fail("an escape")
	}
}

func unhex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	default:
		return -1
	}
}

func code(b []byte) rune {
	return unhex(b[0])<<12 | unhex(b[1])<<8 | unhex(b[2])<<4 | unhex(b[3])
}

var errSurrogate = errors.New("has half of a character (a lone surrogate) in a path")

// unescape appends what a string that text returned stands for, \udcNN being the byte 0xNN.
func unescape(dst, s []byte) ([]byte, error) {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		i += 2
		switch s[i-1] {
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
			r := code(s[i:])
			i += 4
			switch {
			case !utf16.IsSurrogate(r):
				dst = utf8.AppendRune(dst, r)
			case r < 0xDC00 && i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u':
				whole := utf16.DecodeRune(r, code(s[i+2:]))
				if whole == utf8.RuneError {
					return dst, errSurrogate
				}
				dst = utf8.AppendRune(dst, whole)
				i += 6
			case 0xDC80 <= r && r <= 0xDCFF:
				dst = append(dst, byte(r))
			default:
				return dst, errSurrogate
			}
		default:
			dst = append(dst, s[i-1])
		}
	}
	return dst, nil
}

// triplet is the input or output of an item.
type triplet struct{ path, relDir, fileName string }

// scanned is what a line says.
type scanned struct {
	hasInput bool
	// isTriplet: the input is an object with the three strings.
	isTriplet bool
	input     triplet
	empty     bool
}

var errNoObject = errors.New("is not a JSON object")

// scanItem checks that the line is one JSON object and reads its input. The line has no spaces around it.
func scanItem(line []byte, scratch []byte) (scanned, []byte, error) {
	var found scanned
	s := scanner{b: line}
	if !utf8.Valid(line) {
		return found, scratch, errors.New("is not UTF-8")
	}
	if len(line) == 0 || line[0] != '{' {
		return found, scratch, errNoObject
	}
	found.empty = true
	err := s.object(func(key []byte) error {
		found.empty = false
		if string(key) != "input" {
			return s.skip(1)
		}
		found.hasInput, found.isTriplet, found.input = true, false, triplet{}
		if s.i >= len(s.b) || s.b[s.i] != '{' {
			return s.skip(1)
		}
		var err error
		scratch, err = s.triplet(&found, scratch)
		return err
	})
	if err != nil {
		return found, scratch, err
	}
	if s.i != len(line) {
		return found, scratch, fmt.Errorf("goes on after the object's end at byte %d", s.i+1)
	}
	return found, scratch, nil
}

func (s *scanner) triplet(found *scanned, scratch []byte) ([]byte, error) {
	var have [3]bool
	fields := [3]*string{&found.input.path, &found.input.relDir, &found.input.fileName}
	err := s.object(func(key []byte) error {
		k := -1
		switch string(key) {
		case "path":
			k = 0
		case "rel_dir":
			k = 1
		case "file_name":
			k = 2
		}
		if k < 0 || s.i >= len(s.b) || s.b[s.i] != '"' {
			if k >= 0 {
				have[k] = false
			}
			return s.skip(2)
		}
		text, err := s.text()
		if err != nil {
			return err
		}
		if scratch, err = unescape(scratch[:0], text); err != nil {
			return err
		}
		*fields[k], have[k] = string(scratch), true
		return nil
	})
	found.isTriplet = have[0] && have[1] && have[2]
	return scratch, err
}
