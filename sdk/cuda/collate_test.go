package cuda_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/cuda"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

// Sample is one item with leaves of type cuda.Tensor, and a batch with leaves of type cuda.Packed.
type Sample[A cuda.Leaf] struct {
	Mel   A `name:"mel"`
	Truth struct {
		Label A
		Boxes []A
	}
}

// Sizes has the sizes of the padded array, which only a batch has.
type Sizes struct {
	Lengths cuda.Packed `name:"mel_lengths"`
}

// Speech sums lists of numbers, text files with a number a line, in padded batches.
type Speech struct {
	Odd string `help:"What to make of a different shape."`
}

func (*Speech) Collate() cuda.Collate {
	return cuda.ByName(map[string]cuda.Collate{"mel": cuda.Pad(-1, 1), "Truth.Label": cuda.Stack()}, cuda.List())
}

func (s *Speech) Load(ctx context.Context, item sdk.Item) (fields cuda.Fields, err error) {
	text, err := os.ReadFile(item.Input().Path)
	if err != nil {
		return fields, err
	}
	lines := strings.Fields(string(text))
	var sample Sample[cuda.Tensor]
	data := cuda.Bytes(ctx, 4*len(lines))
	for i, line := range lines {
		if _, err := fmt.Sscan(line, &cuda.View[float32](data)[i]); err != nil {
			return fields, err
		}
	}
	sample.Mel = cuda.Tensor{DType: "float32", Shape: []int{len(lines), 1}, Data: data}
	sample.Truth.Label = cuda.Tensor{DType: "uint8", Shape: []int{1}, Data: []byte{byte(len(lines))}}
	if len(lines) == 3 && s.Odd == "label" {
		sample.Truth.Label = cuda.Tensor{DType: "uint8", Shape: []int{2}, Data: []byte{1, 2}}
	}
	if len(lines) == 3 && s.Odd == "mel" {
		sample.Mel.Shape = []int{1, 3}
	}
	for _, n := range []int{1, len(lines)} {
		sample.Truth.Boxes = append(sample.Truth.Boxes, cuda.Tensor{DType: "uint8", Shape: []int{n}, Data: make([]byte, n)})
	}
	fields.Tensors, err = cuda.Nest[cuda.Tensor](sample)
	return fields, err
}

// Infer checks the shapes, and sums each item up to its true length.
func (*Speech) Infer(_ context.Context, device cuda.Device, batch *cuda.Batch) ([]cuda.Packed, error) {
	var in Sample[cuda.Packed]
	var sizes Sizes
	if err := cuda.Unnest(batch.Tensors, &in); err != nil {
		return nil, err
	}
	if err := cuda.Unnest(batch.Tensors, &sizes); err != nil {
		return nil, err
	}
	lengths := cuda.View[int32](sizes.Lengths.Buffer.Host)[:batch.Len]
	rows := int(slices.Max(lengths))
	mel := cuda.View[float32](in.Mel.Buffer.Host)
	if !in.Mel.Uniform() || !slices.Equal(in.Mel.Shapes[0], []int{rows, 1}) || len(in.Truth.Boxes) != 2 || !in.Truth.Label.Uniform() {
		return nil, fmt.Errorf("shapes %v, %d boxes", in.Mel.Shapes, len(in.Truth.Boxes))
	}
	out, err := cuda.New(device, "float32", slices.Repeat([][]int{{1}}, batch.Len))
	if err != nil {
		return nil, err
	}
	for i, length := range lengths {
		sum := &cuda.View[float32](out.Buffer.Host)[i]
		*sum = 0
		for k := range rows {
			switch value := mel[i*rows+k]; {
			case k < int(length):
				*sum += value
			case value != -1:
				return nil, fmt.Errorf("item %d is padded with %v", i, value)
			}
		}
		if boxes := in.Truth.Boxes[1].Shapes[i]; !slices.Equal(boxes, []int{int(length)}) {
			return nil, fmt.Errorf("item %d has boxes of shape %v", i, boxes)
		}
	}
	return cuda.Nest[cuda.Packed](map[string]cuda.Packed{"sum": out})
}

func (*Speech) Finish(_ context.Context, item sdk.Item, output *cuda.Output) error {
	var result struct {
		Sum cuda.Tensor `name:"sum"`
	}
	if err := cuda.Unnest(output.Tensors, &result); err != nil {
		return err
	}
	return os.WriteFile(item.Output().Path, fmt.Append(nil, cuda.View[float32](result.Sum.Data)[0]), 0o666)
}

