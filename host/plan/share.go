package plan

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Shared takes of the items of another source those of a shard by index. It needs to read none of them.
type Shared struct {
	inner backbones.Source
	shard *template.Shard
	// seen and yielded count the items that came in and went out.
	seen, yielded uint64
	queue         []backbones.Block
}

// Share returns a source of the items of a shard. It passes on an indexed list as it is: that is for ShareIndexed. The inner source is not
// closed.
func Share(inner backbones.Source, s *template.Shard) *Shared { return &Shared{inner: inner, shard: s} }

// Next implements backbones.Source.
func (s *Shared) Next(ctx context.Context) (backbones.Block, error) {
	for len(s.queue) == 0 {
		b, err := s.inner.Next(ctx)
		if err != nil || b.Count == 0 || b.Encoding == backbones.Indexed {
			return b, err
		}
		if err := s.take(b); err != nil {
			return backbones.Block{}, err
		}
	}
	b := s.queue[0]
	s.queue[0] = backbones.Block{}
	s.queue = s.queue[1:]
	s.yielded += uint64(b.Count)
	return b, nil
}

// take queues what the shard has of a block.
func (s *Shared) take(b backbones.Block) error {
	first := s.seen
	s.seen += uint64(b.Count)
	if b.Encoding == backbones.JSONLines {
		return s.lines(b, first)
	}
	for i := range b.Count {
		if belongs(s.shard, first+uint64(i)) {
			s.queue = append(s.queue, s.piece(b, i))
		}
	}
	return nil
}

// piece is one item of an opaque block. The items are numbered by what this source yields.
func (s *Shared) piece(b backbones.Block, i int) backbones.Block {
	piece := b
	piece.Count, piece.First = 1, s.yielded+uint64(len(s.queue))
	piece.Skip += i
	if len(b.Keys) == b.Count {
		piece.Keys = b.Keys[i : i+1]
	}
	if len(b.ContentKeys) == b.Count {
		piece.ContentKeys = b.ContentKeys[i : i+1]
	}
	if b.Refused != nil {
		piece.Refused = b.Refused[i : i+1]
	}
	return piece
}

// lines queues the lines of the shard as one block.
func (s *Shared) lines(b backbones.Block, first uint64) error {
	var kept []byte
	n := 0
	next := backbones.Block{Encoding: backbones.JSONLines, First: s.yielded}
	for line := range bytes.SplitSeq(b.Payload, []byte("\n")) {
		if n < b.Count && belongs(s.shard, first+uint64(n)) {
			if next.Count > 0 {
				kept = append(kept, '\n')
			}
			kept = append(kept, line...)
			next.Count++
			if b.Refused != nil {
				next.Refused = append(next.Refused, b.Refused[n])
			}
		}
		n++
	}
	if n != b.Count {
		return fmt.Errorf("the plugin said that a block has %s, but it has %s", count.Of(b.Count, "item"), count.Of(n, "line"))
	}
	if next.Count > 0 {
		next.Payload = kept
		s.queue = append(s.queue, next)
	}
	return nil
}

// Indexed takes of an indexed list the items of a shard by index, one by one and with the numbers that they have in the list.
type Indexed struct {
	inner backbones.Source
	shard *template.Shard
	// list is what is left of a block. left is how many items of it the shard has.
	list backbones.Block
	left atomic.Int64
}

// ShareIndexed returns a source of the items of a shard. Blocks of other kinds it passes on. The inner source is not closed.
func ShareIndexed(inner backbones.Source, s *template.Shard) *Indexed {
	return &Indexed{inner: inner, shard: s}
}

// Next implements backbones.Source.
func (s *Indexed) Next(ctx context.Context) (backbones.Block, error) {
	for {
		for s.list.Count > 0 {
			item := s.list
			item.Count = 1
			s.list.First++
			s.list.Count--
			if belongs(s.shard, item.First) {
				s.left.Add(-1)
				return item, nil
			}
		}
		b, err := s.inner.Next(ctx)
		if err != nil || b.Count == 0 || b.Encoding != backbones.Indexed {
			return b, err
		}
		s.list = b
		s.left.Store(int64(CountIn(s.shard, b.First+uint64(b.Count)) - CountIn(s.shard, b.First)))
	}
}

// Left is how many items of the block at hand are still to come.
func (s *Indexed) Left() int64 { return s.left.Load() }

// CountIn is how many of the first n items belong to a shard by index.
func CountIn(s *template.Shard, n uint64) uint64 {
	if s == nil {
		return n
	}
	in := n / s.Num * uint64(len(s.Idx))
	for _, i := range s.Idx {
		if i < n%s.Num {
			in++
		}
	}
	// In the subshard they are numbered from 1; see belongs.
	return CountIn(s.Sub, in+1) - CountIn(s.Sub, 1)
}
