package job

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

type blocks []backbones.Block

func (b *blocks) Next(context.Context) (backbones.Block, error) {
	if len(*b) == 0 {
		return backbones.Block{}, io.EOF
	}
	first := (*b)[0]
	*b = (*b)[1:]
	return first, nil
}

func TestOneByOne(t *testing.T) {
	inner := &blocks{{Count: 2, Payload: []byte("{\"a\":1}\n{\"a\":2}")}, {}, {Encoding: backbones.Indexed, Count: 2, First: 2}}
	e := &execution{spec: &Spec{Debug: "on"}}
	all := e.oneByOne(items{Source: inner})
	for number := range uint64(4) {
		b, err := all.Next(t.Context())
		if err == nil && b.Count == 0 && number == 2 {
			b, err = all.Next(t.Context())
		}
		if err != nil || b.Count != 1 || b.First != number {
			t.Fatalf("item %d: %+v, %v", number, b, err)
		}
		// The next one waits for its outcome.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := all.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("after item %d: %v", number, err)
		}
		e.record(backbones.Outcomes{Done: []backbones.Span{{First: number, Count: 1}}})
	}
	if _, err := all.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	// In pdb, a failed item is the last one.
	e = &execution{spec: &Spec{Debug: debugPdb}}
	all = e.oneByOne(items{Source: &blocks{{Count: 2, Payload: []byte("{}\n{}")}}})
	if _, err := all.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.record(backbones.Outcomes{Failed: []backbones.FailedItem{{}}})
	if _, err := all.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after a failed item: %v", err)
	}
	if same := (&execution{spec: &Spec{}}).oneByOne(items{Source: inner}); same.Source != inner {
		t.Error("a run that is not debugged goes one by one")
	}
}
