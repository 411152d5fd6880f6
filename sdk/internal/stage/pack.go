package stage

import (
	"encoding/json"
	"fmt"
	"slices"
	"unsafe"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// align is the alignment of a tensor's offset in bytes.
const align = 64

// TooSmallError is the error for a batch that does not fit into its region. Sizes are in bytes.
type TooSmallError struct{ Wanted, Size uint64 }

func (e *TooSmallError) Error() string {
	return fmt.Sprintf("the batch's tensors take %d bytes, and its region of the shared memory has %d", e.Wanted, e.Size)
}

// rest is the JSON part of a payload.
type rest struct {
	// Names has the fields' names. It is missing if no field has one.
	Names []string `json:"names,omitempty"`
	// Shapes has the items' shapes for each tensor whose items differ in shape, and null for others.
	Shapes [][][]int `json:"shapes,omitempty"`
	// Info has the Info of each item. It is missing if no item has any.
	Info []json.RawMessage `json:"info,omitempty"`
}

// Layout is the place of a batch's fields in its region.
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
		start := (l.used + align - 1) / align * align
		l.starts = append(l.starts, start)
		l.used = start + p.size()
	}
	if uint64(l.used) > region.GetSize() {
		return nil, &TooSmallError{Wanted: uint64(l.used), Size: region.GetSize()}
	}
	return l, nil
}

// Slot is the memory for field i.
func (l *Layout) Slot(memory []byte, i int) []byte {
	at := int(l.region.GetOffset()) + l.starts[i]
	end := at + l.packed[i].size()
	return memory[at:end:end]
}

// Payload is the message for the next stage.
func (l *Layout) Payload() (*pb.Payload, error) {
	out := &pb.Payload{Used: uint64(l.used)}
	var r rest
	if slices.ContainsFunc(l.packed, func(p Packed) bool { return p.Name != "" }) {
		r.Names = make([]string, len(l.packed))
	}
	for i, p := range l.packed {
		if r.Names != nil {
			r.Names[i] = p.Name
		}
		t := &pb.Tensor{Dtype: p.DType, Offset: l.region.GetOffset() + uint64(l.starts[i])}
		if p.Uniform() {
			t.Shape = append(t.Shape, uint64(len(p.Shapes)))
			for _, d := range p.Shapes[0] {
				t.Shape = append(t.Shape, uint64(d))
			}
		} else {
			if r.Shapes == nil {
				r.Shapes = make([][][]int, len(l.packed))
			}
			r.Shapes[i] = p.Shapes
			t.Shape = []uint64{uint64(p.size() / sizes[p.DType])}
		}
		out.Tensors = append(out.Tensors, t)
	}
	if slices.ContainsFunc(l.info, func(m json.RawMessage) bool { return m != nil }) {
		r.Info = l.info
	}
	var err error
	if out.Rest, err = json.Marshal(r); err != nil {
		return nil, fmt.Errorf("encoding the Info of Load: %w", err)
	}
	return out, nil
}

// Unpack reads a payload of count items. The fields have no buffers: views are their memory.
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
		if i < len(r.Names) {
			p.Name = r.Names[i]
		}
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
		n := uint64(p.size())
		if len(p.Shapes) != count || t.GetOffset() > uint64(len(memory)) || n > uint64(len(memory))-t.GetOffset() {
			return nil, nil, nil, fmt.Errorf("tensor %d of the batch (%d items, %d bytes at %d) does not fit a batch of %d items in a shared memory of %d bytes",
				i, len(p.Shapes), n, t.GetOffset(), count, len(memory))
		}
		fields = append(fields, p)
		views = append(views, memory[t.GetOffset():t.GetOffset()+n:t.GetOffset()+n])
	}
	return fields, views, info, nil
}

// size is the number of bytes of all items.
func (p *Packed) size() int { return p.Offsets[len(p.Offsets)-1] }

// SetOffsets computes Offsets from DType and Shapes.
func (p *Packed) SetOffsets() error {
	p.Offsets = append(make([]int, 0, len(p.Shapes)+1), 0)
	for _, shape := range p.Shapes {
		n, err := ByteSize(p.DType, shape)
		if err != nil {
			return err
		}
		p.Offsets = append(p.Offsets, p.size()+n)
	}
	return nil
}

// Fill writes the items' arrays into the region, padded where they are. An array that Arena allocated in the region may be in its place
// already.
func (l *Layout) Fill(memory []byte, items []Fields) {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(memory))) + uintptr(l.region.GetOffset())
	end := base + uintptr(l.region.GetSize())
	for f, p := range l.packed {
		for i, item := range items {
			data := item.Tensors[f].Data
			at := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
			inPlace := at == base+uintptr(l.starts[f]+p.Offsets[i]) && slices.Equal(item.Tensors[f].Shape, p.Shapes[i])
			if len(data) > 0 && at >= base && at < end && !inPlace {
				// It is at another place in the region, where other arrays would overwrite it.
				items[i].Tensors[f].Data = slices.Clone(data)
			}
		}
	}
	for f, p := range l.packed {
		slot := l.Slot(memory, f)
		for i, item := range items {
			to, from := slot[p.Offsets[i]:p.Offsets[i+1]], item.Tensors[f]
			switch {
			case len(to) == 0 || unsafe.SliceData(from.Data) == unsafe.SliceData(to):
			case p.fill == nil:
				copy(to, from.Data)
			default:
				spread(to, p.Shapes[i], from.Data, from.Shape, p.fill)
			}
		}
	}
}
