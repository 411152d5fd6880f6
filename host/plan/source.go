// Package plan turns a template into the items that a run has to do. It lists, shards and checks them while workers are busy with
// earlier ones.
package plan

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// The size of a block. The queue holds at most queued blocks, so listing never runs far ahead of the work.
const (
	blockItems = 1024
	blockBytes = 256 << 10
	queued     = 8
)

// A block that is not full is handed over if the consumer waits and the block has this many items, or this age.
const (
	eagerItems = 64
	eagerAge   = 20 * time.Millisecond
)

// Options of a listing. The zero value lists the local disk under the strictest policy.
type Options struct {
	// FS has the inputs and the outputs; nil: the local disk.
	FS FS
	// Warn takes the problems that do not end the listing; nil: they are only counted. Several goroutines call it, one at a time.
	Warn func(Warning)
	// Policy is what the listing may do.
	Policy Policy
	// Journal knows which outputs are whole; nil: all that exist.
	Journal Journal
	// Packed knows which samples are in archives, for outputs that are packed; nil: none is.
	Packed Packed
	// Inputs returns what knows which of the folders that InputByFilenameSubfoldering lists below an input folder another run has not
	// finished, or nil; nil: all are whole.
	Inputs func(folder string) Journal
	// Unfinished takes the path of each output that exists and is unfinished; may be nil. Only Summarise calls it.
	Unfinished func(path string)
	// Picker takes some of the items alone; nil: all.
	Picker *Picker
	// Sieve leaves out items of the input mode before anything counts them; nil: none.
	Sieve *Sieve
	// Made knows what made the outputs, where items are done again by that; nil: nothing does.
	Made Made
	// Patience is the longest wait for items that another run is working on, after all others are done.
	Patience time.Duration
}

func (o Options) store() FS {
	if o.FS == nil {
		return localDisk{}
	}
	return o.FS
}

// Source yields the items that are still to do. It is a backbones.Source. Any goroutine may call its other methods.
type Source struct {
	// Counters are those of the walk.
	Counters Counters

	o       Options
	ctx     context.Context
	cancel  context.CancelFunc
	blocks  chan backbones.Block
	failed  chan struct{}
	err     error
	stopped chan struct{}

	waiting atomic.Bool
	// ended is set when every item was listed.
	ended   atomic.Bool
	yielded atomic.Uint64
	// concluded is the number of yielded items with an outcome. changed gets a value when it grows.
	concluded atomic.Uint64
	changed   chan struct{}
	stillOpen atomic.Int64

	// These belong to the goroutine that lists: the block that is being filled and the time of its first item, the number of items in
	// earlier blocks, and the items that other runs are working on.
	block backbones.Block
	began time.Time
	first uint64
	open  []openItem
}

// New starts listing the inputs of a native template. If the inputs cannot be listed at all, it returns a *template.InputError. Next
// returns later errors. The caller closes the source.
func New(ctx context.Context, t *template.Template, o Options) (*Source, error) {
	if err := checkInputs(o.store(), t); err != nil {
		return nil, err
	}
	s := newSource(ctx, o)
	go s.list(func() error { return walkInputs(s.ctx, t, s.walkOptions()) })
	return s, nil
}

