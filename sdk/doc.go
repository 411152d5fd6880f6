// Package sdk makes a Go program a plugin of kagurazaka.
//
// A task is a struct whose fields are its arguments, in kong's tags, and whose method Process works on one item:
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
// With a template the host lists inputs, computes outputs and leaves out what is finished. Without one the task makes
// its own items: see Lister and Checker. What a worker writes to Item.Output lies aside until Process has returned
// without an error, so nobody ever sees half an output: outputs of plugins in Go are staged. Item.Output.Path is a path in a
// staging folder meanwhile, with the final file's name; files that Process puts beside it are moved along. What Process writes to
// other paths is written in place, and nobody keeps track of it. (Tasks in Python write their outputs in place; --outputs direct
// is for those alone.)
//
// Items are worked on one by one in each worker process, and the host starts as many workers as the user asks for. An
// error, a panic or runtime.Goexit ends the item, not the worker.
//
// Whatever the program prints, on stdout too, goes to the host's log; Log gives a logger that names worker and item.
package sdk

// Version is this SDK's version, which plugins report to the host.
const Version = "0.2.0"
