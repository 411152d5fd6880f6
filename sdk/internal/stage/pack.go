package stage

import (
	"encoding/json"
	"fmt"
	"slices"
	"unsafe"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Align is what a tensor's offset is a multiple of.
const Align = 64

func alignUp(n int) int { return (n + Align - 1) &^ (Align - 1) }

// TooSmallError says that a batch does not fit into its region.
type TooSmallError struct{ Wanted, Size uint64 }

func (e *TooSmallError) Error() string {
	return fmt.Sprintf("the batch's tensors take %d bytes, and its region of the shared memory has %d", e.Wanted, e.Size)
}

// rest is a payload's JSON: what its tensors do not say.
type rest struct {
	// Shapes has the items' shapes of each tensor that is not uniform; null for others.
	Shapes [][][]int `json:"shapes,omitempty"`
	// Info has the items' own; absent when no item has any.
	Info []json.RawMessage `json:"info,omitempty"`
}

// Layout is where the fields of a batch go in its region.
type Layout struct {
	packed []Packed // without buffers
	starts []int    // from the region's start
	used   int
	region *pb.Region
	info   []json.RawMessage
}

// Pack lays out a batch's fields and checks that they fit.
func Pack(fields []Packed, info []json.RawMessage, region *pb.Region) (*Layout, error) {
	l := &Layout{packed: fields, region: region, info: info}
	for _, p := range fields {
		start := alignUp(l.used)
		l.starts = append(l.starts, start)
		l.used = start + p.Offsets[len(p.Offsets)-1]
	}
	if uint64(l.used) > region.GetSize() {
		return nil, &TooSmallError{Wanted: uint64(l.used), Size: region.GetSize()}
	}
	return l, nil
}

// Slot is the memory for field i.
func (l *Layout) Slot(memory []byte, i int) []byte {
	at := int(l.region.GetOffset()) + l.starts[i]
	p := l.packed[i]
	n := p.Offsets[len(p.Offsets)-1]
	return memory[at : at+n : at+n]
}

// Payload is the message for the next stage.
func (l *Layout) Payload() (*pb.Payload, error) {
	out := &pb.Payload{Used: uint64(l.used)}
	var r rest
	ragged := false
	r.Shapes = make([][][]int, len(l.packed))
	for i := range l.packed {
		p := &l.packed[i]
		t := &pb.Tensor{Dtype: p.DType, Offset: l.region.GetOffset() + uint64(l.starts[i])}
		if p.Uniform() {
			t.Shape = append(t.Shape, uint64(len(p.Shapes)))
			for _, d := range p.Shapes[0] {
				t.Shape = append(t.Shape, uint64(d))
			}
		} else {
			ragged = true
			r.Shapes[i] = p.Shapes
			t.Shape = []uint64{uint64(p.Offsets[len(p.Offsets)-1] / sizes[p.DType])}
		}
		out.Tensors = append(out.Tensors, t)
	}
	if !ragged {
		r.Shapes = nil
	}
	if slices.ContainsFunc(l.info, func(m json.RawMessage) bool { return m != nil }) {
		r.Info = l.info
	}
	var err error
	if out.Rest, err = json.Marshal(r); err != nil {
		return nil, fmt.Errorf("encoding what Load gave as Info: %w", err)
	}
	return out, nil
}

// Unpack reads a payload of count items. The fields have no buffers; views are their memory.
func Unpack(m *pb.Payload, count int, memory []byte) (fields []Packed, views [][]byte, info []json.RawMessage, err error) {
	var r rest
	if len(m.GetRest()) > 0 {
		if err := json.Unmarshal(m.GetRest(), &r); err != nil {
			return nil, nil, nil, fmt.Errorf("decoding the batch: %w", err)
		}
	}
	if info = r.Info; info == nil {
		info = make([]json.RawMessage, count)
	}
	if len(info) != count {
		return nil, nil, nil, fmt.Errorf("the batch has %d items and information on %d", count, len(info))
	}
	for i, text := range info {
		if string(text) == "null" {
			info[i] = nil
		}
	}
	for i, t := range m.GetTensors() {
		p := Packed{DType: t.GetDtype()}
		if i < len(r.Shapes) && r.Shapes[i] != nil {
			p.Shapes = r.Shapes[i]
		} else {
			var shape []int
			for _, d := range t.GetShape()[min(1, len(t.GetShape())):] {
				shape = append(shape, int(d))
			}
			p.Shapes = slices.Repeat([][]int{shape}, count)
		}
		if err := p.SetOffsets(); err != nil {
			return nil, nil, nil, err
		}
		n := uint64(p.Offsets[len(p.Offsets)-1])
		if len(p.Shapes) != count || t.GetOffset() > uint64(len(memory)) || n > uint64(len(memory))-t.GetOffset() {
			return nil, nil, nil, fmt.Errorf("tensor %d of the batch (%d items, %d bytes at %d) is not one of %d items in a shared memory of %d bytes",
				i, len(p.Shapes), n, t.GetOffset(), count, len(memory))
		}
		fields = append(fields, p)
		views = append(views, memory[t.GetOffset():t.GetOffset()+n:t.GetOffset()+n])
	}
	return fields, views, info, nil
}

// SetOffsets computes Offsets from DType and Shapes.
func (p *Packed) SetOffsets() error {
	p.Offsets = append(make([]int, 0, len(p.Shapes)+1), 0)
	for _, shape := range p.Shapes {
		n, err := ByteSize(p.DType, shape)
		if err != nil {
			return err
		}
		p.Offsets = append(p.Offsets, p.Offsets[len(p.Offsets)-1]+n)
	}
	return nil
}

// Collate makes the fields of a batch of those of its items, which are at least one. bad is the position of an item that does not fit to the others,
// -1 if the error is of no single one.
func Collate(items []Fields) (fields []Packed, bad int, err error) {
	first := items[0].Tensors
	fields = make([]Packed, len(first))
	for i, item := range items {
		if len(item.Tensors) != len(first) {
			return nil, i, fmt.Errorf("load made %d tensors of this item, and %d of the batch's first", len(item.Tensors), len(first))
		}
		for f, t := range item.Tensors {
			n, err := ByteSize(t.DType, t.Shape)
			switch {
			case err != nil:
				return nil, i, fmt.Errorf("tensor %d that Load made: %w", f, err)
			case n != len(t.Data):
				return nil, i, fmt.Errorf("tensor %d that Load made has %d bytes, and its type %s and shape %v take %d", f, len(t.Data), t.DType, t.Shape, n)
			case t.DType != first[f].DType:
				return nil, i, fmt.Errorf("tensor %d that Load made is of type %s, and of type %s in the batch's first item", f, t.DType, first[f].DType)
			}
			fields[f].DType = t.DType
			fields[f].Shapes = append(fields[f].Shapes, t.Shape)
		}
	}
	for f := range fields {
		if err := fields[f].SetOffsets(); err != nil {
			return nil, -1, err
		}
	}
	return fields, -1, nil
}

// Fill writes the items' arrays into the region. Those that lie in it already, from Arena, stay where they are if that is their
// place.
func (l *Layout) Fill(memory []byte, items []Fields) {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(memory))) + uintptr(l.region.GetOffset())
	end := base + uintptr(l.region.GetSize())
	for f := range l.packed {
		for i, item := range items {
			data := item.Tensors[f].Data
			at := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
			if len(data) > 0 && at >= base && at < end && at != base+uintptr(l.starts[f]+l.packed[f].Offsets[i]) {
				// In the region and not in its place: writing others would overwrite it.
				items[i].Tensors[f].Data = slices.Clone(data)
			}
		}
	}
	for f := range l.packed {
		slot := l.Slot(memory, f)
		for i, item := range items {
			to := slot[l.packed[f].Offsets[i]:l.packed[f].Offsets[i+1]]
			if data := item.Tensors[f].Data; len(to) > 0 && unsafe.SliceData(data) != unsafe.SliceData(to) {
				copy(to, data)
			}
		}
	}
}
