package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Shared takes some of the items of another source: those of a shard by index, or those that a sieve keeps.
type Shared struct {
	inner backbones.Source
	// keeps reports whether the item with a number in the inner source is taken, by its place in a block and its line if it is JSON.
	keeps func(b *backbones.Block, i int, number uint64, line []byte) bool
	// look looks at an indexed list, which is passed on as it is; may be nil.
	look func(ctx context.Context, list backbones.Block) error
	// seen and yielded count the items that came in and went out.
	seen, yielded uint64
	queue         []backbones.Block
}

// Share returns a source of the items of a shard. It passes on an indexed list as it is: that is for ShareIndexed. The inner source is not
// closed.
func Share(inner backbones.Source, s *template.Shard) *Shared {
	return &Shared{inner: inner, keeps: func(_ *backbones.Block, _ int, number uint64, _ []byte) bool { return belongs(s, number) }}
}

// Next implements backbones.Source.
func (s *Shared) Next(ctx context.Context) (backbones.Block, error) {
	for len(s.queue) == 0 {
		b, err := s.inner.Next(ctx)
		if err == nil && b.Encoding == backbones.Indexed && s.look != nil {
			return b, s.look(ctx, b)
		}
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
		if s.keeps(&b, i, first+uint64(i), nil) {
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
		if n < b.Count && s.keeps(&b, n, first+uint64(n), line) {
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

// Indexed takes of an indexed list the items that a Sifted keeps, and of those a shard by index, with the numbers that they have in the
// list.
type Indexed struct {
	inner  backbones.Source
	shard  *template.Shard
	sifted *Sifted
	// list is what is left of a block. left is how many items of it are still to be taken.
	list  backbones.Block
	left  atomic.Int64
	taken atomic.Int64
	done  atomic.Bool
}

// ShareIndexed returns a source of the items of a shard, nil: of all. sifted may be nil. Blocks of other kinds it passes on. The inner
// source is not closed.
func ShareIndexed(inner backbones.Source, s *template.Shard, sifted *Sifted) *Indexed {
	return &Indexed{inner: inner, shard: s, sifted: sifted}
}

// Next implements backbones.Source.
func (s *Indexed) Next(ctx context.Context) (backbones.Block, error) {
	for {
		if run := s.run(); run.Count > 0 {
			s.left.Add(int64(-run.Count))
			s.taken.Add(int64(run.Count))
			return run, nil
		}
		b, err := s.inner.Next(ctx)
		if errors.Is(err, io.EOF) {
			s.done.Store(true)
		}
		if err != nil || b.Count == 0 || b.Encoding != backbones.Indexed {
			return b, err
		}
		s.list = b
		s.left.Store(int64(s.before(b.First+uint64(b.Count)) - s.before(b.First)))
	}
}

// run takes the next items of the block at hand that have numbers one after the other.
func (s *Indexed) run() backbones.Block {
	run := s.list
	run.Count = 0
	for s.list.Count > 0 {
		number := s.list.First
		rank, kept := s.sifted.rank(number)
		taken := kept && belongs(s.shard, rank)
		if !taken && run.Count > 0 {
			break
		}
		if taken && run.Count == 0 {
			run.First = number
		}
		if taken {
			run.Count++
		}
		s.list.First++
		s.list.Count--
	}
	return run
}

// before is how many items with lower numbers are taken.
func (s *Indexed) before(number uint64) uint64 {
	rank, _ := s.sifted.rank(number)
	return CountIn(s.shard, rank)
}

// LeftOut is how many of the list's items that are kept, and are the shard's, were left out on their way here: they are finished. It is
// known at the end; false: not yet, or there is no such list.
func (s *Indexed) LeftOut() (int64, bool) {
	if s.sifted == nil || len(s.sifted.kept) == 0 || !s.done.Load() {
		return 0, false
	}
	return int64(CountIn(s.shard, s.sifted.total)) - s.taken.Load(), true
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
