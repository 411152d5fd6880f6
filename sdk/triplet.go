package sdk

import (
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
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
	return jsontext.AppendTriplet(dst, f.Path, f.RelDir, f.FileName)
}

// UnmarshalJSON reads what MarshalJSON wrote, and what the host and the Python SDK write. Unknown fields are ignored;
// null leaves the triplet as it is.
func (f *FileTriplet) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if _, err := (*jsontext.Triplet)(f).Read(text); err != nil && !errors.Is(err, jsontext.ErrSurrogate) {
		return fmt.Errorf("a file triplet %w", err)
	}
	return nil
}
