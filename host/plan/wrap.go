package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// ErrUnreadable is about items that a template has to look into, or divide, and the host cannot read.
var ErrUnreadable = errors.New("the task's items are not JSON objects, so the host can apply neither output_mode nor soft_shard to them")

// Wrap applies the soft shard, output mode and finish check of a native template without input mode to the items of
// another source. Items need an input {path, rel_dir, file_name} where there is an output mode. The inner source is
// asked by one goroutine and is not closed.
func Wrap(ctx context.Context, t *template.Template, inner backbones.Source, o Options) (*Source, error) {
	s := newSource(ctx, o)
	filter, err := newFilter(s.ctx, t, s.walkOptions())
	if err != nil {
		s.cancel()
		return nil, err
	}
	go s.list(func() error {
		defer filter.close()
		return s.wrap(filter, inner)
	})
	return s, nil
}

// wrap takes the blocks of the inner source until it ends.
func (s *Source) wrap(filter *walk, inner backbones.Source) error {
	for {
		b, err := inner.Next(s.ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		switch {
		case err != nil:
		case b.Encoding != backbones.JSONLines:
			err = s.passOn(filter.t, b)
		case b.Count > 0:
			err = filter.block(b)
		}
		if err != nil {
			return err
		}
		if err := s.tick(); err != nil {
			return err
		}
	}
}

// block takes the items of a block, one a line.
func (w *walk) block(b backbones.Block) error {
	if n := bytes.Count(b.Payload, []byte("\n")) + 1; n != b.Count {
		return fmt.Errorf("the plugin said that a block has %s, but it has %s", count.Of(b.Count, "item"), count.Of(n, "line"))
	}
	for line := range bytes.SplitSeq(b.Payload, []byte("\n")) {
		if err := w.item(line); err != nil {
			return err
		}
	}
	return nil
}

// passOn hands on a block that the host cannot look into, which it may only do as it is.
func (s *Source) passOn(t *template.Template, b backbones.Block) error {
	if t.Output != nil || !t.Shard.Whole() {
		return ErrUnreadable
	}
	if err := s.flush(); err != nil {
		return err
	}
	c := &s.Counters
	c.Listed.Add(uint64(b.Count))
	c.InShard.Add(uint64(b.Count))
	c.ToDo.Add(uint64(b.Count))
	return s.send(b)
}
