package stage

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// ones is an array of bytes 1, 2, 3, ….
func ones(name string, shape ...int) Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	t := Tensor{Name: name, DType: "uint8", Shape: shape, Data: make([]byte, n)}
	for i := range t.Data {
		t.Data[i] = byte(i + 1)
	}
	return t
}

func item(tensors ...Tensor) Fields { return Fields{Tensors: tensors} }

var (
	list  = Collate{}
	stack = Collate{Kind: CollateStack}
)

func pad(value float64, dims int) Collate {
	return Collate{Kind: CollatePad, Value: value, Dims: dims}
}

func byName(rest Collate, rules map[string]Collate) Collate {
	return Collate{Kind: CollateByName, Names: rules, Rest: &rest}
}

// field is a field of a batch as the device gets it.
type field struct {
	Name, DType string
	Wire        []uint64 // the shape of the message's tensor
	Shapes      [][]int
	Data        []byte
}

// through collates, lays out, and reads again as the next stage does.
func through(t *testing.T, c Collate, items ...Fields) []field {
	t.Helper()
	packed, bad, err := c.Collate(items)
	if err != nil {
		t.Fatalf("item %d: %v", bad, err)
	}
	memory := slices.Repeat([]byte{0xee}, 4096)
	layout, err := Pack(packed, []json.RawMessage{nil, nil, nil}[:len(items)], &pb.Region{Offset: 64, Size: 4000})
	if err != nil {
		t.Fatal(err)
	}
	layout.Fill(memory, items)
	payload, err := layout.Payload()
	if err != nil {
		t.Fatal(err)
	}
	fields, views, _, err := Unpack(payload, len(items), memory)
	if err != nil {
		t.Fatal(err)
	}
	var out []field
	for i, p := range fields {
		out = append(out, field{p.Name, p.DType, payload.Tensors[i].Shape, p.Shapes, views[i]})
	}
	return out
}

