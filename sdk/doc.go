// Package sdk makes a Go program a plugin of kagurazaka.
//
// A task is a struct. Its fields are the arguments, described by kong's tags. Its method Process works on one item:
//
//	type Shrink struct {
//		Size int `default:"256" help:"Longest side in pixels."`
//	}
//
//	func (s *Shrink) Process(ctx context.Context, item sdk.Item) error {
//		return shrink(item.Input().Path, item.Output().Path, s.Size)
//	}
//
//	func main() {
//		sdk.Serve(sdk.Task[Shrink]{
//			Summary: "Makes pictures smaller",
//			Template: &sdk.Template{
//				HardShard:   sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
//				Input:       sdk.InputByExts(".jpg"),
//				Output:      sdk.OutputByReplacingExt(".jpg"),
//				FinishCheck: sdk.FinishCheckByOutputFileExistence(),
//			},
//		})
//	}
//
// With a template, the host lists the inputs, computes the outputs and skips finished items. Without one, the task lists
// its own items: see Lister and Checker.
//
// Outputs are staged: Item.Output().Path is in a staging folder until Process returns nil, and then the SDK moves it, and
// files beside it, to the final place. So an output is never half written. Files at other paths are written in place, and
// the SDK does not track them. (Python tasks may write outputs in place; --outputs direct is only for those.)
//
// Each worker process works on one item at a time. The user sets the number of workers. An error, a panic or
// runtime.Goexit ends the item, not the worker.
//
// Output of the program, on stdout too, goes to the host's log. Log returns a logger that names worker and item.
package sdk

import "github.com/kagurazaka/kagurazaka/internal/wire"

// Version is this SDK's version, which plugins report to the host.
const Version = wire.SDKVersion
