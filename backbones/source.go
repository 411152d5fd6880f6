package backbones

import "context"

// Read is what a source's Next returned.
type Read struct {
	Block Block
	Err   error
}

// ReadAhead asks src for blocks, two ahead of whoever receives them, until its first error (io.EOF among them, which is
// passed on as well) or the end of ctx. The source is not asked again once done is closed.
func ReadAhead(ctx context.Context, src Source) (blocks <-chan Read, done <-chan struct{}) {
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