func newSource(ctx context.Context, o Options) *Source {
	s := &Source{
		o:       o,
		blocks:  make(chan backbones.Block, queued),
		failed:  make(chan struct{}),
		stopped: make(chan struct{}),
		changed: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

func (s *Source) walkOptions() walkOptions {
	return walkOptions{Options: s.o, item: s.add, need: Need{Line: true}, open: s.leave, tick: s.tick, idle: s.flush, untilPicked: true, counters: &s.Counters}
}

// list runs in a goroutine of its own until everything is listed.
func (s *Source) list(walk func() error) {
	defer close(s.stopped)
	if s.err = walk(); errors.Is(s.err, errPicked) {
		s.err = nil
	}
	// Items that were listed before an unreadable input are still to be done.
	var input *template.InputError
	if s.err == nil || errors.As(s.err, &input) {
		err := s.finish()
		if err == nil {
			s.ended.Store(s.err == nil)
			close(s.blocks)
			return
		}
		s.err = err
	}
	close(s.failed)
}

// Next returns the next block, or io.EOF. A *template.InputError comes after the blocks that were listed before it. Any
// other error comes at once, because the run must not continue: *CollisionError, or the error of a wrapped source.
func (s *Source) Next(ctx context.Context) (backbones.Block, error) {
	select {
	case <-s.failed:
		return backbones.Block{}, s.err
	default:
	}
	select {
	case b, ok := <-s.blocks:
		return s.yield(b, ok)
	default:
	}
	s.waiting.Store(true)
	defer s.waiting.Store(false)
	select {
	case b, ok := <-s.blocks:
		return s.yield(b, ok)
	case <-s.failed:
		return backbones.Block{}, s.err
	case <-ctx.Done():
		return backbones.Block{}, ctx.Err()
	}
}

func (s *Source) yield(b backbones.Block, ok bool) (backbones.Block, error) {
	if !ok && s.err != nil {
		return b, s.err
	}
	if !ok {
		return b, io.EOF
	}
	s.yielded.Add(uint64(b.Count))
	return b, nil
}

// Close ends the listing and waits for its end. It may be called more than once.
func (s *Source) Close() {
	s.cancel()
	<-s.stopped
}

// Total is the number of all items of this run, finished ones included. It is known once all are listed.
func (s *Source) Total() (int64, bool) {
	if !s.ended.Load() {
		return 0, false
	}
	return int64(s.Counters.InShard.Load() - s.Counters.Unpicked.Load()), true
}

// Skipped is the number of items of this run that were found finished so far.
func (s *Source) Skipped() int64 { return int64(s.Counters.Done.Load()) }

// Remaining is the number of items that Next has yet to yield. It is known once all are listed.
func (s *Source) Remaining() (int, bool) {
	if !s.ended.Load() {
		return 0, false
	}
	return int(s.Counters.ToDo.Load() + s.Counters.Refused.Load() - s.yielded.Load()), true
}

// Unlisted is the number of input folders and lines that could not be read.
func (s *Source) Unlisted() int64 {
	return int64(s.Counters.Unreadable.Load() + s.Counters.BadLines.Load())
}

// add takes an item of the walk.
func (s *Source) add(i *Item) error { return s.addLine(i.Line, i.Refusal) }

func (s *Source) addLine(line []byte, refusal string) error {
	b := &s.block
	if !fits(b, refusal) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if b.Count == 0 {
		s.began = time.Now()
	}
	addLine(b, line, refusal)
	full := b.Count >= blockItems || len(b.Payload) >= blockBytes
	if full || b.Count >= eagerItems && s.waiting.Load() {
		return s.flush()
	}
	return nil
}

// fits reports whether a block takes an item: the items of a block are refused, or none is.
func fits(b *backbones.Block, refusal string) bool {
	return b.Count == 0 || (refusal != "") == (b.Refused != nil)
}

func addLine(b *backbones.Block, line []byte, refusal string) {
	if b.Count > 0 {
		b.Payload = append(b.Payload, '\n')
	}
	b.Payload = append(b.Payload, line...)
	if refusal != "" {
		b.Refused = append(b.Refused, refusal)
	}
	b.Count++
}

// tick hands over a block that the consumer waits for, if the listing is slow or finds nothing more to do.
func (s *Source) tick() error {
	if s.block.Count > 0 && s.waiting.Load() && time.Since(s.began) > eagerAge {
		return s.flush()
	}
	return nil
}

func (s *Source) flush() error {
	b := s.block
	if b.Count == 0 {
		return nil
	}
	s.block = backbones.Block{Payload: make([]byte, 0, len(b.Payload)+len(b.Payload)/8)}
	b.Encoding = backbones.JSONLines
	return s.send(b)
}

func (s *Source) send(b backbones.Block) error {
	b.First = s.first
	s.first += uint64(b.Count)
	select {
	case s.blocks <- b:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}
