package template

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Again gives items of an earlier run the outputs of a template: which items they are comes from the earlier run, and where
// they write does not. It is for one goroutine.
type Again struct {
	t      *Template
	policy Policy
	place  *placer
}

// Again makes an Again.
func (t *Template) Again(p Policy) (*Again, error) {
	a := &Again{t: t, policy: p}
	if t.output == nil {
		return a, nil
	}
	var err error
	a.place, err = newPlacer(t.outputPath)
	return a, err
}

// Line returns the line of an item that an earlier run had, with the outputs that the template gives it, and why it must
// not be begun; empty: it may. Where a mode is the plugin's own code, the line loses the outputs, and the plugin computes
// them.
func (a *Again) Line(line []byte) (again []byte, refusal string, err error) {
	t := a.t
	line = bytes.TrimSpace(line)
	item, _, err := scanItem(line, nil)
	if err != nil {
		return nil, "", fmt.Errorf("the item %w", err)
	}
	if t.output == nil && !slices.Contains(t.custom, RoleOutput) {
		return line, "", nil
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
		return nil, "", fmt.Errorf("the item %w", err)
	}
	if t.Native() {
		if !item.isTriplet {
			return nil, "", errors.New(`the item has no "input" with path, rel_dir and file_name as texts`)
		}
		comma()
		dst = t.output.appendOutputs(dst, t.outputPath, item.input)
		_, at := a.place.find(t.output, item.input)
		refusal = t.refusal(a.policy, at, item.input)
	}
	return append(dst, '}'), refusal, nil
}
