// Package plan turns a template into the items that a run has to do: listed, divided and checked while workers are
// busy with those that came before.
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

// The size of a block. The queue holds at most queued blocks, so that listing never runs far ahead of the work.
const (
	blockItems = 1024
	blockBytes = 256 << 10
	queued     = 8
)

// A block that is not full yet is handed over when the consumer waits and the block has so many items, or is so old.
const (
	eagerItems = 64
	eagerAge   = 20 * time.Millisecond
)

// Options of a listing. The zero value lists the local disk, carefully.
type Options struct {
	// FS has the inputs and the outputs; nil: the local disk.
	FS FS
	// Warn takes what listing met and went on from; nil: only counted. It is called from several goroutines, one call
	// at a time.
	Warn func(Warning)
	// Policy is what the user lets the listing do.
	Policy Policy
	// Journal tells which outputs are whole; nil: all that exist.
	Journal Journal
	// Unfinished takes the path of each output that exists and is unfinished; may be nil. Summarise alone calls it.
	Unfinished func(path string)
	// Patience is how long items that another run is working on are waited for, when all else is done.
	Patience time.Duration
}

// Source yields the items that are still to do. It is a backbones.Source, and tells how far it is; what it tells may
// be asked by any goroutine.
type Source struct {
	// Counters are those of the walk.
	Counters Counters

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

	// The block that is being filled belongs to the goroutine that lists.
	block block
	first uint64

	o Options
	// open are the items that others are working on, and told is how many of them were still so at the end.
	open      []openItem
	told      atomic.Int64
	concluded conclusions
}

type block struct {
	payload []byte
	count   int
	began   time.Time
	// refused are the reasons of a block of items that must not be begun.
	refused []string
}

// New starts listing the inputs of a native template. Inputs that cannot be listed at all are a *template.InputError
// here; what turns up later is returned by Next. The source must be closed.
func New(ctx context.Context, t *template.Template, o Options) (*Source, error) {
	if err := checkInputs(storeOf(o.FS), t); err != nil {
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
	}
	s.concluded.changed = make(chan struct{}, 1)
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

func (s *Source) walkOptions() walkOptions {
	return walkOptions{Options: s.o, item: s.add, refuse: s.refuse, open: s.leave, tick: s.tick, counters: &s.Counters}
}

// list runs in a goroutine of its own until everything is listed.
func (s *Source) list(walk func() error) {
	defer close(s.stopped)
	err := walk()
	// What was listed before an input that cannot be listed is still to be done.
	var input *template.InputError
	if err == nil || errors.As(err, &input) {
		if flushErr := s.flush(); flushErr != nil {
			err = flushErr
		} else if lookErr := s.lookAgain(); lookErr != nil {
			err = lookErr
		} else {
			s.err = err
			s.ended.Store(err == nil)
			close(s.blocks)
			return
		}
	}
	s.err = err
	close(s.failed)
}

// Next returns the next block, or io.EOF. A *template.InputError comes behind the blocks that were listed before it. Any
// other error comes before them, because the run must not go on: *CollisionError, or the error of a wrapped source.
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

// Close ends the listing and waits until it has. It may be called more than once.
func (s *Source) Close() {
	s.cancel()
	<-s.stopped
}

// Total is the number of all items of this run, finished ones included, once all are listed.
func (s *Source) Total() (int64, bool) {
	if !s.ended.Load() {
		return 0, false
	}
	return int64(s.Counters.InShard.Load()), true
}

// Skipped is how many items of this run were found finished so far.
func (s *Source) Skipped() int64 { return int64(s.Counters.Done.Load()) }

// Remaining is how many items Next has still to yield, once all are listed.
func (s *Source) Remaining() (int, bool) {
	if !s.ended.Load() {
		return 0, false
	}
	return int(s.Counters.ToDo.Load() + s.Counters.Refused.Load() - s.yielded.Load()), true
}

// Unlisted is how many folders and lines of inputs could not be read.
func (s *Source) Unlisted() int64 {
	return int64(s.Counters.Unreadable.Load() + s.Counters.BadLines.Load())
}

// add takes a line of the walk.
func (s *Source) add(line []byte) error {
	if s.block.refused != nil {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.append(line)
}

// refuse takes a line of the walk whose item must not be begun.
func (s *Source) refuse(line []byte, why string) error {
	if s.block.refused == nil {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.block.refused = append(s.block.refused, why)
	return s.append(line)
}

func (s *Source) append(line []byte) error {
	b := &s.block
	if b.count > 0 {
		b.payload = append(b.payload, '\n')
	} else {
		b.began = time.Now()
	}
	b.payload = append(b.payload, line...)
	b.count++
	full := b.count >= blockItems || len(b.payload) >= blockBytes
	if full || b.count >= eagerItems && s.waiting.Load() {
		return s.flush()
	}
	return nil
}

// tick hands over a block that somebody waits for, when the listing is slow or finds nothing more to do.
func (s *Source) tick() error {
	if s.block.count > 0 && s.waiting.Load() && time.Since(s.block.began) > eagerAge {
		return s.flush()
	}
	return nil
}

func (s *Source) flush() error {
	if s.block.count == 0 {
		return nil
	}
	b := backbones.Block{Encoding: backbones.JSONLines, Count: s.block.count, Payload: s.block.payload, Refused: s.block.refused}
	s.block = block{payload: make([]byte, 0, len(b.Payload)+len(b.Payload)/8)}
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
