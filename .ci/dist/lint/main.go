// Command lint checks a Dockerfile by the rules of docker build --check. It needs no engine.
//
// It is a module of its own, because the product needs none of BuildKit.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
)

func main() {
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check reports the errors and warnings about a Dockerfile as an error.
func check(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	source := llb.NewSourceMap(nil, path, "Dockerfile", text)
	source.Definition = &llb.Definition{}
	found, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{SourceMap: source})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, w := range found.Warnings {
		for _, r := range w.Location.Ranges {
			fmt.Fprintf(os.Stderr, "%s:%d: %s: %s\n", path, r.Start.Line, w.RuleName, w.Detail)
		}
	}
	if found.Error != nil {
		return fmt.Errorf("%s: %s", path, found.Error.Message)
	}
	if n := len(found.Warnings); n > 0 {
		return fmt.Errorf("%s: %d warnings", path, n)
	}
	return nil
}
