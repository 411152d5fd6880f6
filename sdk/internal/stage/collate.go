package stage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Collate says how the arrays that Load made of a batch's items become the fields of the batch. The zero Collate is List. Make others by the
// functions of sdk/cuda.
type Collate struct {
	Kind CollateKind
	// Value and Dims are those of Pad.
	Value float64
	Dims  int
	// Names and Rest are those of ByName.
	Names map[string]Collate
	Rest  *Collate
}

// CollateKind is the kind of a Collate.
type CollateKind int

// The kinds of a Collate.
const (
	CollateList CollateKind = iota
	CollateStack
	CollatePad
	CollateByName
)

// Lengths is appended to the name of a padded field for that of its true sizes.
const Lengths = "_lengths"

// Check returns what is wrong with the settings.
func (c Collate) Check() error {
	switch {
	case c.Kind == CollatePad && c.Dims < 1:
		return fmt.Errorf("the collate Pad has dims %d; it must be at least 1", c.Dims)
	case c.Kind != CollateByName:
		return nil
	}
	err := c.Rest.Check()
	for _, name := range slices.Sorted(maps.Keys(c.Names)) {
		if name == "" {
			err = errors.Join(err, errors.New("the collate ByName has a rule for the name \"\"; give the array a Name, or leave it to the rest"))
		}
		err = errors.Join(err, c.Names[name].Check())
	}
	return err
}

// of is the rule for a field.
func (c Collate) of(name string) Collate {
	for c.Kind == CollateByName {
		if rule, has := c.Names[name]; has {
			c = rule
		} else {
			c = *c.Rest
		}
	}
	return c
}

