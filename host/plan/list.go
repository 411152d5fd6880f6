package plan

import (
	"context"
	"errors"
	"io"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// List lists everything, in the order of a run, and passes each item of this run's shard that is to do to a function, and with Need.Done
// the others, too. Nothing is created or changed. The errors are those of Source.Next, or the function's; with a *template.InputError,
// the summary is of what was listed before.
func List(ctx context.Context, t *template.Template, o Options, need Need, each func(*Item) error) (Summary, error) {
	var s Summary
	var c Counters
	err := walkInputs(ctx, t, walkOptions{Options: o, counters: &c, need: need, item: each})
	s.count(&c)
	s.Filtered = o.Sieve.Dropped()
	return s, err
}

// ListOwn is List for the items that a task lists itself. It applies what the template says of them, where the host can; a nil template
// says nothing, and neither does one that the plugin applies. Items that only the plugin can read have a Shown and a Key instead of a Line.
func ListOwn(ctx context.Context, t *template.Template, inner backbones.Source, o Options, need Need, each func(*Item) error) (Summary, error) {
	var s Summary
	var c Counters
	if t == nil || !t.Native() {
		t = &template.Template{}
	}
	w, err := newWalk(ctx, t, walkOptions{Options: o, counters: &c, need: need, item: each})
	if err != nil {
		return s, err
	}
	for err == nil {
		var b backbones.Block
		b, err = inner.Next(ctx)
		switch {
		case err != nil:
		case b.Encoding == backbones.JSONLines && b.Count > 0:
			err = w.block(b)
		case t.Output != nil || !t.Shard.Whole():
			err = ErrUnreadable
		default:
			err = w.opaque(b)
		}
		if err == nil {
			err = w.tick()
		}
	}
	w.report()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	err = w.picked(err)
	s.count(&c)
	return s, err
}

// opaque passes on the items of a block that the host cannot read.
func (w *walk) opaque(b backbones.Block) error {
	c := w.o.counters
	c.Listed.Add(uint64(b.Count))
	var seed itemkey.Key
	if len(b.ContentKeys) != b.Count {
		seed = itemkey.Of(b.Payload)
	}
	for i := range b.Count {
		w.found = Item{Number: w.number, State: template.OutputMissing, Opaque: true}
		w.number++
		if len(b.Keys) == b.Count {
			w.found.Shown = b.Keys[i]
		}
		if len(b.ContentKeys) == b.Count {
			w.found.Key = itemkey.Key(b.ContentKeys[i])
		} else {
			w.found.Key = itemkey.At(seed, uint64(b.Skip+i))
		}
		taken, err := w.take(w.found.Number, func() texts { return textsOfShown(w.found.Shown, func() itemkey.Key { return w.found.Key }) })
		if err != nil {
			return err
		}
		if !taken {
			continue
		}
		c.InShard.Add(1)
		c.ToDo.Add(1)
		if err := w.o.item(&w.found); err != nil {
			return err
		}
	}
	return nil
}
