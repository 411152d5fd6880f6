package template

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Again returns the line of an item that an earlier run had, with the outputs that this template gives it: which item it
// is comes from the line, and where it writes does not. Where a mode is the plugin's own code, the line loses the
// outputs, and the plugin computes them.
func (t *Template) Again(line []byte) ([]byte, error) {
	line = bytes.TrimSpace(line)
	item, _, err := scanItem(line, nil)
	if err != nil {
		return nil, fmt.Errorf("the item %w", err)
	}
	if t.output == nil && !slices.Contains(t.custom, RoleOutput) {
		return line, nil
	}
	dst := []byte{'{'}
	comma := func() {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
	}
	s := scanner{b: line}
	var name []byte
	err = s.object(func(key []byte) error {
		var err error
		if name, err = unescape(name[:0], key); err != nil {
			return err
		}
		from := s.i
		if err := s.skip(1); err != nil {
			return err
		}
		if n := string(name); n == "output" || strings.HasPrefix(n, "output_") {
			return nil
		}
		comma()
		dst = append(append(append(append(dst, '"'), key...), '"', ':'), line[from:s.i]...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the item %w", err)
	}
	if t.Native() {
		if !item.isTriplet {
			return nil, errors.New(`the item has no "input" with path, rel_dir and file_name as texts`)
		}
		comma()
		dst = t.output.appendOutputs(dst, t.outputPath, item.input)
	}
	return append(dst, '}'), nil
}
