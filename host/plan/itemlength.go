package plan

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/members"
)

// fieldLength is the length that an item has in a field: a number itself, the number of a text's characters, of a list's entries, of an object's
// members. False: the item has no such field, or one of another kind.
func fieldLength(line []byte, key string) (float64, bool) {
	value := bytes.TrimSpace(line)
	for name := range strings.SplitSeq(strings.TrimPrefix(key, "."), ".") {
		if value = member(value, name); value == nil {
			return 0, false
		}
	}
	switch value[0] {
	case '"':
		text, err := jsontext.String(value)
		return float64(utf8.RuneCountInString(text)), err == nil
	case '[':
		var entries []json.RawMessage
		err := json.Unmarshal(value, &entries)
		return float64(len(entries)), err == nil
	case '{':
		n := 0
		err := jsontext.Object(value, func([]byte, []byte) error { n++; return nil })
		return float64(n), err == nil
	case 't', 'f', 'n', 'N':
		return 0, false
	}
	n, err := strconv.ParseFloat(string(value), 64)
	return n, err == nil
}

// member is the text of an object's member; nil: it has none of that name.
func member(object []byte, name string) (value []byte) {
	if len(object) == 0 || object[0] != '{' {
		return nil
	}
	_ = jsontext.Object(object, func(key, text []byte) error {
		if keyIs(key, name) {
			value = text
		}
		return nil
	})
	return value
}

// keyIs compares a key as it stands between its quotes.
func keyIs(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key) == name
	}
	text, err := jsontext.String(append(append([]byte{'"'}, key...), '"'))
	return err == nil && text == name
}

// memberSize is the size of an item's input that is a member of an archive. False: it is a file.
func memberSize(line []byte, path string) (int64, bool) {
	place, err := members.Of(line)
	if err != nil || place == nil {
		return 0, false
	}
	for _, part := range place.Parts {
		if other, ok := filePath(line, part.Field); ok && other == path {
			return part.Size, true
		}
	}
	return 0, false
}

// filePath is the path in an item's field: that of a file triplet, or a text.
func filePath(line []byte, field string) (string, bool) {
	value := member(bytes.TrimSpace(line), field)
	if len(value) > 0 && value[0] == '{' {
		value = member(value, "path")
	}
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	path, err := jsontext.String(value)
	return path, err == nil
}

// fieldNames are the names of an item's fields, for messages.
func fieldNames(line []byte) string {
	var names []string
	err := jsontext.Object(bytes.TrimSpace(line), func(key, _ []byte) error {
		names = append(names, string(key))
		return nil
	})
	switch {
	case err != nil:
		return "none: it is not a JSON object"
	case len(names) == 0:
		return "no fields"
	}
	return "the fields " + strings.Join(names, ", ")
}
