// Command cudaresize is a plugin of kagurazaka with the task CudaResize, which resizes pictures on a CUDA device, for models
// (.npy) or as JPEG. Built without the tag cuda, it works only on the CPU.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/plugins/cudaresize/internal/filter"
	"github.com/kagurazaka/kagurazaka/plugins/internal/thumb"
	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/cuda"
)

// CudaResize holds the task's arguments.
type CudaResize struct {
	Size       int    `default:"256" help:"Longest side of the result in pixels."`
	Quality    int    `default:"85" help:"Quality of JPEG, 1 to 100."`
	Enlarge    bool   `help:"Make smaller pictures larger, too; otherwise they keep their size."`
	Normalize  string `placeholder:"MEAN/DEVIATION" help:"Write .npy as float32 of 3 x height x width, (v/255 - mean) / deviation: imagenet, or R,G,B/R,G,B. Without it, uint8 of height x width x 3."`
	Background string `default:"white" help:"Colour under transparent parts: #rgb, #rrggbb or a CSS name."`
	MaxPixels  int64  `name:"max-pixels" default:"200000000" help:"A picture whose header promises more pixels than this fails, before anything is decoded. So does one whose result would have more."`

	resizer *thumb.Resizer
	filter  filter.Filter
}

var _ cuda.Stages = (*CudaResize)(nil)

// Open checks all arguments and loads the machine's libraries.
func (r *CudaResize) Open(ctx context.Context, env sdk.Env) error {
	var problems []error
	background, err := thumb.ParseColor(r.Background)
	if err != nil {
		problems = append(problems, fmt.Errorf("--background: %w", err))
	}
	if r.Normalize != "" {
		if r.filter.Scale, err = filter.ParseNormalize(r.Normalize); err != nil {
			problems = append(problems, fmt.Errorf("--normalize: %w", err))
		}
	}
	mode, _ := env.Template["output_mode"].(map[string]any)
	if ext, ok := mode["ext"].(string); ok {
		if _, err := r.layout(ext); err != nil {
			problems = append(problems, err)
		}
	}
	resizer, err := thumb.New(thumb.Options{
		Size: r.Size, Quality: r.Quality, Enlarge: r.Enlarge, Background: background, MaxPixels: r.MaxPixels,
	})
	if err := errors.Join(append(problems, err)...); err != nil {
		return err
	}
	r.resizer = resizer
	if env.WorkerIndex == 0 && env.Stage == sdk.StageLoad {
		how, why := r.resizer.Describe()
		sdk.Log(ctx).Debug(how)
		if why != nil {
			sdk.Log(ctx).Debug("not all libraries are used", "reason", why)
		}
	}
	return nil
}

// layout is the layout for an output's extension.
func (r *CudaResize) layout(path string) (filter.Layout, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".npy" && r.Normalize != "":
		return filter.Floats, nil
	case ext == ".npy":
		return filter.Bytes, nil
	case (ext == ".jpg" || ext == ".jpeg") && r.Normalize != "":
		return 0, fmt.Errorf("--normalize makes numbers for .npy, and the output is %s (--mixin output_mode.ext=.npy)", ext)
	case ext == ".jpg" || ext == ".jpeg":
		return filter.Planes, nil
	default:
		return 0, fmt.Errorf("the output's extension is %q; must be .npy, .jpg or .jpeg (for example --mixin output_mode.ext=.npy)", ext)
	}
}

// Load decodes a picture, at a fraction of its size if that is enough. If it becomes a JPEG, Finish gets its shape as JSON.
func (r *CudaResize) Load(ctx context.Context, item sdk.Item) (cuda.Fields, error) {
	layout, err := r.layout(item.Output().Path)
	if err != nil {
		return cuda.Fields{}, err
	}
	var fields cuda.Fields
	alloc := func(n int) []byte { return cuda.Bytes(ctx, n) }
	err = r.resizer.Read(ctx, item.Input().Path, layout == filter.Planes, alloc, func(m *thumb.Picture) (err error) {
		if layout == filter.Planes {
			var text []byte
			if text, err = json.Marshal(m.Shape); err != nil {
				return err
			}
			fields.Info = json.RawMessage(text)
		}
		fields.Tensors, err = filter.Load(m, layout)
		return err
	})
	return fields, err
}

// Infer resizes and normalises.
func (r *CudaResize) Infer(_ context.Context, device cuda.Device, batch *cuda.Batch) ([]cuda.Packed, error) {
	return r.filter.Infer(device, batch)
}

// Finish writes one picture.
func (r *CudaResize) Finish(_ context.Context, item sdk.Item, output *cuda.Output) error {
	path := item.Output().Path
	layout, err := r.layout(path)
	if err != nil {
		return err
	}
	bytes, floats := output.Tensors[0], output.Tensors[1]
	switch layout {
	case filter.Bytes:
		return thumb.WriteFile(path, append(npyHeader("|u1", bytes.Shape), bytes.Data...))
	case filter.Floats:
		return thumb.WriteFile(path, append(npyHeader("<f4", floats.Shape), floats.Data...))
	}
	var shape thumb.Shape
	if err := json.Unmarshal(output.Info, &shape); err != nil {
		return fmt.Errorf("decoding the information from Load: %w", err)
	}
	return r.resizer.WriteJPEG(path, shape, bytes.Data)
}

// Close frees the C libraries' memory.
func (r *CudaResize) Close() error {
	if r.resizer != nil {
		r.resizer.Close()
	}
	return nil
}

var task = sdk.Task[CudaResize]{
	Summary: "Resizes pictures on a CUDA device, to .npy or JPEG",
	Description: "Reads what Resize reads, decodes on the CPU, filters on the device, to the same bits as Resize.\n\n" +
		"What is written follows the output's extension, which is .npy unless the template says otherwise (--mixin output_mode.ext=.jpg): " +
		".npy is uint8 of height x width x 3, red, green and blue, or with --normalize float32 of 3 x height x width.\n\n" +
		"--device cpu does without a GPU.",
	Template: &sdk.Template{
		HardShard:   sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
		SoftShard:   sdk.SoftShard(0, 1),
		Input:       sdk.InputByExts(".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp"),
		Output:      sdk.OutputByReplacingExt(".npy"),
		FinishCheck: sdk.FinishCheckByOutputFileExistence(),
		BatchSize:   64,
	},
}

func main() { sdk.Serve(task) }
