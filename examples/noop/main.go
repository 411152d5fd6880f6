// Noop is a plugin whose task does nothing: it measures what handing out items costs.
package main

import (
	"context"
	"strconv"

	"github.com/kagurazaka/kagurazaka/sdk"
)

// Noop makes items and does nothing with them.
type Noop struct {
	Count int `default:"100000" help:"Number of items."`
}

// List makes the items' JSON itself, which is several times faster than encoding a struct.
func (n *Noop) List(_ context.Context, yield func(item any) error) error {
	item := make(sdk.RawItem, 0, 64)
	for i := range n.Count {
		item = append(item[:0], `{"i":`...)
		item = strconv.AppendInt(item, int64(i), 10)
		item = append(item, `,"path":"/data/in/`...)
		item = strconv.AppendInt(item, int64(i%1000), 10)
		item = append(item, '/')
		item = strconv.AppendInt(item, int64(i), 10)
		item = append(item, `.jpg"}`...)
		if err := yield(&item); err != nil {
			return err
		}
	}
	return nil
}

// Process does nothing.
func (n *Noop) Process(context.Context, sdk.Item) error { return nil }

func main() {
	sdk.Serve(sdk.Task[Noop]{Summary: "Does nothing, to measure what handing out items costs"})
}
