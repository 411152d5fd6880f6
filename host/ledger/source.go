package ledger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Source hands on the items of another source, leaves out those that need not be done, and tells the ledger which
// items there are. It is a backbones.Source.
type Source struct {
	inner  backbones.Source
	ledger *Ledger
	chosen Chosen
	about  About

	lookup  *lookup
	queue   []backbones.Block
	ended   bool
	warned  bool
	numbers []backbones.Span
	keys    []Key
	taken   atomic.Int64
	left    atomic.Int64
	done    atomic.Bool
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

// Picked are failed items, by number and key.
type Picked struct {
	byNumber map[uint64]Key
	byKey    *table
}

// Len is how many items were picked.
func (p *Picked) Len() int { return len(p.byNumber) }

// About is what a Source asks and tells about a listing.
type About struct {
	// Warn takes a message about a listing that is not what it was. It is called once at most.
	Warn func(string)
	// Show returns the printable form of an item of an indexed list, empty where there is none, and what stands for its content; 0:
	// the text does. It may be called by several goroutines. nil: such items are known by their place alone.
	Show func(number uint64) (text string, key uint64)
	// LeftOut takes how many items of the inner source were left out; nil: nobody wants to know.
	LeftOut func(n int)
}

// Source returns a source that tells the ledger about the items of another. The ledger has to be made with Keys for
// items to be known again.
func (l *Ledger) Source(inner backbones.Source, chosen Chosen, about About) *Source {
	var earlier []*Layer
	if chosen.Finished != nil {
		earlier = chosen.Finished.merged()
	}
	return &Source{inner: inner, ledger: l, chosen: chosen, about: about, lookup: newLookup(earlier)}
}

// Resumed is how many items were left out so far because an earlier run had done them. Any goroutine may ask.
func (s *Source) Resumed() int64 { return s.left.Load() }

// Taken is how many items were handed on so far; all says that no more will be. Any goroutine may ask.
func (s *Source) Taken() (n int64, all bool) {
	all = s.done.Load()
	return s.taken.Load(), all
}

// Next returns the next block with items to do, or io.EOF.
func (s *Source) Next(ctx context.Context) (backbones.Block, error) {
	for {
		if len(s.queue) > 0 {
			b := s.queue[0]
			s.queue[0] = backbones.Block{}
			s.queue = s.queue[1:]
			s.taken.Add(int64(b.Count))
			return b, nil
		}
		b, err := s.inner.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			s.end()
			return backbones.Block{}, io.EOF
		case err != nil:
			return backbones.Block{}, err
		}
		if b.Count == 0 {
			return b, nil
		}
		s.queue = s.queue[:0]
		s.take(b)
		if s.about.LeftOut != nil {
			left := b.Count
			for _, queued := range s.queue {
				left -= queued.Count
			}
			s.about.LeftOut(left)
		}
	}
}

func (s *Source) end() {
	if s.ended {
		return
	}
	s.ended = true
	s.done.Store(true)
	if s.chosen.Only == nil && !s.chosen.Part {
		// A run of some items alone has not replaced what it took over from the one before.
		s.ledger.listed()
	}
}

func (s *Source) take(b backbones.Block) {
	if !s.ledger.keep {
		s.ledger.saw(b, nil)
		s.queue = append(s.queue, b)
		return
	}
	switch b.Encoding {
	case backbones.JSONLines:
		s.lines(b)
	case backbones.Opaque:
		s.opaque(b)
	default:
		s.indexed(b)
	}
}

// wanted is asked once for each item, in their order.
func (s *Source) wanted(number uint64, key Key) bool {
	if only := s.chosen.Only; only != nil {
		return only.byKey.take(key)
	}
	agreed := !s.lookup.byKey
	finished := s.lookup.finished(number, key)
	if agreed && s.lookup.byKey {
		s.changed()
	}
	if finished {
		s.numbers = appendSpan(s.numbers, backbones.Span{First: number, Count: 1})
	}
	return !finished
}

func (s *Source) changed() {
	if !s.warned {
		s.warned = true
		s.about.Warn("the listing is not what it was in the earlier run: items are known again by their content")
	}
}

func (s *Source) all() bool { return s.chosen.Only == nil && len(s.lookup.layers) == 0 }

// lines cuts the lines that are to be done out of a block.
func (s *Source) lines(b backbones.Block) {
	s.keys = s.keys[:0]
	rest, offset, from, count, at := b.Payload, 0, 0, 0, 0
	if b.Count == 0 {
		return
	}
	all := s.all()
	cut := func(number uint64, to int) {
		if count > 0 {
			part := backbones.Block{
				Encoding: b.Encoding, Count: count, First: number - uint64(count), Payload: b.Payload[from:max(to-1, from)],
			}
			if b.Refused != nil {
				part.Refused = b.Refused[at-count : at]
			}
			s.queue = append(s.queue, part)
		}
		count = 0
	}
	number := b.First
	for ; rest != nil; number++ {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		key := KeyOf(line)
		s.keys = append(s.keys, key)
		if !all {
			if s.wanted(number, key) {
				if count == 0 {
					from = offset
				}
				count++
			} else {
				cut(number, offset)
			}
		}
		offset += len(line) + 1
		at++
	}
	s.ledger.saw(b, s.keys)
	if all {
		s.queue = append(s.queue, b)
		return
	}
	cut(number, offset)
	s.leave()
}

