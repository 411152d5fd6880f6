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
	w := wrapped{s: s, t: t, inner: inner, filter: filter}
	go s.list(w.run)
	return s, nil
}

type wrapped struct {
	s      *Source
	t      *template.Template
	inner  backbones.Source
	filter *walk
}

func (w *wrapped) run() error {
	defer w.filter.close()
	for {
		b, err := w.inner.Next(w.s.ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b.Encoding == backbones.JSONLines {
			err = w.lines(b)
		} else {
			err = w.unread(b)
		}
		if err != nil {
			return err
		}
		if err := w.s.tick(); err != nil {
			return err
		}
	}
}

func (w *wrapped) lines(b backbones.Block) error {
	if b.Count == 0 {
		return nil
	}
	if n := bytes.Count(b.Payload, []byte("\n")) + 1; n != b.Count {
		return fmt.Errorf("the plugin said that a block has %s, but it has %s", count.Of(b.Count, "item"), count.Of(n, "line"))
	}
	for line := range bytes.SplitSeq(b.Payload, []byte("\n")) {
		if err := w.filter.item(line); err != nil {
			return err
		}
	}
	return nil
}

// unread passes on blocks that the host cannot look into, which it may only do as they are.
func (w *wrapped) unread(b backbones.Block) error {
	if w.t.Output != nil || !w.t.Shard.Whole() {
		return ErrUnreadable
	}
	if err := w.s.flush(); err != nil {
		return err
	}
	c := &w.s.Counters
	c.Listed.Add(uint64(b.Count))
	c.InShard.Add(uint64(b.Count))
	c.ToDo.Add(uint64(b.Count))
	return w.s.send(b)
}