func int32s(values ...int32) (b []byte) {
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func TestCollates(t *testing.T) {
	none := []int(nil)
	tests := []struct {
		name  string
		rule  Collate
		items []Fields
		want  []field
	}{
		{"a list", list, []Fields{item(ones("a", 2)), item(ones("a", 1, 3))},
			[]field{{"a", "uint8", []uint64{5}, [][]int{{2}, {1, 3}}, []byte{1, 2, 1, 2, 3}}}},
		{"a stack", stack, []Fields{item(ones("", 1, 2)), item(ones("", 1, 2))},
			[]field{{"", "uint8", []uint64{2, 1, 2}, [][]int{{1, 2}, {1, 2}}, []byte{1, 2, 1, 2}}}},
		{"padded rows", pad(9, 1), []Fields{item(ones("a", 1, 2)), item(ones("a", 3, 2)), item(ones("a", 0, 2))},
			[]field{
				{"a", "uint8", []uint64{3, 3, 2}, [][]int{{3, 2}, {3, 2}, {3, 2}}, []byte{1, 2, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 9, 9, 9, 9, 9, 9}},
				{"a_lengths", "int32", []uint64{3}, [][]int{none, none, none}, int32s(1, 3, 0)},
			}},
		{"padded in both dimensions", pad(0, 2), []Fields{item(ones("", 1, 3)), item(ones("", 2, 1))},
			[]field{
				{"", "uint8", []uint64{2, 2, 3}, [][]int{{2, 3}, {2, 3}}, []byte{1, 2, 3, 0, 0, 0, 1, 0, 0, 2, 0, 0}},
				{"", "int32", []uint64{2, 2}, [][]int{{2}, {2}}, int32s(1, 3, 2, 1)},
			}},
		{"one item has its lengths", pad(0, 1), []Fields{item(ones("a", 2))},
			[]field{{"a", "uint8", []uint64{1, 2}, [][]int{{2}}, []byte{1, 2}}, {"a_lengths", "int32", []uint64{1}, [][]int{none}, int32s(2)}}},
		{"by name", byName(byName(list, map[string]Collate{"c": stack}), map[string]Collate{"b": pad(0, 1)}),
			[]Fields{item(ones("a", 1), ones("b", 1), ones("c", 1)), item(ones("a", 2), ones("b", 2), ones("c", 1))},
			[]field{
				{"a", "uint8", []uint64{3}, [][]int{{1}, {2}}, []byte{1, 1, 2}},
				{"b", "uint8", []uint64{2, 2}, [][]int{{2}, {2}}, []byte{1, 0, 1, 2}},
				{"c", "uint8", []uint64{2, 1}, [][]int{{1}, {1}}, []byte{1, 1}},
				{"b_lengths", "int32", []uint64{2}, [][]int{none, none}, int32s(1, 2)},
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, through(t, tt.rule, tt.items...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCollatesRefuse(t *testing.T) {
	tests := []struct {
		rule  Collate
		items []Fields
		bad   int
		want  string
	}{
		{stack, []Fields{item(ones("a", 3)), item(ones("a", 2)), item(ones("a", 2))}, 0, "array a of Load has the shape [3], and [2] in most items"},
		{pad(0, 1), []Fields{item(ones("", 1, 2)), item(ones("", 4, 2)), item(ones("", 1, 3))}, 2, "array 0 of Load has the shape [1 3], which differs from [1 2]"},
		{pad(0, 1), []Fields{item(ones("a", 1, 2)), item(ones("a", 1)), item(ones("a", 2))}, 0, "differs from [1]"},
		{pad(0, 2), []Fields{item(ones("a", 1, 2)), item(ones("a", 1))}, 1, "needs at least 2 dimensions"},
		{pad(-1, 1), []Fields{item(ones("a", 1))}, -1, "array a: the value -1 of Pad is not a number of the type uint8"},
		{pad(0, 1), []Fields{item(ones("a", 1), ones("a_lengths", 1))}, -1, "would have the name a_lengths"},
		{byName(list, map[string]Collate{"x": stack}), []Fields{item(ones("a", 1), ones("", 1))}, -1, "a rule for x, and Load made no array of that name; it made a, 1"},
		{list, []Fields{item(ones("a", 1)), item(ones("b", 1))}, 1, `the name "b", but the name "a"`},
	}
	for _, tt := range tests {
		before := len(tt.items[0].Tensors)
		_, bad, err := tt.rule.Collate(tt.items)
		if err == nil || bad != tt.bad || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("item %d: %v, want item %d: %s", bad, err, tt.bad, tt.want)
		}
		if len(tt.items[0].Tensors) != before {
			t.Errorf("%s: the items were changed", tt.want)
		}
	}
	err := byName(pad(0, 0), map[string]Collate{"": list, "a": pad(1, -1)}).Check()
	for _, want := range []string{"Pad has dims 0", `rule for the name ""`, "Pad has dims -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := byName(list, map[string]Collate{"a": pad(0, 1)}).Check(); err != nil {
		t.Error(err)
	}
}

// TestPaddingInTheRegionItself pads arrays that Load made in the region, where padding one would overwrite the next.
func TestPaddingInTheRegionItself(t *testing.T) {
	memory, region := make([]byte, 4096), &pb.Region{Offset: 128, Size: 1024}
	var arena Arena
	arena.Reset(memory, region)
	var items []Fields
	for _, n := range []int{1, 4, 2} {
		from := ones("a", n)
		data := arena.Bytes(n)
		copy(data, from.Data)
		items = append(items, item(Tensor{Name: "a", DType: "uint8", Shape: []int{n}, Data: data}))
	}
	packed, _, err := pad(7, 1).Collate(items)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := Pack(packed, nil, region)
	if err != nil {
		t.Fatal(err)
	}
	layout.Fill(memory, items)
	if want := []byte{1, 7, 7, 7, 1, 2, 3, 4, 1, 2, 7, 7}; !slices.Equal(layout.Slot(memory, 0), want) {
		t.Errorf("%v, want %v", layout.Slot(memory, 0), want)
	}
}

func TestElements(t *testing.T) {
	u16 := func(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
	u32 := func(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
	u64 := func(v uint64) []byte { return binary.NativeEndian.AppendUint64(nil, v) }
	for _, tt := range []struct {
		dtype string
		value float64
		want  []byte
	}{
		{"bool", 1, []byte{1}}, {"bool", 2, nil}, {"uint8", 255, []byte{255}}, {"uint8", 256, nil}, {"int8", -128, []byte{0x80}}, {"int8", 0.5, nil},
		{"uint16", 65535, u16(65535)}, {"int16", -2, u16(0xfffe)}, {"uint32", 1 << 31, u32(1 << 31)}, {"int32", -100, u32(0xffffff9c)},
		{"uint64", 1 << 63, u64(1 << 63)}, {"uint64", -1, nil}, {"uint64", 1 << 64, nil}, {"int64", -1 << 63, u64(1 << 63)}, {"int64", 1 << 63, nil},
		{"float32", -1.5, u32(0xbfc00000)}, {"float64", 0.1, u64(0x3fb999999999999a)},
		{"bfloat16", 1, u16(0x3f80)}, {"bfloat16", -100, u16(0xc2c8)}, {"bfloat16", 1.00390625, u16(0x3f80)}, {"bfloat16", math.Inf(1), u16(0x7f80)},
		{"float16", 1, u16(0x3c00)}, {"float16", -100, u16(0xd640)}, {"float16", 65504, u16(0x7bff)}, {"float16", 65520, u16(0x7c00)},
		{"float16", math.Inf(-1), u16(0xfc00)}, {"float16", 0x1p-24, u16(1)}, {"float16", 0x1p-26, u16(0)}, {"float16", 0x1p-14, u16(0x0400)},
		{"float16", 1 + 0x1p-11, u16(0x3c00)}, {"float16", 1 + 3*0x1p-11, u16(0x3c02)}, {"float16", 0x3ffp-24 + 0x1p-25, u16(0x0400)},
	} {
		got, err := element(tt.dtype, tt.value)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%s %v: %x %v, want %x", tt.dtype, tt.value, got, err, tt.want)
		}
	}
	for _, dtype := range []string{"bfloat16", "float16"} {
		got, err := element(dtype, math.NaN())
		bits := binary.NativeEndian.Uint16(got)
		if exponent := map[string]uint16{"bfloat16": 0x7f80, "float16": 0x7c00}[dtype]; err != nil || bits&exponent != exponent || bits&^exponent&0x7fff == 0 {
			t.Errorf("%s: %x is not a NaN", dtype, got)
		}
	}
}

func TestABatchFindsItsArraysByName(t *testing.T) {
	b := &Batch{Tensors: []Packed{{Name: "a"}, {Name: "b", DType: "int8"}}}
	if p, err := b.Tensor("b"); err != nil || p != &b.Tensors[1] {
		t.Errorf("%v %v", p, err)
	}
	if _, err := b.Tensor("c"); err == nil || !strings.Contains(fmt.Sprint(err), `no array with the name "c"; it has a, b`) {
		t.Error(err)
	}
}
