package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/staging"
)

// RawItem is the JSON text of an item. List may yield it.
type RawItem []byte

// Item is one unit of work: a JSON object, decoded on demand. It stays valid after Process returns.
type Item struct {
	// Index is the item's position in its chunk. It is useful only in log lines.
	Index int

	raw   []byte
	stage *staging.Dir
	// members reads those of tar archives; nil: the run has none.
	members *members.Reader
}

// Input is the field "input", which templates fill, or the zero triplet.
func (it Item) Input() FileTriplet { return it.triplet("input") }

// InputOf is the field "input_ID", one of the files of InputByGroup and InputByFilenameSubfoldering; false: the item has no such file.
func (it Item) InputOf(id string) (FileTriplet, bool) {
	f := it.triplet("input_" + id)
	return f, f != FileTriplet{}
}

// Output is the field "output", the path to write, or the zero triplet. While Process runs, Path is in a staging folder
// and has the final file's name. When Process returns nil, the SDK moves everything in that folder to its final place.
// If the output is a folder, it exists already. RelDir and FileName are the final ones.
func (it Item) Output() FileTriplet {
	f := it.triplet("output")
	if it.stage != nil && f.Path != "" {
		f.Path = it.stage.Staged(f.Path)
	}
	return f
}

// OutputOf is the field "output_ID", one of the files of OutputByFilenameSubfoldering, or the zero triplet.
func (it Item) OutputOf(id string) FileTriplet {
	f := it.triplet("output_" + id)
	if it.stage != nil && f.Path != "" {
		f.Path = it.stage.StagedIn(it.triplet("output").Path, f.Path)
	}
	return f
}

// Field is the JSON text of a field as the host sent it (outputs have their final paths), or nil. Do not change it.
func (it Item) Field(name string) json.RawMessage { return jsontext.Field(it.raw, name) }

// Decode reads the item into v with encoding/json. Outputs have the paths that Output and OutputOf return.
func (it Item) Decode(v any) error {
	if err := json.Unmarshal(it.JSON(), v); err != nil {
		return fmt.Errorf("decoding the item: %w", err)
	}
	return nil
}

// JSON is the item's text. Outputs have the paths that Output and OutputOf return. Do not change it.
func (it Item) JSON() []byte {
	if it.stage == nil {
		return it.raw
	}
	return rewrite(it.raw, func(key string, value []byte) []byte {
		path := ""
		if id, isOutput := strings.CutPrefix(key, "output_"); isOutput {
			path = it.OutputOf(id).Path
		} else if key == "output" {
			path = it.Output().Path
		}
		if path == "" {
			return value
		}
		return rewrite(value, func(key string, value []byte) []byte {
			if key == "path" {
				return jsontext.AppendString(nil, path)
			}
			return value
		})
	})
}

// rewrite returns an object with each value replaced by what change returns. It returns damaged text unchanged.
func rewrite(object []byte, change func(key string, value []byte) []byte) []byte {
	out := append(make([]byte, 0, len(object)+64), '{')
	err := jsontext.Object(object, func(key, value []byte) error {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), key...), '"', ':')
		out = append(out, change(string(key), value)...)
		return nil
	})
	if err != nil {
		return object
	}
	return append(out, '}')
}

// String is the input's path, or the JSON text of an item without one.
func (it Item) String() string {
	if path := it.Input().Path; path != "" {
		return path
	}
	return string(it.raw)
}

func (it Item) triplet(name string) FileTriplet {
	var f FileTriplet
	if value := jsontext.Field(it.raw, name); len(value) > 0 && value[0] == '{' {
		// Decode reports what is wrong with a bad triplet.
		if f.UnmarshalJSON(value) != nil {
			return FileTriplet{}
		}
	}
	return f
}

// FileTriplet is a file or folder of a template. In JSON it is {"path", "rel_dir", "file_name"}. Names that are not UTF-8
// keep their bytes in both directions.
type FileTriplet struct {
	// Path is the path to open. For an output, see Item.Output.
	Path string
	// RelDir is its folder relative to the shard's input or output folder, "." for that folder itself.
	RelDir string
	// FileName is its name in that folder.
	FileName string
}

// MarshalJSON keeps the bytes of file names that are not UTF-8.
func (f FileTriplet) MarshalJSON() ([]byte, error) { return f.appendJSON(nil), nil }

func (f FileTriplet) appendJSON(dst []byte) []byte {
	return jsontext.AppendTriplet(dst, f.Path, f.RelDir, f.FileName)
}

// UnmarshalJSON reads triplets of MarshalJSON, the host and the Python SDK. It ignores unknown fields and null.
func (f *FileTriplet) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if _, err := (*jsontext.Triplet)(f).Read(text); err != nil && !errors.Is(err, jsontext.ErrSurrogate) {
		return fmt.Errorf("a file triplet %w", err)
	}
	return nil
}
