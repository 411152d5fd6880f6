package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// names are the items of a source's blocks; an item of a list is its number.
func sharedNames(t *testing.T, s backbones.Source) (all []string) {
	t.Helper()
	next := uint64(0)
	for {
		b, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.First < next {
			t.Fatalf("a block begins at %d, and %d items came before", b.First, next)
		}
		next = b.First + uint64(b.Count)
		switch b.Encoding {
		case backbones.JSONLines:
			lines := bytes.Split(b.Payload, []byte("\n"))
			if len(lines) != b.Count || b.Refused != nil && len(b.Refused) != b.Count {
				t.Fatalf("%+v", b)
			}
			for _, l := range lines {
				all = append(all, string(l))
			}
		case backbones.Opaque:
			for i := range b.Count {
				all = append(all, fmt.Sprintf("%s%d", b.Payload, b.Skip+i))
				if b.Keys != nil && b.Keys[i] != fmt.Sprint(b.Skip+i) {
					t.Fatalf("item %d has the key %s", b.Skip+i, b.Keys[i])
				}
			}
		case backbones.Indexed:
			for i := range b.Count {
				all = append(all, fmt.Sprint(b.First+uint64(i)))
			}
		}
	}
}

// The shards of a source have each item once, whatever its blocks are.
func TestShare(t *testing.T) {
	blocks := map[string][]backbones.Block{
		"lines": {
			{Count: 3, Payload: []byte("a\nb\nc")}, {First: 3, Count: 1, Payload: []byte("d")},
			{First: 4, Count: 4, Payload: []byte("e\nf\ng\nh"), Refused: []string{"e", "f", "g", "h"}},
		},
		"opaque": {
			{Encoding: backbones.Opaque, Count: 3, Payload: []byte("x"), Keys: []string{"0", "1", "2"}, ContentKeys: []uint64{1, 2, 3}},
			{Encoding: backbones.Opaque, First: 3, Count: 4, Payload: []byte("y")},
		},
		"indexed": {{Encoding: backbones.Indexed, Count: 11}},
		"none":    nil,
	}
	for kind, all := range blocks {
		whole := given(all)
		want := map[string]int{}
		for _, name := range sharedNames(t, &whole) {
			want[name]++
		}
		for _, n := range []uint64{1, 2, 3, 20} {
			got := map[string]int{}
			for i := range n {
				inner := given(all)
				s := &template.Shard{Num: n, Idx: []uint64{i}}
				names := sharedNames(t, ShareIndexed(Share(&inner, s), s, nil))
				if uint64(len(names)) != CountIn(s, uint64(len(want))) {
					t.Errorf("%s: shard %d of %d has %d items, said to have %d", kind, i, n, len(names), CountIn(s, uint64(len(want))))
				}
				for _, name := range names {
					got[name]++
				}
			}
			for name := range want {
				if got[name] != 1 {
					t.Errorf("%s in %d shards: %s is in %d of them", kind, n, name, got[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s in %d shards: %v", kind, n, got)
			}
		}
	}
}

func TestShareChecksBlocks(t *testing.T) {
	inner := given{{Count: 3, Payload: []byte("a\nb")}}
	if _, err := Share(&inner, &template.Shard{Num: 2, Idx: []uint64{0}}).Next(t.Context()); err == nil {
		t.Error("a block of 2 lines was taken for one of 3")
	}
}

func TestCountIn(t *testing.T) {
	sub := &template.Shard{Num: 7, Idx: []uint64{1, 4, 5}, Sub: &template.Shard{Num: 3, Idx: []uint64{0, 2}, Sub: &template.Shard{Num: 2, Idx: []uint64{1}}}}
	in := uint64(0)
	for n := range uint64(200) {
		if got := CountIn(sub, n); got != in {
			t.Fatalf("%d of the first %d, want %d", got, n, in)
		}
		if belongs(sub, n) {
			in++
		}
	}
}
