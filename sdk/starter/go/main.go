// Command example is a plugin that converts texts to upper case: a beginning for a task of your own.
package main

import (
	"bytes"
	"context"
	"os"

	"github.com/kagurazaka/kagurazaka/sdk"
)

// Example converts each text to upper case. Its fields are the arguments on the command line.
type Example struct {
	First bool `help:"Only the first letter."`
}

// Process reads the item's input and writes its output.
func (e *Example) Process(_ context.Context, item sdk.Item) error {
	text, err := os.ReadFile(item.Input().Path)
	if err != nil {
		return err
	}
	if e.First && len(text) > 0 {
		text = append(bytes.ToUpper(text[:1]), text[1:]...)
	} else {
		text = bytes.ToUpper(text)
	}
	return os.WriteFile(item.Output().Path, text, 0o644)
}

var task = sdk.Task[Example]{
	Summary: "Converts texts to upper case",
	Template: &sdk.Template{
		// The folders of the inputs and the outputs: the words IN and OUT of the command line.
		HardShard: sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
		// Each of these files is an item, and its output is the file IN/a.txt -> OUT/a.txt.upper.
		Input:  sdk.InputByExts(".txt"),
		Output: sdk.OutputByAppendingExt(".upper"),
		// The next run skips items whose output exists.
		FinishCheck: sdk.FinishCheckByOutputFileExistence(),
	},
}

func main() { sdk.Serve(task) }
