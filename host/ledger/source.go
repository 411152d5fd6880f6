package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Source is a backbones.Source of those items of another that are to be done. It tells the ledger which items there are.
type Source struct {
	inner  backbones.Source
	ledger *Ledger
	chosen Chosen
	about  About
	// known are the items of chosen.Finished.
	known *known

	queue  []backbones.Block
	warned bool
	// keys are those of a block's items, ends where the lines of a block of JSON end.
	keys  []itemkey.Key
	ends  []int
	taken atomic.Int64
	left  atomic.Int64
	done  atomic.Bool
}

// Chosen says which items of a listing are to be done: the zero Chosen takes all.
type Chosen struct {
	// Finished leaves out what this state has as finished.
	Finished *State
	// Only takes these items alone; nil: all.
	Only *Picked
	// Part says that the source itself yields a part of the items alone, such as those that failed.
	Part bool
}

// Picked are failed items, by their keys.
type Picked struct{ bag *bag }

// Len is how many items were picked.
func (p *Picked) Len() int { return len(p.bag.keys) }

// About is what a Source asks and tells about a listing.
type About struct {
	// Warn takes a message about a listing that is not what it was. It is called once at most.
	Warn func(string)
	// Show returns the printable form of an item of an indexed list, which may be empty, and a key of its content; 0: that of the text.
	// It may be called by several goroutines. nil: such items are known by their place alone.
	Show func(number uint64) (text string, key uint64)
	// LeftOut takes how many items of the inner source were left out; may be nil.
	LeftOut func(n int)
}

// Source returns a source that tells the ledger about the items of another.
func (l *Ledger) Source(inner backbones.Source, chosen Chosen, about About) *Source {
	s := &Source{inner: inner, ledger: l, chosen: chosen, about: about}
	if chosen.Finished != nil {
		s.known = chosen.Finished.known()
	}
	return s
}

// Resumed is how many items were left out so far because an earlier run had done them. Any goroutine may ask.
func (s *Source) Resumed() int64 { return s.left.Load() }

// Taken is how many items were handed on so far; all says that no more will be. Any goroutine may ask.
func (s *Source) Taken() (n int64, all bool) {
	all = s.done.Load()
	return s.taken.Load(), all
}

// Next returns the next block with items to do, or io.EOF. It waits for the disk when that falls far behind.
func (s *Source) Next(ctx context.Context) (backbones.Block, error) {
	for len(s.queue) == 0 {
		if err := s.ledger.waitForRoom(ctx); err != nil {
			return backbones.Block{}, err
		}
		b, err := s.inner.Next(ctx)
		if errors.Is(err, io.EOF) && !s.done.Swap(true) && s.chosen.Only == nil && !s.chosen.Part {
			// A run of some items alone does not replace what it took over from the one before.
			s.ledger.listed()
		}
		if err != nil || b.Count == 0 {
			return b, err
		}
		s.queue = s.queue[:0]
		s.take(b)
		if s.known != nil && s.known.failed() != nil {
			return backbones.Block{}, fmt.Errorf("reading what the earlier run has finished: %w", s.known.failed())
		}
		if s.about.LeftOut != nil {
			left := b.Count
			for _, queued := range s.queue {
				left -= queued.Count
			}
			s.about.LeftOut(left)
		}
	}
	b := s.queue[0]
	s.queue[0] = backbones.Block{}
	s.queue = s.queue[1:]
	s.taken.Add(int64(b.Count))
	return b, nil
}

// take queues what is to be done of a block.
func (s *Source) take(b backbones.Block) {
	if b.Encoding == backbones.Indexed {
		s.list(b)
	} else {
		s.keyed(b)
	}
}

// keyed queues those of a block's items that their keys tell are to be done.
func (s *Source) keyed(b backbones.Block) {
	if b.Encoding == backbones.JSONLines {
		s.lineKeys(b)
	} else {
		b.ContentKeys = opaqueKeys(b)
		s.keys = s.keys[:0]
		for _, k := range b.ContentKeys {
			s.keys = append(s.keys, itemkey.Key(k))
		}
	}
	s.ledger.saw(b, s.keys)
	if s.chosen.Only == nil && s.chosen.Finished == nil {
		s.queue = append(s.queue, b)
		return
	}
	var todo Spans
	for i, key := range s.keys {
		if s.wanted(key) {
			todo = appendSpan(todo, backbones.Span{First: b.First + uint64(i), Count: 1})
		}
	}
	if s.known != nil && s.known.changed() {
		s.warn("the listing is not what it was in the earlier run: items are known again by their content")
	}
	s.hand(b, todo)
}

