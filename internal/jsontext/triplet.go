package jsontext

import (
	"cmp"
	"errors"
	"fmt"
)

// Triplet is the input or output of an item as it travels: where it is, and where it lies below its root.
type Triplet struct{ Path, RelDir, FileName string }

// AppendTriplet appends {"path":…,"rel_dir":…,"file_name":…}.
func AppendTriplet(dst []byte, path, relDir, fileName string) []byte {
	dst = AppendString(append(dst, `{"path":`...), path)
	dst = AppendString(append(dst, `,"rel_dir":`...), relDir)
	dst = AppendString(append(dst, `,"file_name":`...), fileName)
	return append(dst, '}')
}

// Read sets the members that the JSON object has, and reports whether it has all three. Other members are ignored. With
// ErrSurrogate all members are set; see there.
func (t *Triplet) Read(object []byte) (complete bool, err error) {
	var has [3]bool
	var surrogate error
	err = Object(object, func(key, value []byte) error {
		var to *string
		switch string(key) {
		case "path":
			to, has[0] = &t.Path, true
		case "rel_dir":
			to, has[1] = &t.RelDir, true
		case "file_name":
			to, has[2] = &t.FileName, true
		default:
			return nil
		}
		text, err := String(value)
		switch {
		case errors.Is(err, ErrSurrogate):
			surrogate = err
		case err != nil:
			return fmt.Errorf("%s %w", key, err)
		}
		*to = text
		return nil
	})
	return has[0] && has[1] && has[2], cmp.Or(err, surrogate)
}
