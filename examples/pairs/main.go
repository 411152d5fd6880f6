// Pairs is a plugin with items of several files: pictures with their captions are packed, a folder for each, and packed folders are
// read again by the next task.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/kagurazaka/kagurazaka/sdk"
)

// Pack writes a folder with the picture and a JSON file that describes it.
type Pack struct{}

// Process writes the item's folder.
func (p *Pack) Process(_ context.Context, item sdk.Item) error {
	picture, err := os.ReadFile(item.Input().Path)
	if err != nil {
		return err
	}
	about := map[string]any{"name": item.Input().FileName, "bytes": len(picture)}
	// The caption may be absent.
	if caption, ok := item.InputOf("caption"); ok {
		text, err := os.ReadFile(caption.Path)
		if err != nil {
			return err
		}
		about["caption"] = string(bytes.TrimSpace(text))
	}
	text, err := json.Marshal(about)
	if err != nil {
		return err
	}
	if err := os.WriteFile(item.OutputOf("image").Path, picture, 0o644); err != nil {
		return err
	}
	return os.WriteFile(item.OutputOf("about").Path, text, 0o644)
}

// Count writes the sizes of the two files of a packed folder.
type Count struct{}

// Process writes the item's file.
func (c *Count) Process(_ context.Context, item sdk.Item) error {
	var text []byte
	for _, id := range []string{"image", "about"} {
		file, ok := item.InputOf(id)
		if !ok {
			return fmt.Errorf("%s has no %s", item.Input().Path, id)
		}
		info, err := os.Stat(file.Path)
		if err != nil {
			return err
		}
		text = fmt.Appendf(text, "%s %d\n", file.FileName, info.Size())
	}
	return os.WriteFile(item.Output().Path, text, 0o644)
}

func main() {
	files := map[string]string{"image": "image.bin", "about": "about.json"}
	folders := sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder)
	sdk.Serve(
		sdk.Task[Pack]{
			Summary: "Packs each picture with what is known of it in a folder",
			Template: &sdk.Template{
				HardShard:   folders,
				Input:       sdk.InputByGroup([]sdk.GroupFile{{ID: "image", Exts: []string{".jpg", ".png"}}, {ID: "caption", Exts: ".txt"}}, "image"),
				Output:      sdk.OutputByFilenameSubfoldering(files),
				FinishCheck: sdk.FinishCheckByOutputFileExistence("about"),
			},
		},
		sdk.Task[Count]{
			Summary: "Writes how large the files of packed folders are",
			Template: &sdk.Template{
				HardShard:   folders,
				Input:       sdk.InputByFilenameSubfoldering(files),
				Output:      sdk.OutputByAppendingExt(".sizes"),
				FinishCheck: sdk.FinishCheckByOutputFileExistence(),
			},
		},
	)
}
