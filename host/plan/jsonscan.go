package plan

import (
	"errors"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// triplet is the input or output of an item.
type triplet = jsontext.Triplet

// scanned is what is known of a line.
type scanned struct {
	hasInput bool
	// isTriplet: the input is an object with the three strings.
	isTriplet bool
	input     triplet
	empty     bool
}

var errSurrogate = errors.New(jsontext.ErrSurrogate.Error() + " in a path")

// scanItem checks that a line without spaces around it is one JSON object, and reads its input.
func scanItem(line []byte) (scanned, error) {
	found := scanned{empty: true}
	if !utf8.Valid(line) {
		return found, errors.New("is not UTF-8")
	}
	if len(line) == 0 || line[0] != '{' {
		return found, errors.New("is not a JSON object")
	}
	err := jsontext.Object(line, func(key, value []byte) error {
		found.empty = false
		if string(key) != "input" {
			return nil
		}
		found.hasInput, found.isTriplet, found.input = true, false, triplet{}
		if value[0] != '{' {
			return nil
		}
		complete, err := found.input.Read(value)
		if errors.Is(err, jsontext.ErrSurrogate) {
			return errSurrogate
		}
		found.isTriplet = complete && err == nil
		return nil
	})
	return found, err
}
