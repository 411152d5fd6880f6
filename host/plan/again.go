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

// Again is a source of items of an earlier run, as JSON lines. Their outputs are those of a template.
type Again struct {
	t      *template.Template
	out    *outputs
	policy Policy
	place  *placer
	inner  backbones.Source
	queue  []backbones.Block
}

// NewAgain returns the items of the inner source with the outputs of a template. One goroutine calls the inner source, which is not
// closed.
func NewAgain(t *template.Template, inner backbones.Source, o Options) (*Again, error) {
	a := &Again{t: t, out: outputsOf(t), policy: o.Policy, inner: inner}
	if a.out == nil {
		return a, nil
	}
	var err error
	a.place, err = newPlacer(a.out, o.store())
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

// take queues the items of a block. Refused ones get blocks of their own.
func (a *Again) take(b backbones.Block) error {
	if b.Count == 0 {
		return nil
	}
	n := b.First
	for line := range bytes.SplitSeq(b.Payload, []byte{'\n'}) {
		again, refusal, err := a.line(line)
		if err != nil {
			return fmt.Errorf("taking up item %d of an earlier run: %w", n, err)
		}
		if last := len(a.queue) - 1; last < 0 || !fits(&a.queue[last], refusal) {
			a.queue = append(a.queue, backbones.Block{Encoding: b.Encoding, First: n})
		}
		addLine(&a.queue[len(a.queue)-1], again, refusal)
		n++
	}
	return nil
}

// line returns the line of an item with the outputs that the template gives it, and why it must not begin; empty: it may begin. If a mode
// is the plugin's own code, the line only loses its outputs, and the plugin computes them.
func (a *Again) line(line []byte) (again []byte, refusal string, err error) {
	line = bytes.TrimSpace(line)
	item, err := scanItem(line)
	if err != nil {
		return nil, "", fmt.Errorf("the item %w", err)
	}
	if a.out == nil && !slices.Contains(a.t.Custom, template.RoleOutput) {
		return line, "", nil
	}
	var members [][]byte
	err = jsontext.Object(line, func(key, value []byte) error {
		name, err := jsontext.Unescape(nil, key)
		if n := string(name); err == nil && n != "output" && !strings.HasPrefix(n, "output_") {
			members = append(members, fmt.Appendf(nil, `"%s":%s`, key, value))
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("the item %w", err)
	}
	if a.t.Native() {
		if !item.isTriplet {
			return nil, "", errors.New(`the item has no "input" with path, rel_dir and file_name as texts`)
		}
		members = append(members, a.out.append(nil, item.input))
		_, at := a.place.find(item.input)
		refusal = a.out.refusal(a.policy, at, item.input)
	}
	return slices.Concat([]byte{'{'}, bytes.Join(members, []byte{','}), []byte{'}'}), refusal, nil
}
