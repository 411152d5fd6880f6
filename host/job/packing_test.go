package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestWithout(t *testing.T) {
	spans := []backbones.Span{{First: 10, Count: 5}, {First: 2, Count: 2}, {First: 20, Count: 1}}
	for name, c := range map[string]struct {
		failed []uint64
		want   []backbones.Span
	}{
		"none":       {nil, spans},
		"ends":       {[]uint64{10, 14}, []backbones.Span{{First: 11, Count: 3}, {First: 2, Count: 2}, {First: 20, Count: 1}}},
		"middle":     {[]uint64{12, 3}, []backbones.Span{{First: 10, Count: 2}, {First: 13, Count: 2}, {First: 2, Count: 1}, {First: 20, Count: 1}}},
		"neighbours": {[]uint64{11, 12, 20}, []backbones.Span{{First: 10, Count: 1}, {First: 13, Count: 2}, {First: 2, Count: 2}}},
		"all":        {[]uint64{10, 11, 12, 13, 14, 2, 3, 20}, nil},
	} {
		var failed []backbones.FailedItem
		for _, n := range c.failed {
			failed = append(failed, backbones.FailedItem{Number: n})
		}
		if diff := cmp.Diff(c.want, without(spans, failed)); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", name, diff)
		}
	}
}
