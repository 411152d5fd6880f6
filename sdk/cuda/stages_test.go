package cuda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/cuda"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

// Square squares lists of numbers: text files with a number a line. Its batches are ragged.
type Square struct {
	Fail string `help:"Where to fail."`

	env sdk.Env
}

func (s *Square) Open(_ context.Context, env sdk.Env) error {
	s.env = env
	return nil
}

func (s *Square) IsExecuted(_ context.Context, item sdk.Item) (bool, error) {
	_, err := os.Stat(item.Output().Path)
	return err == nil, nil
}

func (s *Square) Load(ctx context.Context, item sdk.Item) (cuda.Fields, error) {
	text, err := os.ReadFile(item.Input().Path)
	if err != nil {
		return cuda.Fields{}, err
	}
	words := strings.Fields(string(text))
	// Of the SDK's memory, and given back when the item fails.
	data := cuda.Bytes(ctx, 4*len(words))
	numbers := cuda.View[float32](data)
	for i, word := range words {
		v, err := strconv.ParseFloat(word, 32)
		if err != nil {
			return cuda.Fields{}, err
		}
		numbers[i] = float32(v)
	}
	if len(words) == 3 && s.Fail == "load" {
		panic("three is too many")
	}
	dtype := "float32"
	if len(words) == 3 && s.Fail == "type" {
		dtype = "int32"
	}
	return cuda.Fields{
		Tensors: []cuda.Tensor{{DType: dtype, Shape: []int{len(words)}, Data: data}, {DType: "uint8", Shape: []int{1}, Data: []byte{2}}},
		Info:    map[string]int{"count": len(words)},
	}, nil
}

func (s *Square) Infer(_ context.Context, device cuda.Device, batch *cuda.Batch) ([]cuda.Packed, error) {
	in := batch.Tensors[0]
	for i, shape := range in.Shapes {
		var info struct{ Count int }
		if err := json.Unmarshal(batch.Info[i], &info); err != nil || info.Count != shape[0] {
			return nil, fmt.Errorf("information %s on an item of shape %v: %w", batch.Info[i], shape, err)
		}
		if shape[0] == 3 {
			switch s.Fail {
			case "infer":
				return nil, errors.New("no three")
			case "panic":
				panic("no three")
			case "goexit":
				runtime.Goexit()
			case "memory":
				return nil, fmt.Errorf("squaring: %w", &cuda.MemoryError{Wanted: 3, Free: 2, Total: 10})
			}
		}
	}
	out, err := cuda.New(device, "float32", in.Shapes)
	if err != nil {
		return nil, err
	}
	to, from := cuda.View[float32](out.Buffer.Host), cuda.View[float32](in.Buffer.Host)
	for i := range to {
		to[i] = from[i] * from[i]
	}
	if s.Fail == "short" {
		out.Shapes = out.Shapes[1:]
	}
	return []cuda.Packed{out}, nil
}

func (s *Square) Finish(_ context.Context, item sdk.Item, output *cuda.Output) error {
	var text []byte
	for _, v := range cuda.View[float32](output.Tensors[0].Data) {
		text = fmt.Appendln(text, v)
	}
	if err := os.WriteFile(item.Output().Path, append(text, output.Info...), 0o666); err != nil {
		return err
	}
	if len(output.Tensors[0].Data) == 12 && s.Fail == "finish" {
		return errors.New("not three")
	}
	return nil
}

var square = sdk.Task[Square]{
	Summary: "Squares numbers",
	Template: &sdk.Template{
		HardShard: sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder), Input: sdk.InputByExts(".txt"), Output: sdk.OutputByReplacingExt(".out"),
		BatchSize: 4,
	},
}

// numbers makes files of 1…n numbers, in an order that is not theirs.
func numbers(t *testing.T, n int) (dir string, files []sdktest.Option) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		count := (i+2)%n + 1
		path := filepath.Join(dir, fmt.Sprintf("%d.txt", count))
		var text []byte
		for k := range count {
			text = fmt.Appendln(text, k+1)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		files = append(files, sdktest.File(path, strings.TrimSuffix(path, ".txt")+".out"))
	}
	return dir, files
}

func TestStages(t *testing.T) {
	dir, files := numbers(t, 7)
	if err := os.WriteFile(filepath.Join(dir, "5.out"), []byte("kept"), 0o666); err != nil {
		t.Fatal(err)
	}
	for i, o := range sdktest.Run(t, square, nil, append(files, sdktest.BatchSize(4))...) {
		want := sdktest.Done
		if (i+2)%7+1 == 5 {
			want = sdktest.Skipped
		}
		if o.Status != want {
			t.Errorf("item %d: %s, %v", i, o.Status, o.Err)
		}
	}
	for name, want := range map[string]string{"3.out": "1\n4\n9\n{\"count\":3}", "1.out": "1\n{\"count\":1}", "5.out": "kept"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestFailuresAreOneItems fails on the item with three numbers, wherever: it alone has no output.
func TestFailuresAreOneItems(t *testing.T) {
	for fail, want := range map[string]string{
		"load": "three is too many", "type": "int32", "infer": "no three", "panic": "no three", "goexit": "Goexit", "memory": "3 bytes were wanted",
		"finish": "not three",
	} {
		dir, files := numbers(t, 5)
		failed := 0
		for _, o := range sdktest.Run(t, square, []string{"--fail", fail}, files...) {
			if o.Status == sdktest.Done {
				continue
			}
			// With the type wrong in the first item of a batch, the others differ from it.
			if failed++; o.Status != sdktest.Failed || !strings.Contains(o.Err.Message, want) {
				t.Errorf("%s: %s %v", fail, o.Status, o.Err)
			}
		}
		outputs, _ := filepath.Glob(filepath.Join(dir, "*.out"))
		if fail != "type" && (failed != 1 || slices.Contains(outputs, filepath.Join(dir, "3.out"))) || len(outputs) != 5-failed {
			t.Errorf("%s: %d items failed, outputs %v", fail, failed, outputs)
		}
	}
}

func TestAResultThatIsNotTheBatchs(t *testing.T) {
	_, files := numbers(t, 2)
	for _, o := range sdktest.Run(t, square, []string{"--fail", "short"}, files...) {
		if o.Status != sdktest.Failed || !strings.Contains(o.Err.Message, "0 items, and the batch has 1") {
			t.Errorf("%s %v", o.Status, o.Err)
		}
	}
}

func TestDevices(t *testing.T) {
	for name, want := range map[string]string{"gpu": "no device", "cuda:x": "no device", "cuda:01": "no device"} {
		if _, err := cuda.OpenDevice(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := cuda.OpenDevice("cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got := make([]byte, 3)
	release, err := d.Batch(func(d cuda.Device, read func([]byte, *cuda.Buffer) error) error {
		b, err := d.Upload([]byte{1, 2, 3})
		if err != nil {
			return err
		}
		b.Host[1] = 7
		if _, err := d.Function("", ""); d.CUDA() || err == nil {
			t.Error("the CPU has kernels")
		}
		return read(got, b)
	})
	if err != nil || !slices.Equal(got, []byte{1, 7, 3}) {
		t.Errorf("read %v, %v", got, err)
	}
	release()
}
