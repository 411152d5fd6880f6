// Touch is a plugin with a template: for every text file of a folder it writes an empty file.
package main

import (
	"context"
	"os"

	"github.com/kagurazaka/kagurazaka/sdk"
)

// Touch writes an empty file for each input.
type Touch struct{}

// Process writes the item's output.
func (t *Touch) Process(_ context.Context, item sdk.Item) error {
	f, err := os.Create(item.Output().Path)
	if err != nil {
		return err
	}
	return f.Close()
}

func main() {
	sdk.Serve(sdk.Task[Touch]{
		Summary: "Writes an empty file for every text file",
		Template: &sdk.Template{
			HardShard:   sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
			Input:       sdk.InputByExts(".txt"),
			Output:      sdk.OutputByAppendingExt(".out"),
			FinishCheck: sdk.FinishCheckByOutputFileExistence(),
		},
	})
}
