package sdk

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/sdk/internal/staging"
)

// RawItem is an item that is JSON text already: List may yield it.
type RawItem []byte

// Item is one unit of work: a JSON object of fields, decoded only as far as it is asked for. It stays valid after
// Process has returned.
type Item struct {
	// Index is the item's position in the chunk that was sent to this worker. It means nothing beyond log lines.
	Index int

	raw   []byte
	stage *staging.Dir
}

// Input is the field "input", which templates fill. The zero triplet where there is none.
func (it Item) Input() FileTriplet { return it.triplet("input") }

// Output is the field "output": where to write. While Process runs, its Path lies in a staging folder under the final
// file's own name, and is moved to its place when Process returns without an error, together with everything else that
// lies beside it. A folder output exists already. RelDir and FileName are the final ones.
func (it Item) Output() FileTriplet {
	f := it.triplet("output")
	if it.stage != nil && f.Path != "" {
		f.Path = it.stage.Staged(f.Path)
	}
	return f
}

// OutputOf is the field "output_ID": one of the files that OutputByFilenameSubfoldering names. The zero triplet where
// there is none.
func (it Item) OutputOf(id string) FileTriplet {
	f := it.triplet("output_" + id)
	if it.stage != nil && f.Path != "" {
		f.Path = it.stage.StagedIn(it.triplet("output").Path, f.Path)
	}
	return f
}

// Field is the JSON text of any field as it came (outputs with their final paths), or nil. It must not be changed.
func (it Item) Field(name string) json.RawMessage { return jsontext.Field(it.raw, name) }

// Decode reads the item into v as encoding/json does. Outputs have the paths that Output and OutputOf return.
func (it Item) Decode(v any) error {
	if err := json.Unmarshal(it.JSON(), v); err != nil {
		return fmt.Errorf("decoding the item: %w", err)
	}
	return nil
}

// JSON is the item's text. Outputs have the paths that Output and OutputOf return. It must not be changed.
func (it Item) JSON() []byte {
	if it.stage == nil {
		return it.raw
	}
	// The object is written anew with the output fields replaced; members that are no triplets stay as they are.
	out := append(make([]byte, 0, len(it.raw)+64), '{')
	err := jsontext.Object(it.raw, func(key, value []byte) error {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), key...), '"', ':')
		id, isOutput := strings.CutPrefix(string(key), "output_")
		switch {
		case string(key) == "output" && jsontext.Field(value, "path") != nil:
			out = replacePath(out, value, it.Output().Path)
		case isOutput && jsontext.Field(value, "path") != nil:
			out = replacePath(out, value, it.OutputOf(id).Path)
		default:
			out = append(out, value...)
		}
		return nil
	})
	if err != nil {
		return it.raw
	}
	return append(out, '}')
}

// replacePath appends the triplet with another path, its other members as they are.
func replacePath(dst, triplet []byte, path string) []byte {
	dst = append(dst, '{')
	first := true
	_ = jsontext.Object(triplet, func(key, value []byte) error {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), key...), '"', ':')
		if string(key) == "path" {
			dst = jsontext.AppendString(dst, path)
		} else {
			dst = append(dst, value...)
		}
		return nil
	})
	return append(dst, '}')
}

// String names the item for people: the input's path where it has one, its JSON text otherwise.
func (it Item) String() string {
	if path := it.Input().Path; path != "" {
		return path
	}
	return string(it.raw)
}

func (it Item) triplet(name string) FileTriplet {
	var f FileTriplet
	if value := jsontext.Field(it.raw, name); len(value) > 0 && value[0] == '{' {
		// What is no triplet reads as the zero one; Decode says what is wrong with it.
		if f.UnmarshalJSON(value) != nil {
			return FileTriplet{}
		}
	}
	return f
}