// opaque hands on the parts of a block that are to be done.
func (s *Source) opaque(b backbones.Block) {
	keys := s.keysOf(b)
	s.ledger.saw(b, keys)
	if s.all() {
		s.queue = append(s.queue, b)
		return
	}
	seed := KeyOf(b.Payload)
	var todo []backbones.Span
	for i := range b.Count {
		key := seedKey(seed, uint64(b.Skip+i))
		if keys != nil {
			key = keys[i]
		}
		if s.wanted(b.First+uint64(i), key) {
			todo = appendSpan(todo, backbones.Span{First: uint64(i), Count: 1})
		}
	}
	if s.chosen.Only != nil {
		s.ledger.forget(Spans{{First: b.First, Count: b.Count}}.minus(shift(todo, b.First)))
	}
	for _, span := range todo {
		part := b
		part.First, part.Count, part.Skip = b.First+span.First, span.Count, b.Skip+int(span.First)
		if len(b.Keys) == b.Count {
			part.Keys = b.Keys[span.First:end(span)]
		}
		if len(b.ContentKeys) == b.Count {
			part.ContentKeys = b.ContentKeys[span.First:end(span)]
		}
		s.queue = append(s.queue, part)
	}
	s.leave()
}

// keysOf are the keys that a plugin gives the items of an opaque block; nil: it gives none.
func (s *Source) keysOf(b backbones.Block) []Key {
	if len(b.ContentKeys) != b.Count {
		return nil
	}
	s.keys = s.keys[:0]
	for _, k := range b.ContentKeys {
		s.keys = append(s.keys, Key(k))
	}
	return s.keys
}

// indexed hands on the ranges of a list that are to be done.
func (s *Source) indexed(b backbones.Block) {
	seed := s.listSeed(b)
	s.ledger.sawList(b, seed)
	whole := backbones.Span{First: b.First, Count: b.Count}
	todo := Spans{whole}
	if s.chosen.Only != nil {
		todo = s.pickedOf(whole, seed)
	}
	for _, l := range s.lookup.layers {
		finished, same := l.indexed(seed)
		if !same {
			s.changedList()
		}
		todo = todo.minus(finished)
	}
	if s.chosen.Only == nil {
		s.numbers = Spans{whole}.minus(todo)
	}
	for _, span := range todo {
		part := b
		part.First, part.Count = span.First, span.Count
		s.queue = append(s.queue, part)
	}
	s.leave()
}

// samples is how many items of an indexed list are looked at.
const samples = 32

// address is what Python shows of objects that have no form of their own, and is another in each process.
var address = regexp.MustCompile(` at 0x[0-9a-fA-F]+`)

// listSeed stands for an indexed list: its length, and some of its items, evenly spread. A list in another order, as that
// of a set may be in each process, is another list.
func (s *Source) listSeed(b backbones.Block) Key {
	seed := listSeed(b.Count)
	if s.about.Show == nil {
		return seed
	}
	n := min(samples, b.Count)
	keys := make([]Key, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			text, key := s.about.Show(b.First + sampleOf(i, n, b.Count))
			if key == 0 {
				key = uint64(KeyOf([]byte(address.ReplaceAllString(text, ""))))
			}
			keys[i] = Key(key)
		})
	}
	all.Wait()
	for i, key := range keys {
		seed = seedKey(seed^key, sampleOf(i, n, b.Count))
	}
	return seed
}

// sampleOf is the place of the i-th of n samples: the first is the first of the list, the last the last.
func sampleOf(i, n, count int) uint64 {
	if n < 2 {
		return 0
	}
	return uint64(i) * uint64(count-1) / uint64(n-1)
}

// pickedOf are the picked items of an indexed list.
func (s *Source) pickedOf(list backbones.Span, seed Key) Spans {
	var picked []backbones.Span
	for number, key := range s.chosen.Only.byNumber {
		if number >= list.First && number < end(list) && seedKey(seed, number) == key {
			picked = append(picked, backbones.Span{First: number, Count: 1})
			s.chosen.Only.byKey.take(key)
		}
	}
	if len(picked) < s.chosen.Only.Len() {
		s.changedList()
	}
	return normal(picked)
}

func (s *Source) changedList() {
	if !s.warned {
		s.warned = true
		s.about.Warn("the task's list is not what it was in the earlier run: its length or its order has changed. Its items are known by their place alone, so none is taken for the same; a task that sorts its list has the same one each time")
	}
}

// leave tells the ledger which items of a block were left out.
func (s *Source) leave() {
	if len(s.numbers) == 0 {
		return
	}
	s.left.Add(Spans(s.numbers).Items())
	s.ledger.resumed(slices.Clone(s.numbers))
	s.numbers = s.numbers[:0]
}