// unknown returns the names that have rules, and no field has.
func (c Collate) unknown(fields []Packed) (names []string) {
	for name := range c.Names {
		if !slices.ContainsFunc(fields, func(p Packed) bool { return p.Name == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Collate makes the fields of a batch from those of its items, at least one. The sizes of padded fields are appended to the items' tensors.
// After an error, bad is the position of the item that does not match the others, or -1.
func (c Collate) Collate(items []Fields) (fields []Packed, bad int, err error) {
	if fields, bad, err = gather(items); err != nil {
		return nil, bad, err
	}
	if names := c.unknown(fields); len(names) > 0 {
		return nil, -1, fmt.Errorf("the collate has a rule for %s, and Load made no array of that name; it made %s", strings.Join(names, ", "), named(fields))
	}
	for f := range fields {
		if bad, err := fields[f].prepare(c.of(fields[f].Name), f, fields); err != nil {
			return nil, bad, err
		}
	}
	// Only now is anything changed: after an error the caller tries again without the bad item.
	for f := range fields[:len(fields):len(fields)] {
		if p := &fields[f]; p.fill != nil {
			sizes := p.pad(items, c.of(p.Name).Dims)
			fields = append(fields, sizes)
		}
	}
	for f := range fields {
		if err := fields[f].SetOffsets(); err != nil {
			return nil, -1, err
		}
	}
	return fields, -1, nil
}

// prepare checks a field against its rule, and sets its fill if it is to be padded.
func (p *Packed) prepare(rule Collate, field int, fields []Packed) (bad int, err error) {
	if rule.Kind == CollateList {
		return -1, nil
	}
	if bad := p.odd(rule); bad >= 0 {
		return bad, p.mismatch(rule, field, bad)
	}
	if rule.Kind != CollatePad {
		return -1, nil
	}
	if p.Name != "" && slices.ContainsFunc(fields, func(other Packed) bool { return other.Name == p.Name+Lengths }) {
		return -1, fmt.Errorf("the sizes of the padded array %s would have the name %s, which another array has", p.Name, p.Name+Lengths)
	}
	if p.fill, err = element(p.DType, rule.Value); err != nil {
		return -1, fmt.Errorf("array %s: %w", p.label(field), err)
	}
	return -1, nil
}

// pad gives all items of a field one shape. It appends the true sizes in the first dimensions to the items' tensors, and returns their field.
func (p *Packed) pad(items []Fields, dims int) Packed {
	sizes := Packed{DType: "int32"}
	if p.Name != "" {
		sizes.Name = p.Name + Lengths
	}
	shape := []int{dims}
	if dims == 1 {
		shape = []int{}
	}
	for i := range items {
		size := Tensor{Name: sizes.Name, DType: sizes.DType, Shape: shape}
		for _, d := range p.Shapes[i][:dims] {
			size.Data = binary.NativeEndian.AppendUint32(size.Data, uint32(min(d, math.MaxInt32)))
		}
		items[i].Tensors = append(slices.Clip(items[i].Tensors), size)
		sizes.Shapes = append(sizes.Shapes, shape)
	}
	p.Shapes = slices.Repeat([][]int{largest(p.Shapes)}, len(items))
	return sizes
}

// gather puts the items' arrays beside each other, and checks that they match.
func gather(items []Fields) (fields []Packed, bad int, err error) {
	first := items[0].Tensors
	fields = make([]Packed, len(first))
	for i, item := range items {
		if len(item.Tensors) != len(first) {
			return nil, i, fmt.Errorf("load made %d tensors for this item, and %d for the first item of the batch", len(item.Tensors), len(first))
		}
		for f, t := range item.Tensors {
			n, err := ByteSize(t.DType, t.Shape)
			switch {
			case err != nil:
				return nil, i, fmt.Errorf("tensor %d of Load: %w", f, err)
			case n != len(t.Data):
				return nil, i, fmt.Errorf("tensor %d of Load has %d bytes, but its type %s and shape %v need %d", f, len(t.Data), t.DType, t.Shape, n)
			case t.DType != first[f].DType:
				return nil, i, fmt.Errorf("tensor %d of Load has type %s, but type %s in the first item of the batch", f, t.DType, first[f].DType)
			case t.Name != first[f].Name:
				return nil, i, fmt.Errorf("tensor %d of Load has the name %q, but the name %q in the first item of the batch", f, t.Name, first[f].Name)
			}
			fields[f].Name, fields[f].DType = t.Name, t.DType
			fields[f].Shapes = append(fields[f].Shapes, t.Shape)
		}
	}
	return fields, -1, nil
}

// fixed is the part of a shape in which items must not differ under a rule.
func (c Collate) fixed(shape []int) (dims int, part []int) {
	if c.Kind == CollatePad {
		return len(shape), shape[min(c.Dims, len(shape)):]
	}
	return len(shape), shape
}

// odd is the position of an item that most of the others do not match under a rule, or has too few dimensions; -1: there is none.
func (p *Packed) odd(rule Collate) int {
	most, votes := "", map[string]int{}
	keys := make([]string, len(p.Shapes))
	for i, shape := range p.Shapes {
		dims, part := rule.fixed(shape)
		if rule.Kind == CollatePad && dims < rule.Dims {
			return i
		}
		keys[i] = fmt.Sprint(dims, part)
		if votes[keys[i]]++; votes[keys[i]] > votes[most] {
			most = keys[i]
		}
	}
	return slices.IndexFunc(keys, func(key string) bool { return key != most })
}

func (p *Packed) mismatch(rule Collate, field, item int) error {
	shape, label := p.Shapes[item], p.label(field)
	if rule.Kind == CollatePad && len(shape) < rule.Dims {
		return fmt.Errorf("array %s of Load has the shape %v, and Pad needs at least %d dimensions", label, shape, rule.Dims)
	}
	other := slices.IndexFunc(p.Shapes, func(s []int) bool { return !slices.Equal(s, shape) })
	if rule.Kind == CollatePad {
		return fmt.Errorf("array %s of Load has the shape %v, which differs from %v of most items of the batch behind the first %d dimensions; give Pad a larger dims, or use List", label, shape, p.Shapes[other], rule.Dims)
	}
	return fmt.Errorf("array %s of Load has the shape %v, and %v in most items of the batch; Stack needs one shape: use Pad or List", label, shape, p.Shapes[other])
}

// label names a field in messages.
func (p *Packed) label(field int) string {
	if p.Name != "" {
		return p.Name
	}
	return fmt.Sprint(field)
}

func named(fields []Packed) string {
	var names []string
	for f := range fields {
		names = append(names, fields[f].label(f))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func largest(shapes [][]int) []int {
	all := slices.Clone(shapes[0])
	for _, shape := range shapes {
		for d, n := range shape {
			all[d] = max(all[d], n)
		}
	}
	return all
}