// lineKeys makes the keys of a block of JSON.
func (s *Source) lineKeys(b backbones.Block) {
	s.keys, s.ends = s.keys[:0], b.Ends(s.ends[:0])
	from := 0
	for _, to := range s.ends {
		s.keys = append(s.keys, itemkey.Of(b.Payload[from:to]))
		from = to + 1
	}
}

// opaqueKeys are the keys that a plugin gives the items of an opaque block, or keys of the block's bytes and the places in it.
func opaqueKeys(b backbones.Block) []uint64 {
	if len(b.ContentKeys) == b.Count {
		return b.ContentKeys
	}
	seed := itemkey.Of(b.Payload)
	keys := make([]uint64, b.Count)
	for i := range keys {
		keys[i] = uint64(itemkey.At(seed, uint64(b.Skip+i)))
	}
	return keys
}

// wanted reports whether an item is to be done. It is asked once for each item, in their order.
func (s *Source) wanted(key itemkey.Key) bool {
	if only := s.chosen.Only; only != nil {
		return only.bag.take(key)
	}
	return !s.known.take(key)
}

func (s *Source) warn(text string) {
	if !s.warned {
		s.warned = true
		s.about.Warn(text)
	}
}

// hand queues the items of a block that are to be done, and tells the ledger which an earlier run had done.
func (s *Source) hand(b backbones.Block, todo Spans) {
	if s.chosen.Only == nil {
		if finished := (Spans{{First: b.First, Count: b.Count}}).minus(todo); len(finished) > 0 {
			s.left.Add(finished.Items())
			s.ledger.resumed(finished)
		}
	}
	for _, span := range todo {
		from := int(span.First - b.First)
		s.queue = append(s.queue, b.Piece(from, from+span.Count, s.ends))
	}
}

// list queues the ranges of an indexed list that are to be done.
func (s *Source) list(b backbones.Block) {
	seed := s.listSeed(b)
	s.ledger.sawList(b, seed)
	todo := Spans{{First: b.First, Count: b.Count}}
	switch f := s.chosen.Finished; {
	case s.chosen.Only != nil:
		todo = s.pickedOf(todo[0], seed)
	case f != nil:
		finished, same := f.lists[seed]
		if !same && !f.empty() {
			s.changedList()
		}
		todo = todo.minus(finished)
	}
	s.hand(b, todo)
}

// samples is how many items of an indexed list are looked at.
const samples = 32

// address is part of the printable form of many Python objects. It differs in each process.
var address = regexp.MustCompile(` at 0x[0-9a-fA-F]+`)

// listSeed stands for an indexed list: its length, and some of its items, evenly spread. In another order, as a set has in each process,
// it is another list.
func (s *Source) listSeed(b backbones.Block) itemkey.Key {
	seed := itemkey.OfList(b.Count)
	if s.about.Show == nil {
		return seed
	}
	n := min(samples, b.Count)
	keys := make([]itemkey.Key, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			text, key := s.about.Show(b.First + sampleOf(i, n, b.Count))
			if key == 0 {
				key = uint64(itemkey.Of([]byte(address.ReplaceAllString(text, ""))))
			}
			keys[i] = itemkey.Key(key)
		})
	}
	all.Wait()
	for i, key := range keys {
		seed = itemkey.At(seed^key, sampleOf(i, n, b.Count))
	}
	return seed
}

// sampleOf is the place of the i-th of n samples, from the first of the list to the last.
func sampleOf(i, n, count int) uint64 { return uint64(i) * uint64(count-1) / uint64(max(n-1, 1)) }

// pickedOf are the picked items of an indexed list.
func (s *Source) pickedOf(list backbones.Span, seed itemkey.Key) Spans {
	var picked Spans
	for n := list.First; n < end(list); n++ {
		if s.chosen.Only.bag.take(itemkey.At(seed, n)) {
			picked = appendSpan(picked, backbones.Span{First: n, Count: 1})
		}
	}
	if picked.Items() < int64(s.chosen.Only.Len()) {
		s.changedList()
	}
	return picked
}

func (s *Source) changedList() {
	s.warn("the task's list is not what it was in the earlier run: its length or its order has changed. Its items are known by their place alone, so none is taken for the same; a task that sorts its list has the same one each time")
}
