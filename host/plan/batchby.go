package plan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// BatchBySize is the key for which an item's length is the size of its input's file.
const BatchBySize = "size"

// BatchByOptions are how a BatchBy orders items.
type BatchByOptions struct {
	// Key is BatchBySize, or a field of the items: names with dots between them, and perhaps a dot in front.
	Key string
	// Window is how many items are sorted at a time: a multiple of the batch size, so that no batch has items of two windows.
	Window int
	// FS has the inputs; nil: the local disk.
	FS FS
	// Warn takes what is wrong with items' lengths, once at most; nil: nobody is told.
	Warn func(Warning)
}

// BatchBy is a source that sorts the items of another by their length, a window at a time and the longest first, so that batches cut from it
// have items of similar length. Items keep their numbers, and each is yielded once. Items of one length stay in their order, and those without a
// length come last.
type BatchBy struct {
	inner backbones.Source
	o     BatchByOptions
	// waiting are items that were read, sorted are blocks of those whose window is complete.
	waiting []sized
	sorted  []backbones.Block
	// next is what follows the sorted blocks: the end of the inner source, or a block without items; may be nil.
	next func() (backbones.Block, error)
	held atomic.Int64
	// blocks is how many blocks were read.
	blocks int
	// found: an item had a length. warned: a warning was given.
	found, warned bool
}

// sized is one item: a line of a block.
type sized struct {
	payload    []byte
	block      int
	from, to   int
	number     uint64
	length     float64
	hasLength  bool
	sizeFailed error
}

func (i sized) line() []byte { return i.payload[i.from:i.to] }

// NewBatchBy returns a source that sorts the items of another.
func NewBatchBy(inner backbones.Source, o BatchByOptions) *BatchBy {
	if o.FS == nil {
		o.FS = localDisk{}
	}
	return &BatchBy{inner: inner, o: o}
}

// Held is how many items were read and not yet yielded. Any goroutine may ask.
func (s *BatchBy) Held() int { return int(s.held.Load()) }

// Next returns the next block, or io.EOF. Items that must not be begun are passed on as they come.
func (s *BatchBy) Next(ctx context.Context) (backbones.Block, error) {
	for len(s.sorted) == 0 {
		if s.next != nil && len(s.waiting) == 0 {
			next := s.next
			b, err := next()
			if err == nil {
				s.next = nil
			}
			return b, err
		}
		for s.next == nil && len(s.waiting) < s.o.Window {
			b, err := s.inner.Next(ctx)
			if err == nil && b.Refused != nil {
				return b, nil
			}
			if err := s.take(b, err); err != nil {
				return backbones.Block{}, err
			}
		}
		if err := s.sort(ctx); err != nil {
			return backbones.Block{}, err
		}
	}
	b := s.sorted[0]
	s.sorted[0] = backbones.Block{}
	s.sorted = s.sorted[1:]
	s.held.Add(-int64(b.Count))
	return b, nil
}

// take adds what the inner source has yielded. It returns an error that must not wait for the items before it.
func (s *BatchBy) take(b backbones.Block, err error) error {
	var input *template.InputError
	switch {
	case errors.Is(err, io.EOF), errors.As(err, &input), err == nil && b.Count == 0:
		s.next = func() (backbones.Block, error) { return b, err }
		return nil
	case err != nil:
		return err
	case b.Encoding != backbones.JSONLines:
		return exitcode.Usagef("batch_by %s: the task's items are not JSON, so the host cannot tell their lengths; hint: --batch_by none makes batches in the order of the listing", s.o.Key)
	}
	s.blocks++
	n, from := 0, 0
	for from <= len(b.Payload) {
		to := len(b.Payload)
		if i := bytes.IndexByte(b.Payload[from:], '\n'); i >= 0 {
			to = from + i
		}
		s.waiting = append(s.waiting, sized{payload: b.Payload, block: s.blocks, from: from, to: to, number: b.First + uint64(n)})
		n++
		from = to + 1
	}
	s.held.Add(int64(n))
	if n != b.Count {
		return fmt.Errorf("the plugin said that a block has %s, but it has %s", count.Of(b.Count, "item"), count.Of(n, "line"))
	}
	return nil
}

// sort makes blocks of the first window of the waiting items.
func (s *BatchBy) sort(ctx context.Context) error {
	window := s.waiting[:min(s.o.Window, len(s.waiting))]
	if len(window) == 0 {
		return nil
	}
	if err := s.measure(ctx, window); err != nil {
		return err
	}
	slices.SortStableFunc(window, func(a, b sized) int {
		if a.hasLength != b.hasLength {
			return cmp.Compare(rank(b), rank(a))
		}
		return cmp.Compare(b.length, a.length)
	})
	for at := 0; at < len(window); {
		first, end := window[at], at+1
		last := first
		for end < len(window) && follows(last, window[end]) {
			last = window[end]
			end++
		}
		s.sorted = append(s.sorted, backbones.Block{
			Encoding: backbones.JSONLines, Count: end - at, Payload: first.payload[first.from:last.to:last.to], First: first.number,
		})
		at = end
	}
	rest := copy(s.waiting, s.waiting[len(window):])
	clear(s.waiting[rest:])
	s.waiting = s.waiting[:rest]
	return nil
}

func rank(i sized) int {
	if i.hasLength {
		return 1
	}
	return 0
}

// follows reports whether an item is the next line of the same block.
func follows(a, b sized) bool {
	return b.block == a.block && b.number == a.number+1
}

// stats is how many files are looked at at a time: on a network each look is a round trip.
const stats = 16

// measure sets the lengths of a window's items.
func (s *BatchBy) measure(ctx context.Context, window []sized) error {
	if s.o.Key != BatchBySize {
		for i := range window {
			window[i].length, window[i].hasLength = fieldLength(window[i].line(), s.o.Key)
		}
		return s.judge(window)
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(stats, len(window)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(window)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				s.look(&window[i])
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.judge(window)
}

func (s *BatchBy) look(i *sized) {
	path, ok := filePath(i.line(), "input")
	if !ok {
		return
	}
	if size, ok := memberSize(i.line(), path); ok {
		i.length, i.hasLength = float64(size), true
		return
	}
	info, err := s.o.FS.Stat(path)
	if err != nil {
		i.sizeFailed = err
		return
	}
	i.length, i.hasLength = float64(info.Size()), true
}

// judge warns of the first item without a length. If no item of the first window has one, the key is wrong.
func (s *BatchBy) judge(window []sized) error {
	without := slices.IndexFunc(window, func(i sized) bool { return !i.hasLength })
	first := !s.found
	s.found = s.found || slices.ContainsFunc(window, func(i sized) bool { return i.hasLength })
	if without < 0 || s.warned {
		return nil
	}
	item := window[without]
	if first && !s.found && item.sizeFailed == nil {
		what := fmt.Sprintf("has a length in the field %s", s.o.Key)
		if s.o.Key == BatchBySize {
			what = "has an input with a path"
		}
		return exitcode.Usagef("batch_by %s: none of the first %s %s; the first item has %s", s.o.Key, count.Of(len(window), "item"), what, fieldNames(item.line()))
	}
	s.warned = true
	if s.o.Warn != nil {
		s.o.Warn(Warning{Message: "batch_by " + s.o.Key + ": items without a length come last in their window; this is the first", Path: shortened(item.line()), Err: item.sizeFailed})
	}
	return nil
}

// maxShown is how many bytes of an item a message has.
const maxShown = 300

func shortened(line []byte) string {
	if len(line) <= maxShown {
		return string(line)
	}
	return string(bytes.ToValidUTF8(line[:maxShown], nil)) + "…"
}
