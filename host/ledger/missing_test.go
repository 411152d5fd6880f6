package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// keyed are opaque items with keys of their own: item n has key n+1000 and, in each process, other bytes.
type keyed struct {
	items []uint64
	size  int
	salt  string
	at    int
}

func (k *keyed) Next(context.Context) (backbones.Block, error) {
	if k.at == len(k.items) {
		return backbones.Block{}, io.EOF
	}
	b := backbones.Block{Encoding: backbones.Opaque, First: uint64(k.at)}
	for ; b.Count < k.size && k.at < len(k.items); k.at++ {
		b.Count++
		b.ContentKeys = append(b.ContentKeys, k.items[k.at]+1000)
		b.Keys = append(b.Keys, fmt.Sprint(k.items[k.at]))
	}
	b.Payload = []byte(k.salt + strings.Join(b.Keys, ","))
	return b, nil
}

func upTo(n uint64) []uint64 {
	var out []uint64
	for i := range n {
		out = append(out, i)
	}
	return out
}

// runKeyed runs items and returns those that it was given, by their names.
func runKeyed(t *testing.T, dir string, earlier *State, chosen Chosen, src *keyed, fails ...string) []string {
	t.Helper()
	l, err := Create(dir, Info{ID: NewID("", time.Now())}, Options{Earlier: earlier})
	if err != nil {
		t.Fatal(err)
	}
	s := l.Source(src, chosen, About{Warn: func(string) {}})
	var given []string
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range b.Keys {
			given = append(given, name)
			o := backbones.Outcomes{Done: []backbones.Span{{First: b.First + uint64(i), Count: 1}}}
			for _, bad := range fails {
				if name == bad {
					o = backbones.Outcomes{Failed: []backbones.FailedItem{failedItem(b, i, "<"+name+">", backbones.Failure{})}}
				}
			}
			l.Record(o)
		}
	}
	if err := l.Close(End{Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return given
}

func TestOpaqueItemsWithKeysOfTheirOwnAreKnownInOtherBlocks(t *testing.T) {
	root := t.TempDir()
	first := filepath.Join(root, "1")
	runKeyed(t, first, nil, Chosen{}, &keyed{items: upTo(10), size: 4, salt: "a"}, "3", "7")
	state, err := ReadState(first, true)
	if err != nil {
		t.Fatal(err)
	}
	given := runKeyed(t, filepath.Join(root, "2"), state, Chosen{Finished: state}, &keyed{items: upTo(12), size: 3, salt: "b"})
	if diff := cmp.Diff([]string{"3", "7", "10", "11"}, given); diff != "" {
		t.Errorf("resumed (- want, + got):\n%s", diff)
	}
	picked, err := Pick(first, state)
	if err != nil {
		t.Fatal(err)
	}
	given = runKeyed(t, filepath.Join(root, "3"), state, Chosen{Only: picked}, &keyed{items: []uint64{9, 8, 7, 1}, size: 1, salt: "c"})
	if diff := cmp.Diff([]string{"7"}, given); diff != "" {
		t.Errorf("retried (- want, + got):\n%s", diff)
	}
	missing, err := picked.Missing(first, state)
	if err != nil || missing.Count != 1 || missing.Text() != `item 3 (<3>)` {
		t.Errorf("missing: %+v, %v", missing, err)
	}
}

func TestMissingNamesAFew(t *testing.T) {
	m := Missing{Count: 9, Items: []string{"item 1", "item 2"}}
	if m.Text() != "item 1, item 2 and 7 more" {
		t.Error(m.Text())
	}
	if got := cutText(strings.Repeat("é", namedLength), namedLength); len(got) > namedLength+len("…") || !strings.HasSuffix(got, "…") {
		t.Error(got)
	}
}
