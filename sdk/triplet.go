package sdk

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/sdk/internal/jsontext"
)

// FileTriplet names a file (or folder) of a template: its path, and where it lies below the input or output folder.
// In JSON it is {"path", "rel_dir", "file_name"}. Names that are not UTF-8 keep their bytes in both directions.
type FileTriplet struct {
	// Path is where to open it. For an output this is a place to write to; see Item.Output.
	Path string
	// RelDir is its folder relative to the root of the shard, "." for the root itself.
	RelDir string
	// FileName is its name in that folder.
	FileName string
}

// MarshalJSON writes the triplet so that file names of any bytes come through.
func (f FileTriplet) MarshalJSON() ([]byte, error) { return f.appendJSON(nil), nil }

func (f FileTriplet) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"path":`...)
	dst = jsontext.AppendString(dst, f.Path)
	dst = append(dst, `,"rel_dir":`...)
	dst = jsontext.AppendString(dst, f.RelDir)
	dst = append(dst, `,"file_name":`...)
	dst = jsontext.AppendString(dst, f.FileName)
	return append(dst, '}')
}

// UnmarshalJSON reads what MarshalJSON wrote, and what the host and the Python SDK write. Unknown fields are ignored;
// null leaves the triplet as it is.
func (f *FileTriplet) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var fieldErr error
	err := jsontext.Object(text, func(key, value []byte) bool {
		var target *string
		switch string(key) {
		case "path":
			target = &f.Path
		case "rel_dir":
			target = &f.RelDir
		case "file_name":
			target = &f.FileName
		default:
			return true
		}
		s, err := jsontext.String(value)
		if err != nil {
			fieldErr = fmt.Errorf("%s of a file triplet: %w", key, err)
			return false
		}
		*target = s
		return true
	})
	if err != nil {
		return fmt.Errorf("a file triplet: %w", err)
	}
	return fieldErr
}
