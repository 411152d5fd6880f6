// Package members reads the members of tar archives that items have: as bytes, or as files that only memory holds.
package members

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// Field is the item's field that says where its members are (docs/protocol.md, "Items").
const Field = "members"

// Place is where the members of an item are.
type Place struct {
	// Tar is the path of the archive.
	Tar string
	// Bytes: the task wants bytes, so no files are made.
	Bytes bool
	Parts []Part
}

// Part is a member: the bytes for a field "input_ID" of the item.
type Part struct {
	Field        string
	Offset, Size int64
	// Check is tarfile.Check of the header before the bytes.
	Check uint32
}

// Append appends the value of the item's field.
func (p *Place) Append(dst []byte) []byte {
	dst = jsontext.AppendString(append(dst, `{"tar":`...), p.Tar)
	if p.Bytes {
		dst = append(dst, `,"bytes":true`...)
	}
	for _, part := range p.Parts {
		dst = append(jsontext.AppendString(append(dst, ','), part.Field), `:[`...)
		dst = append(strconv.AppendInt(dst, part.Offset, 10), ',')
		dst = append(strconv.AppendInt(dst, part.Size, 10), ',')
		dst = append(strconv.AppendUint(dst, uint64(part.Check), 10), ']')
	}
	return append(dst, '}')
}

// Of reads where the members of an item are; nil: it has none. A field of this name without an archive is the user's own.
func Of(item []byte) (*Place, error) {
	value := jsontext.Field(item, Field)
	if tar := jsontext.Field(value, "tar"); len(tar) < 3 || tar[0] != '"' {
		return nil, nil
	}
	p := &Place{}
	err := jsontext.Object(value, func(key, value []byte) (err error) {
		switch string(key) {
		case "tar":
			if p.Tar, err = jsontext.String(value); errors.Is(err, jsontext.ErrSurrogate) {
				err = nil
			}
			return err
		case "bytes":
			p.Bytes = string(value) == "true"
			return nil
		}
		var numbers [3]int64
		if err := json.Unmarshal(value, &numbers); err != nil {
			return err
		}
		field, err := jsontext.Unescape(nil, key)
		part := Part{Field: string(field), Offset: numbers[0], Size: numbers[1], Check: uint32(numbers[2])}
		if part.Offset < blockSize || part.Size < 0 || part.Size > maxMember {
			return fmt.Errorf("a member of %d bytes at %d", part.Size, part.Offset)
		}
		p.Parts = append(p.Parts, part)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the item's %s: %w", Field, err)
	}
	return p, nil
}

// Size returns the bytes of all members of an item; false: it has none.
func Size(item []byte) (size int64, ok bool) {
	place, err := Of(item)
	if err != nil || place == nil {
		return 0, false
	}
	for _, part := range place.Parts {
		size += part.Size
	}
	return size, true
}

// inputs calls each for the item's fields "input" and "input_ID" that are files.
func inputs(item []byte, each func(field string, t jsontext.Triplet)) error {
	return jsontext.Object(item, func(key, value []byte) error {
		var t jsontext.Triplet
		if isInput(key) && value[0] == '{' {
			if complete, err := t.Read(value); complete && (err == nil || errors.Is(err, jsontext.ErrSurrogate)) {
				each(string(key), t)
			}
		}
		return nil
	})
}

func isInput(key []byte) bool {
	rest, ok := bytes.CutPrefix(key, []byte("input"))
	return ok && (len(rest) == 0 || rest[0] == '_')
}

// withPaths returns the item with the new paths of its inputs, by the paths that they have.
func withPaths(item []byte, paths map[string]string) ([]byte, error) {
	out := append(make([]byte, 0, len(item)+256), '{')
	err := jsontext.Object(item, func(key, value []byte) error {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), key...), '"', ':')
		var t jsontext.Triplet
		if isInput(key) && value[0] == '{' {
			if complete, err := t.Read(value); complete && (err == nil || errors.Is(err, jsontext.ErrSurrogate)) {
				if path, ok := paths[t.Path]; ok {
					out = jsontext.AppendTriplet(out, path, t.RelDir, t.FileName)
					return nil
				}
			}
		}
		out = append(out, value...)
		return nil
	})
	return append(out, '}'), err
}
