// This plugin's task leaves most of its template to the user: the folders, the files that an item's output consists of,
// and which of them tells that an item is finished. cfg.yaml and mixin.yaml beside it fill in two of them:
//
//	kagurazaka ./examples/placeholders TestTask --cfg examples/placeholders/cfg.yaml \
//		--mixin-cfg examples/placeholders/mixin.yaml \
//		--mixin hard_shard_mode.input_path=IN --mixin hard_shard_mode.output_path=OUT
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kagurazaka/kagurazaka/sdk"
)

// TestTask notes how large each input is.
type TestTask struct {
	Greeting string `default:"The size of" help:"How each note begins."`
}

// Process writes the note into the output file with the id "test".
func (t *TestTask) Process(_ context.Context, item sdk.Item) error {
	info, err := os.Stat(item.Input().Path)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%s %s is %d bytes.\n", t.Greeting, item.Input().FileName, info.Size())
	out := item.OutputOf("test").Path
	if out == "" {
		return sdk.Permanent(fmt.Errorf("output_mode.file_to_write names no file with the id test"))
	}
	return os.WriteFile(out, []byte(note), 0o644)
}

func main() {
	sdk.Serve(sdk.Task[TestTask]{
		Summary: "Notes the size of every Python file",
		Template: &sdk.Template{
			HardShard:   sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
			SoftShard:   sdk.SoftShard(0, 1),
			Input:       sdk.InputByExts(".py"),
			Output:      sdk.OutputByFilenameSubfoldering(sdk.Placeholder),
			FinishCheck: sdk.FinishCheckByOutputFileExistence(sdk.Placeholder),
		},
	})
}
