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

// ErrUnreadable is about items that the host would have to read for a template, and cannot.
var ErrUnreadable = errors.New("the task's items are not JSON objects, so the host can apply neither output_mode nor soft_shard to them")

// Wrap applies the soft shard, output mode and finish check of a native template without input mode to the items of
// another source. With an output mode, items need an input {path, rel_dir, file_name}. One goroutine calls the inner source, which is
// not closed.
func Wrap(ctx context.Context, t *template.Template, inner backbones.Source, o Options) (*Source, error) {
	if !t.Native() || t.Input != nil {
		return nil, errors.New("this template lists its items, or is run by the plugin")
	}
	s := newSource(ctx, o)
	w, err := newWalk(s.ctx, t, s.walkOptions())
	if err != nil {
		s.cancel()
		return nil, err
	}
	go s.list(func() error {
		defer w.report()
		return w.picked(s.wrap(w, inner))
	})
	return s, nil
}

// wrap takes the blocks of the inner source until it ends.
func (s *Source) wrap(w *walk, inner backbones.Source) error {
	for {
		b, err := inner.Next(s.ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case b.Encoding != backbones.JSONLines:
			err = s.passOn(w.t, b)
		case b.Count > 0:
			err = w.block(b)
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

// item takes an item of a task.
func (w *walk) item(line []byte) error { return w.single(bytes.Trim(line, " \t\r\n"), 0) }

// passOn hands over a block that the host cannot read.
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