var speech = sdk.Task[Speech]{Template: &sdk.Template{
	HardShard: sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder), Input: sdk.InputByExts(".txt"), Output: sdk.OutputByReplacingExt(".out"),
	BatchSize: 4, BatchBy: "size",
}}

func TestCollatesOfATask(t *testing.T) {
	dir, files := numbers(t, 7)
	for i, o := range sdktest.Run(t, speech, nil, append(files, sdktest.BatchSize(4))...) {
		if o.Status != sdktest.Done {
			t.Errorf("item %d: %s, %v", i, o.Status, o.Err)
		}
	}
	for n := 1; n <= 7; n++ {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.out", n)))
		if want := fmt.Sprint(n * (n + 1) / 2); err != nil || string(got) != want {
			t.Errorf("%d: %q %v, want %s", n, got, err, want)
		}
	}
}

// TestAnOddShapeFailsOneItem: the others of its batch are done.
func TestAnOddShapeFailsOneItem(t *testing.T) {
	for odd, want := range map[string]string{"label": "Stack needs one shape", "mel": "behind the first 1 dimensions"} {
		dir, files := numbers(t, 4)
		for i, o := range sdktest.Run(t, speech, []string{"--odd", odd}, append(files, sdktest.BatchSize(4))...) {
			three := (i+2)%4+1 == 3
			if (o.Status == sdktest.Failed) != three || three && !strings.Contains(o.Err.Message, want) {
				t.Errorf("%s, item %d: %s %v", odd, i, o.Status, o.Err)
			}
		}
		if outputs, _ := filepath.Glob(filepath.Join(dir, "*.out")); len(outputs) != 3 {
			t.Errorf("%s: outputs %v", odd, outputs)
		}
	}
}

func TestNest(t *testing.T) {
	array := func(n byte) cuda.Tensor {
		return cuda.Tensor{DType: "uint8", Shape: []int{1}, Data: []byte{n}}
	}
	type inner struct{ B *cuda.Tensor }
	type tree struct {
		A      cuda.Tensor
		Named  cuda.Tensor `name:"other"`
		Map    map[string]inner
		Slice  []inner
		Array  [2]cuda.Tensor
		None   *inner
		hidden int
	}
	b := func(n byte) *cuda.Tensor { a := array(n); return &a }
	in := tree{A: array(1), Named: array(2), Map: map[string]inner{"y": {b(3)}, "x": {b(4)}}, Slice: []inner{{b(5)}, {b(6)}},
		Array: [2]cuda.Tensor{array(7), array(8)}, hidden: 1}
	leaves, err := cuda.Nest[cuda.Tensor](&in)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, leaf := range leaves {
		got = append(got, fmt.Sprintf("%s=%d", leaf.Name, leaf.Data[0]))
	}
	want := []string{"A=1", "other=2", "Map.x.B=4", "Map.y.B=3", "Slice.0.B=5", "Slice.1.B=6", "Array.0=7", "Array.1=8"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var back tree
	if err := cuda.Unnest(leaves, &back); err != nil {
		t.Fatal(err)
	}
	again, err := cuda.Nest[cuda.Tensor](back)
	if diff := cmp.Diff(leaves, again); diff != "" || err != nil || back.None != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestNestRefuses(t *testing.T) {
	wrong := map[string]any{"a.b": cuda.Tensor{}, "n": 3, "keys": map[int]cuda.Tensor{}, "": cuda.Tensor{}, "s": struct{ Text string }{}}
	_, err := cuda.Nest[cuda.Tensor](wrong)
	for _, want := range []string{`the tree: the name "a.b" must not`, "n: has the type int; it must be a cuda.Tensor, or", "keys: has the type map[int]", `the name ""`, "s.Text: has the type string"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := cuda.Nest[cuda.Packed](nil); err == nil || !strings.Contains(err.Error(), "the tree: is nil; it must be a cuda.Packed") {
		t.Error(err)
	}
	var into struct {
		A cuda.Tensor
		N int
		M map[int]cuda.Tensor
	}
	err = cuda.Unnest([]cuda.Tensor{{Name: "B"}, {Name: "C"}}, &into)
	for _, want := range []string{"A: there is no array of this name; there are B, C", "N: has the type int", "M: has the type map[int]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := cuda.Unnest([]cuda.Tensor{}, into); err == nil || !strings.Contains(err.Error(), "needs a pointer") {
		t.Error(err)
	}
}
