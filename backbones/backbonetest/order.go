package backbonetest

import (
	"cmp"
	"context"
	"io"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// scattered yields count items in blocks of one or two, not in the order of their numbers.
type scattered struct{ count, next int }

func (s *scattered) Next(ctx context.Context) (backbones.Block, error) {
	if ctx.Err() != nil || s.next == s.count {
		return backbones.Block{}, cmp.Or(ctx.Err(), io.EOF)
	}
	// 7 and the number of pairs have no common divisor.
	pairs := s.count / 2
	first := s.next / 2 * 7 % pairs * 2
	b := backbones.Block{Encoding: backbones.JSONLines, Count: 1, First: uint64(first + s.next%2), Payload: []byte(item(first + s.next%2))}
	if first%3 == 0 {
		b.Count, b.Payload = 2, []byte(item(first)+"\n"+item(first+1))
	}
	s.next += b.Count
	return b, nil
}

// anyOrder: items whose numbers do not ascend have one outcome each, and failures name the item that they are about.
func anyOrder(t *testing.T, run Run) {
	const count = 400
	crew := &Crew{T: t, Script: func(s string, attempt int) Act {
		switch n := number(s); {
		case n%10 == 3:
			return Fail
		case n == 77 && attempt == 1:
			return Die
		}
		return Do
	}}
	tally := newTally()
	if err := run(t.Context(), Options{Workers: 3, ChunkSize: 16, Crew: crew}, &scattered{count: count}, tally.sink); err != nil {
		t.Fatal(err)
	}
	crew.Wait()
	tally.once(t, count)
	if len(tally.failed) != count/10 {
		t.Errorf("%d items failed, want %d", len(tally.failed), count/10)
	}
	for _, f := range tally.failures {
		if number(f.Item) != int(f.Number) {
			t.Errorf("the failure of item %d names %s", f.Number, f.Item)
		}
	}
}
