package crew

import (
	"context"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// read is what a source's Next returned.
type read struct {
	block backbones.Block
	err   error
}

// readAhead asks src for blocks, two ahead of the receiver, until its first error (io.EOF among them, which is passed on as
// well) or the end of ctx. The source is not asked again once done is closed.
func readAhead(ctx context.Context, src backbones.Source) (blocks <-chan read, done <-chan struct{}) {
	out, ended := make(chan read, 2), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			b, err := src.Next(ctx)
			select {
			case out <- read{b, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out, ended
}

// within waits until ended is closed. Once ctx is cancelled, it waits no longer than grace.
func within(ctx context.Context, grace time.Duration, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-ended:
	case <-time.After(grace):
	}
}
