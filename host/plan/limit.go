package plan

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Limited is a source of the first items of another.
type Limited struct {
	inner backbones.Source
	ends  []int
	left  atomic.Int64
	taken atomic.Int64
}

// Limit takes the first n items to do. Items that must not begin are handed on, and do not count. The inner source is not read further
// than needed.
func Limit(inner backbones.Source, n int) *Limited {
	l := &Limited{inner: inner}
	l.left.Store(int64(n))
	return l
}

// Left is how many items it would still take. Taken is how many it has handed on. Any goroutine may ask.
func (l *Limited) Left() int64 { return l.left.Load() }

// Taken is how many items it has handed on. Any goroutine may ask.
func (l *Limited) Taken() int64 { return l.taken.Load() }

// Next returns the next block, or io.EOF after the last of the first items.
func (l *Limited) Next(ctx context.Context) (backbones.Block, error) {
	left := int(l.left.Load())
	if left == 0 {
		return backbones.Block{}, io.EOF
	}
	b, err := l.inner.Next(ctx)
	if err != nil || b.Count == 0 {
		return b, err
	}
	if b.Refused == nil {
		if b.Count > left {
			l.ends = b.Ends(l.ends[:0])
			b = b.Piece(0, left, l.ends)
		}
		l.left.Add(int64(-b.Count))
	}
	l.taken.Add(int64(b.Count))
	return b, nil
}
