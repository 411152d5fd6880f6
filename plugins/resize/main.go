// Command resize is a plugin of kagurazaka with the task Resize, which makes thumbnails of pictures.
package main

import (
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/plugins/internal/thumb"
	"github.com/kagurazaka/kagurazaka/sdk"
)

// Resize holds the task's arguments.
type Resize struct {
	Size       int    `default:"256" help:"Longest side of the result in pixels."`
	Quality    int    `default:"85" help:"Quality of JPEG, 1 to 100."`
	Enlarge    bool   `help:"Make smaller pictures larger, too; otherwise they keep their size."`
	Background string `default:"white" help:"Colour under transparent parts where the output's format has none: #rgb, #rrggbb or a CSS name."`
	MaxPixels  int64  `name:"max-pixels" default:"200000000" help:"A picture whose header promises more pixels than this fails, before anything is decoded. So does one whose thumbnail would have more."`

	resizer *thumb.Resizer
}

// Open checks the arguments and loads the machine's libraries.
func (r *Resize) Open(ctx context.Context, env sdk.Env) error {
	background, err := thumb.ParseColor(r.Background)
	if err != nil {
		return fmt.Errorf("--background: %w", err)
	}
	mode, _ := env.Template["output_mode"].(map[string]any)
	if ext, ok := mode["ext"].(string); ok {
		if err := thumb.CheckOutput(ext); err != nil {
			return err
		}
	}
	r.resizer, err = thumb.New(thumb.Options{
		Size: r.Size, Quality: r.Quality, Enlarge: r.Enlarge, Background: background, MaxPixels: r.MaxPixels,
	})
	if err != nil {
		return err
	}
	// One worker logs for all: they run on one machine.
	if env.WorkerIndex == 0 {
		how, why := r.resizer.Describe()
		sdk.Log(ctx).Debug(how)
		if why != nil {
			sdk.Log(ctx).Debug("not all libraries are used", "reason", why)
		}
	}
	return nil
}

// Process makes one thumbnail.
func (r *Resize) Process(ctx context.Context, item sdk.Item) error {
	return r.resizer.File(ctx, item.Input().Path, item.Output().Path)
}

// Close frees the C libraries' memory.
func (r *Resize) Close() error {
	if r.resizer != nil {
		r.resizer.Close()
	}
	return nil
}

var task = sdk.Task[Resize]{
	Summary: "Makes thumbnails of pictures",
	Description: "Reads JPEG, PNG, GIF, WebP, TIFF (of all these the first picture) and BMP, whatever the file is called, and turns pictures " +
		"upright as their EXIF or XMP says.\n\n" +
		"What is written follows the output's extension: " + thumb.OutputFormats + ". It is .jpg unless the template says otherwise, " +
		"--mixin output_mode.ext=.png for example. Transparent parts are kept in PNG and TIFF and lie on --background elsewhere.\n\n" +
		"A broken picture, or one that promises more than --max-pixels, fails with the reason and leaves no output.",
	Template: &sdk.Template{
		HardShard:   sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
		SoftShard:   sdk.SoftShard(0, 1),
		Input:       sdk.InputByExts(".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp"),
		Output:      sdk.OutputByReplacingExt(".jpg"),
		FinishCheck: sdk.FinishCheckByOutputFileExistence(),
	},
}

func main() { sdk.Serve(task) }
