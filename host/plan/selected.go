package plan

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Selected is a source of those items of another that a Picker takes.
type Selected struct {
	inner  backbones.Source
	picker *Picker
	show   func(number uint64) (text string, key uint64)
	queue  []backbones.Block
	// list is what is left of an indexed list to look at.
	list  backbones.Block
	ends  []int
	taken atomic.Int64
	done  atomic.Bool
}

// Select picks from items that the host did not list: those of a task's own list. An item's number is its place in that. show is the
// printable form of an item of an indexed list and its key, 0: none; several goroutines call it. The inner source is not closed.
func Select(inner backbones.Source, p *Picker, show func(uint64) (string, uint64)) *Selected {
	return &Selected{inner: inner, picker: p, show: show}
}

// Taken is how many items were handed on so far; all says that no more will be. Any goroutine may ask.
func (s *Selected) Taken() (n int64, all bool) {
	all = s.done.Load()
	return s.taken.Load(), all
}

// Next returns the next block with chosen items, or io.EOF.
func (s *Selected) Next(ctx context.Context) (backbones.Block, error) {
	for len(s.queue) == 0 {
		if s.list.Count > 0 {
			if err := s.look(ctx); err != nil {
				return backbones.Block{}, err
			}
			continue
		}
		b, err := s.inner.Next(ctx)
		if errors.Is(err, io.EOF) {
			s.picker.end()
			s.done.Store(true)
		}
		if err != nil || b.Count == 0 {
			return b, err
		}
		if b.Encoding == backbones.Indexed {
			s.list = b
			continue
		}
		s.pick(b)
	}
	b := s.queue[0]
	s.queue = s.queue[1:]
	s.taken.Add(int64(b.Count))
	return b, nil
}

// pick queues the chosen items of a block. A chosen piece does not keep the whole block in memory.
func (s *Selected) pick(b backbones.Block) {
	s.ends = b.Ends(s.ends[:0])
	start := 0
	s.spans(b, func(i int) texts {
		if b.Encoding == backbones.JSONLines {
			line := b.Payload[start:s.ends[i]]
			start = s.ends[i] + 1
			return textsOfShown(string(line), func() itemkey.Key { return itemkey.Of(line) })
		}
		shown, key := "", func() itemkey.Key { return 0 }
		if len(b.Keys) == b.Count {
			shown = b.Keys[i]
		}
		if len(b.ContentKeys) == b.Count {
			key = func() itemkey.Key { return itemkey.Key(b.ContentKeys[i]) }
		}
		return textsOfShown(shown, key)
	})
}

// spans queues the pieces of a block that the picker takes by the texts of its items, which are asked for in their order.
func (s *Selected) spans(b backbones.Block, of func(i int) texts) {
	from := -1
	for i := range b.Count {
		switch taken := s.picker.take(b.First+uint64(i), of(i)); {
		case taken && from < 0:
			from = i
		case !taken && from >= 0:
			s.queue = append(s.queue, b.Piece(from, i, s.ends).Detached())
			from = -1
		}
	}
	if from >= 0 {
		s.queue = append(s.queue, b.Piece(from, b.Count, s.ends))
	}
}

// lookAtOnce is how many items of a list are asked for at a time, askAtOnce how many of them side by side: each is a question to another
// process.
const (
	lookAtOnce = 1024
	askAtOnce  = 32
)

// look queues the chosen items of the next part of an indexed list.
func (s *Selected) look(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	part := s.list
	part.Count = min(lookAtOnce, part.Count)
	if !s.picker.patterns() {
		part.Count = s.list.Count
	}
	s.list.First += uint64(part.Count)
	s.list.Count -= part.Count
	if !s.picker.patterns() {
		s.numbers(part)
		return nil
	}
	type shown struct {
		text string
		key  uint64
	}
	all := make([]shown, part.Count)
	var next atomic.Int64
	var asking sync.WaitGroup
	for range min(askAtOnce, part.Count) {
		asking.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(all) && ctx.Err() == nil; i = next.Add(1) - 1 {
				all[i].text, all[i].key = s.show(part.First + uint64(i))
			}
		})
	}
	asking.Wait()
	s.spans(part, func(i int) texts {
		return textsOfShown(all[i].text, func() itemkey.Key { return itemkey.Key(all[i].key) })
	})
	return ctx.Err()
}

// numbers queues the chosen items of a list, which need not be looked at.
func (s *Selected) numbers(list backbones.Block) {
	for _, n := range s.picker.numbers() {
		if n >= list.First && n-list.First < uint64(list.Count) && s.picker.take(n, texts{}) {
			at := int(n - list.First)
			s.queue = append(s.queue, list.Piece(at, at+1, nil))
		}
	}
}
