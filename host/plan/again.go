package plan

import (
	"bytes"
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Again is a source of items that an earlier run had, as JSON lines: their outputs are those of the template. The inner
// source is asked by one goroutine and is not closed.
type Again struct {
	Template *template.Template
	Inner    backbones.Source
}

// Next returns the next block of the inner source, with outputs computed anew.
func (a Again) Next(ctx context.Context) (backbones.Block, error) {
	b, err := a.Inner.Next(ctx)
	if err != nil || b.Count == 0 {
		return b, err
	}
	var payload []byte
	n := b.First
	for line := range bytes.SplitSeq(b.Payload, []byte{'\n'}) {
		again, err := a.Template.Again(line)
		if err != nil {
			return backbones.Block{}, fmt.Errorf("taking up item %d of an earlier run: %w", n, err)
		}
		if n > b.First {
			payload = append(payload, '\n')
		}
		payload = append(payload, again...)
		n++
	}
	b.Payload = payload
	return b, nil
}
