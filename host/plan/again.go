package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// Again is a source of items that an earlier run had, as JSON lines: their outputs are those of a template.
type Again struct {
	t      *template.Template
	out    *outputs
	policy Policy
	place  *placer
	inner  backbones.Source
	queue  []backbones.Block
}

// NewAgain returns the items of the inner source with the outputs of a template. The inner source is asked by one goroutine
// and is not closed.
func NewAgain(t *template.Template, inner backbones.Source, o Options) (*Again, error) {
	a := &Again{t: t, out: outputsOf(t), policy: o.Policy, inner: inner}
	if a.out == nil {
		return a, nil
	}
	var err error
	a.place, err = newPlacer(a.out, storeOf(o.FS))
	return a, err
}

// Next returns the next block of the inner source, with outputs computed again.
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
		again, refusal, err := a.line(line)
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

// line returns the line of an item that an earlier run had, with the outputs that the template gives it, and why it must
// not be begun; empty: it may. Where a mode is the plugin's own code, the line loses the outputs, and the plugin computes
// them.
func (a *Again) line(line []byte) (again []byte, refusal string, err error) {
	line = bytes.TrimSpace(line)
	item, err := scanItem(line)
	if err != nil {
		return nil, "", fmt.Errorf("the item %w", err)
	}
	if a.out == nil && !slices.Contains(a.t.Custom, template.RoleOutput) {
		return line, "", nil
	}
	dst := []byte{'{'}
	comma := func() {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
	}
	var name []byte
	err = jsontext.Object(line, func(key, value []byte) error {
		var err error
		if name, err = jsontext.Unescape(name[:0], key); err != nil {
			return err
		}
		if n := string(name); n == "output" || strings.HasPrefix(n, "output_") {
			return nil
		}
		comma()
		dst = append(append(append(append(dst, '"'), key...), '"', ':'), value...)
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("the item %w", err)
	}
	if a.t.Native() {
		if !item.isTriplet {
			return nil, "", errors.New(`the item has no "input" with path, rel_dir and file_name as texts`)
		}
		comma()
		dst = a.out.append(dst, item.input)
		_, at := a.place.find(item.input)
		refusal = a.out.refusal(a.policy, at, item.input)
	}
	return append(dst, '}'), refusal, nil
}
