package plan

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Sifted is a source of those items of another that a Sieve keeps. An indexed list comes whole, since its items are known again by their
// places in it; ShareIndexed takes those that are kept.
type Sifted struct {
	*Shared
	// kept are the numbers of the items of an indexed list that are kept, and before how many lie in front of each span.
	kept   []backbones.Span
	before []uint64
	total  uint64
	taken  atomic.Int64
	done   atomic.Bool
}

// Sift leaves out items that the host did not list: those of a task's own list, or of an earlier run. An item's texts are those of its
// input, or else its printable form. show is that form of an item of an indexed list; several goroutines call it. The inner source is not
// closed.
func Sift(inner backbones.Source, sieve *Sieve, show func(uint64) (string, uint64)) *Sifted {
	s := &Sifted{}
	s.Shared = &Shared{inner: inner}
	s.keeps = func(b *backbones.Block, i int, _ uint64, line []byte) bool {
		if line == nil && len(b.Keys) == b.Count {
			line = []byte(b.Keys[i])
		}
		return sieve.keepsShown(line)
	}
	s.look = func(ctx context.Context, list backbones.Block) error {
		all := func(uint64) bool { return true }
		return eachShown(ctx, list, all, show, func(number uint64, shown string, _ uint64) {
			if sieve.keepsShown([]byte(shown)) {
				s.keep(number)
			}
		})
	}
	return s
}

// keep adds a number of an indexed list, which comes after all earlier ones.
func (s *Sifted) keep(number uint64) {
	if n := len(s.kept); n > 0 && s.kept[n-1].First+uint64(s.kept[n-1].Count) == number {
		s.kept[n-1].Count++
	} else {
		s.kept, s.before = append(s.kept, backbones.Span{First: number, Count: 1}), append(s.before, s.total)
	}
	s.total++
}

// rank is how many items in front of a number of an indexed list are kept, and whether that itself is. A nil Sifted keeps all.
func (s *Sifted) rank(number uint64) (rank uint64, kept bool) {
	if s == nil {
		return number, true
	}
	at, found := slices.BinarySearchFunc(s.kept, number, func(span backbones.Span, n uint64) int {
		switch {
		case n < span.First:
			return 1
		case n >= span.First+uint64(span.Count):
			return -1
		}
		return 0
	})
	switch {
	case found:
		return s.before[at] + number - s.kept[at].First, true
	case at == len(s.kept):
		return s.total, false
	}
	return s.before[at], false
}

// Next implements backbones.Source.
func (s *Sifted) Next(ctx context.Context) (backbones.Block, error) {
	b, err := s.Shared.Next(ctx)
	if errors.Is(err, io.EOF) {
		s.done.Store(true)
	}
	if b.Encoding == backbones.Indexed {
		// It is all of the list.
		s.taken.Add(int64(s.total))
		s.done.Store(true)
	} else {
		s.taken.Add(int64(b.Count))
	}
	return b, err
}

// Taken is how many items were kept so far; all says that no more will be. Any goroutine may ask.
func (s *Sifted) Taken() (n int64, all bool) {
	all = s.done.Load()
	return s.taken.Load(), all
}
