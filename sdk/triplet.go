package sdk

import (
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

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
