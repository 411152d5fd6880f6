package relay

import (
	"context"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Read is the result of a source's Next.
type Read struct {
	Block backbones.Block
	Err   error
}

// ReadAhead reads blocks, two ahead of the receiver, until the source's first error, which it passes on like io.EOF, or the end of ctx.
// It closes done when it does not use the source any more.
func ReadAhead(ctx context.Context, src backbones.Source) (blocks <-chan Read, done <-chan struct{}) {
	out, ended := make(chan Read, 2), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			b, err := src.Next(ctx)
			select {
			case out <- Read{b, err}:
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

// Within waits until ended is closed, after ctx is cancelled only for grace.
func Within(ctx context.Context, grace time.Duration, ended <-chan struct{}) {
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
