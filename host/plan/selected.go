package plan

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Selected is a source of those items of another that a Picker takes. An indexed list comes whole, since it is known again as a whole;
// Chosen takes its items.
type Selected struct {
	inner  backbones.Source
	picker *Picker
	// shard numbers the items of an indexed list; others are divided already. nil: it has all.
	shard *template.Shard
	// sifted leaves out items of an indexed list; nil: none.
	sifted *Sifted
	show   func(number uint64) (text string, key uint64)
	queue  []backbones.Block
	// list are the numbers of the chosen items of an indexed list, in order and without those that touch.
	list  []backbones.Span
	ends  []int
	taken atomic.Int64
	done  atomic.Bool
}

// Select picks from items that the host did not list: those of a task's own list. An item's number is its place in that, or in what a
// shard has of an indexed list, which is divided later; nil: all. sifted leaves out some of such a list; nil: none. show is the
// printable form of an item of an indexed list and its key, 0: none; several goroutines call it. The inner source is not closed.
func Select(inner backbones.Source, p *Picker, shard *template.Shard, sifted *Sifted, show func(uint64) (string, uint64)) *Selected {
	return &Selected{inner: inner, picker: p, shard: shard, sifted: sifted, show: show}
}

// Next returns the next block with chosen items, or io.EOF.
func (s *Selected) Next(ctx context.Context) (backbones.Block, error) {
	for len(s.queue) == 0 {
		b, err := s.inner.Next(ctx)
		if errors.Is(err, io.EOF) {
			s.picker.end()
		}
		if err != nil || b.Count == 0 {
			return b, err
		}
		if b.Encoding == backbones.Indexed {
			return b, s.look(ctx, b)
		}
		s.pick(b)
	}
	b := s.queue[0]
	s.queue = s.queue[1:]
	return b, nil
}

// Chosen is a source of the chosen items of a source behind this one.
func (s *Selected) Chosen(behind backbones.Source) backbones.Source {
	return &chosen{from: s, behind: behind}
}

type chosen struct {
	from   *Selected
	behind backbones.Source
	queue  []backbones.Block
}

// Next returns the next block with chosen items, or io.EOF.
func (c *chosen) Next(ctx context.Context) (backbones.Block, error) {
	for len(c.queue) == 0 {
		b, err := c.behind.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			c.from.done.Store(true)
			return b, err
		case err != nil || b.Encoding != backbones.Indexed || b.Count == 0:
			c.from.taken.Add(int64(b.Count))
			return b, err
		}
		for _, span := range c.from.list {
			from, to := max(span.First, b.First), min(span.First+uint64(span.Count), b.First+uint64(b.Count))
			if from < to {
				c.queue = append(c.queue, b.Piece(int(from-b.First), int(to-b.First), nil))
			}
		}
	}
	b := c.queue[0]
	c.queue = c.queue[1:]
	c.from.taken.Add(int64(b.Count))
	return b, nil
}

// Taken is how many items Chosen handed on so far; all says that no more will be. Any goroutine may ask.
func (s *Selected) Taken() (n int64, all bool) {
	all = s.done.Load()
	return s.taken.Load(), all
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

// look finds the chosen items of an indexed list.
func (s *Selected) look(ctx context.Context, list backbones.Block) error {
	end := list.First + uint64(list.Count)
	if !s.picker.patterns() && s.shard == nil && s.sifted == nil {
		s.picker.saw(end)
		for _, n := range s.picker.numbers() {
			if n >= list.First && n < end && s.picker.take(n, texts{}) {
				s.choose(n)
			}
		}
		return nil
	}
	place := uint64(0)
	mine := func(number uint64) bool {
		rank, kept := s.sifted.rank(number)
		return kept && belongs(s.shard, rank)
	}
	return eachShown(ctx, list, func(number uint64) bool { return s.picker.patterns() && mine(number) }, s.show, func(number uint64, shown string, key uint64) {
		if !mine(number) {
			return
		}
		place++
		if s.picker.take(place-1, textsOfShown(shown, func() itemkey.Key { return itemkey.Key(key) })) {
			s.choose(number)
		}
	})
}

// eachShown calls a function for each item of an indexed list, in its order. It asks for the printable forms of those that are asked about,
// many at a time.
func eachShown(ctx context.Context, list backbones.Block, asks func(number uint64) bool, show func(uint64) (string, uint64), each func(number uint64, shown string, key uint64)) error {
	end := list.First + uint64(list.Count)
	shown, keys := make([]string, lookAtOnce), make([]uint64, lookAtOnce)
	for first := list.First; first < end && ctx.Err() == nil; first += lookAtOnce {
		n := int(min(lookAtOnce, end-first))
		var next atomic.Int64
		var asking sync.WaitGroup
		for range min(askAtOnce, n) {
			asking.Go(func() {
				for i := int(next.Add(1) - 1); i < n && ctx.Err() == nil; i = int(next.Add(1) - 1) {
					if asks(first + uint64(i)) {
						shown[i], keys[i] = show(first + uint64(i))
					}
				}
			})
		}
		asking.Wait()
		for i := range n {
			if ctx.Err() == nil {
				each(first+uint64(i), shown[i], keys[i])
			}
		}
	}
	return ctx.Err()
}

// choose adds a number, which comes after all earlier ones.
func (s *Selected) choose(number uint64) {
	if n := len(s.list); n > 0 && s.list[n-1].First+uint64(s.list[n-1].Count) == number {
		s.list[n-1].Count++
		return
	}
	s.list = append(s.list, backbones.Span{First: number, Count: 1})
}
