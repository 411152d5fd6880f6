package plan

import (
	"bytes"
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Again is a source of items that an earlier run had, as JSON lines: their outputs are those of a template.
type Again struct {
	again *template.Again
	inner backbones.Source
	queue []backbones.Block
}

// NewAgain returns the items of the inner source with the outputs of a template. The inner source is asked by one goroutine
// and is not closed.
func NewAgain(t *template.Template, inner backbones.Source, o Options) (*Again, error) {
	again, err := t.Again(o.Policy)
	if err != nil {
		return nil, err
	}
	return &Again{again: again, inner: inner}, nil
}

// Next returns the next block of the inner source, with outputs computed anew.
func (a *Again) Next(ctx context.Context) (backbones.Block, error) {
	for len(a.queue) == 0 {
		b, err := a.inner.Next(ctx)
		if err != nil {
			return b, err
		}
		if err := a.take(b); err != nil {
			return backbones.Block{}, err
		}
	}
	b := a.queue[0]
	a.queue = a.queue[1:]
	return b, nil
}

// take queues a block as blocks of items that may be begun, and others.
func (a *Again) take(b backbones.Block) error {
	if b.Count == 0 {
		return nil
	}
	n := b.First
	var to *backbones.Block
	for line := range bytes.SplitSeq(b.Payload, []byte{'\n'}) {
		again, refusal, err := a.again.Line(line)
		if err != nil {
			return fmt.Errorf("taking up item %d of an earlier run: %w", n, err)
		}
		if to == nil || (refusal != "") != (to.Refused != nil) {
			a.queue = append(a.queue, backbones.Block{Encoding: b.Encoding, First: n})
			to = &a.queue[len(a.queue)-1]
		}
		if to.Count > 0 {
			to.Payload = append(to.Payload, '\n')
		}
		to.Payload = append(to.Payload, again...)
		if refusal != "" {
			to.Refused = append(to.Refused, refusal)
		}
		to.Count++
		n++
	}
	return nil
}
