package ledger

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// model is what a ledger of at most so many items holds.
const modelItems = 64

func spansOf(t *rapid.T, label string) Spans {
	var s []backbones.Span
	for range rapid.IntRange(0, 4).Draw(t, label) {
		first := rapid.Uint64Range(0, modelItems-1).Draw(t, "first")
		s = append(s, backbones.Span{First: first, Count: rapid.IntRange(1, int(modelItems-first)).Draw(t, "count")})
	}
	return normal(s)
}

func members(s Spans) map[uint64]bool {
	m := map[uint64]bool{}
	for _, span := range s {
		for n := span.First; n < end(span); n++ {
			m[n] = true
		}
	}
	return m
}

// Sets of spans do what sets do.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := spansOf(t, "a"), spansOf(t, "b")
		inA, inB := members(a), members(b)
		minus, both := members(a.minus(b)), members(union(a, b))
		window := backbones.Span{First: rapid.Uint64Range(0, modelItems).Draw(t, "from"), Count: rapid.IntRange(0, modelItems).Draw(t, "window")}
		inside := members(a.within(window))
		c := cursor{set: a}
		for n := range uint64(modelItems + 2) {
			if c.has(n) != inA[n] {
				t.Fatalf("%v has %d", a, n)
			}
			if minus[n] != (inA[n] && !inB[n]) || both[n] != (inA[n] || inB[n]) {
				t.Fatalf("%v and %v differ about %d", a, b, n)
			}
			if inside[n] != (inA[n] && n >= window.First && n < end(window)) {
				t.Fatalf("%v within %v: %d", a, window, n)
			}
		}
		if a.Items() != int64(len(inA)) {
			t.Fatalf("%v has %d items", a, a.Items())
		}
		back := cursor{set: a}
		for n := modelItems + 1; n >= 0; n-- {
			if back.has(uint64(n)) != inA[uint64(n)] {
				t.Fatalf("backwards: %v has %d", a, n)
			}
		}
	})
}

// step is one thing that a run tells its ledger.
type step struct {
	kind kind
	span backbones.Span
}

// apply is the model: done and skipped are final, failed is not.
func apply(state map[uint64]kind, s step) {
	for n := s.span.First; n < end(s.span); n++ {
		if state[n] == 0 || state[n] == kindFailed {
			state[n] = s.kind
		}
	}
}

// Whatever is written in whatever pieces, and wherever the file is cut, what is read is what was told up to some moment,
// no item is in two final states, and more of the file never tells less.
func TestAnyPrefixIsConsistent(t *testing.T) {
	root := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		dir := filepath.Join(root, time.Unix(int64(run), 0).UTC().Format("150405"))
		l, err := Create(dir, Info{ID: "x"}, Options{FlushEvery: time.Hour})
		if err != nil {
			rt.Fatal(err)
		}
		// An item is begun once, and told of more than once only when a later attempt does what failed before.
		fresh := rapid.Permutation(numbers(modelItems)).Draw(rt, "order")
		var moments []map[uint64]kind
		state := map[uint64]kind{}
		remember := func() {
			now := map[uint64]kind{}
			for n, k := range state {
				now[n] = k
			}
			moments = append(moments, now)
		}
		remember()
		flush := func() {
			l.flush()
			remember()
		}
		var failedOnes []uint64
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			var s step
			again := len(failedOnes) > 0 && rapid.Bool().Draw(rt, "again")
			switch {
			case again:
				s = step{kindDone, backbones.Span{First: failedOnes[0], Count: 1}}
				failedOnes = failedOnes[1:]
			case len(fresh) > 0:
				s = step{rapid.SampledFrom([]kind{kindDone, kindDone, kindSkipped, kindResumed, kindFailed}).Draw(rt, "kind"), backbones.Span{First: fresh[0], Count: 1}}
				fresh = fresh[1:]
			default:
				continue
			}
			apply(state, s)
			switch s.kind {
			case kindDone:
				l.Record(backbones.Outcomes{Done: []backbones.Span{s.span}})
			case kindSkipped:
				l.Record(backbones.Outcomes{Skipped: []backbones.Span{s.span}})
			case kindResumed:
				l.resumed([]backbones.Span{s.span})
			default:
				failedOnes = append(failedOnes, s.span.First)
				l.Record(backbones.Outcomes{Failed: []backbones.FailedItem{{Number: s.span.First}}})
			}
			if rapid.Bool().Draw(rt, "flush") {
				flush()
			}
		}
		flush()
		if err := l.Close(End{}); err != nil {
			rt.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, outcomesFile))
		if err != nil {
			rt.Fatal(err)
		}
		cut := rapid.IntRange(0, len(data)).Draw(rt, "cut")
		part := data[:cut]
		if cut > len(magic) && rapid.Bool().Draw(rt, "rotten") {
			// What the disk made of the last bytes need not be what was written.
			part = bytes.Clone(part)
			part[len(part)-1] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
		}
		whole, err := stateOf(data)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(moments[len(moments)-1], final(rt, whole)); diff != "" {
			rt.Fatalf("the whole ledger: %s", diff)
		}
		s, err := stateOf(part)
		if err != nil {
			rt.Fatal(err)
		}
		// A record is of one kind, so a cut may lie between the records of one flush: each item is what it was told to
		// be before or after that flush.
		got := final(rt, s)
		for i := 0; ; i++ {
			if i == len(moments) {
				rt.Fatalf("cut at %d of %d: %v is none of %v", cut, len(data), got, moments)
			}
			if between(got, moments[max(i-1, 0)], moments[i]) {
				break
			}
		}
	})
}

func numbers(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i)
	}
	return out
}

func between(got, before, after map[uint64]kind) bool {
	for n := range uint64(modelItems) {
		if got[n] != before[n] && got[n] != after[n] {
			// What failed and was done within one flush may be seen as neither.
			return false
		}
	}
	return true
}

// final is the state of each item, and fails when one has two.
func final(t *rapid.T, s *State) map[uint64]kind {
	out := map[uint64]kind{}
	for k, set := range map[kind]Spans{kindDone: s.Done, kindSkipped: s.Skipped, kindResumed: s.Resumed, kindFailed: s.Failed} {
		for n := range members(set) {
			if out[n] != 0 {
				t.Fatalf("item %d is in two final states", n)
			}
			out[n] = k
		}
	}
	return out
}

// FuzzReadState reads whatever bytes as a record of outcomes: it never fails but with an error, no item is in two states,
// and the whole records alone say the same.
func FuzzReadState(f *testing.F) {
	var b recordBuffer
	b.bytes = append(b.bytes, magic...)
	b.keys(0, []itemkey.Key{1, 2, 3})
	b.record(kindList, []uint64{0, 100}, 7)
	b.spans(kindResumed, Spans{{First: 0, Count: 1}})
	b.record(kindLayer, []uint64{0})
	b.spans(kindDone, Spans{{First: 1, Count: 2}, {First: 9, Count: 1}})
	b.spans(kindFailed, Spans{{First: 1, Count: 1}, {First: 5, Count: 1}})
	f.Add(bytes.Clone(b.bytes))
	f.Add(b.bytes[:len(b.bytes)-3])
	b.record(kindListed, []uint64{10})
	f.Add(b.bytes)
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := stateOf(data)
		if err != nil {
			return
		}
		if s.whole > int64(len(data)) {
			t.Fatalf("%d whole bytes of %d", s.whole, len(data))
		}
		sets := []Spans{s.Done, s.Skipped, s.Resumed, s.Failed}
		for i, a := range sets {
			for _, b := range sets[i+1:] {
				if len(a.minus(b)) != len(a) || a.minus(b).Items() != a.Items() {
					t.Fatalf("%v and %v overlap", a, b)
				}
			}
		}
		again, err := stateOf(data[:s.whole])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again, cmp.AllowUnexported(State{}, list{})); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(knownOf(t, s, data), knownOf(t, again, data[:s.whole])); diff != "" {
			t.Fatal(diff)
		}
	})
}

// stateOf reads a record of outcomes.
func stateOf(data []byte) (*State, error) {
	s := &State{Listed: -1}
	return s, s.read(bytes.NewReader(data))
}

// knownOf are the known items of a state that was read from data: their keys, and whether they are finished.
func knownOf(t *testing.T, s *State, data []byte) (items []string) {
	t.Helper()
	k := s.knownIn(bytes.NewReader(data[:s.whole]))
	for key, finished, ok := k.next(); ok; key, finished, ok = k.next() {
		items = append(items, fmt.Sprint(key, finished))
	}
	if err := k.failed(); err != nil {
		t.Fatal(err)
	}
	return items
}

// FuzzReadFailed reads whatever bytes as failed.jsonl, and what it has read can be written again.
func FuzzReadFailed(f *testing.F) {
	f.Add([]byte(`{"item":{"a":1},"encoding":"json","number":3,"key":"00000000000000ff","kind":"error","message":"x"}` + "\n{"))
	f.Add([]byte(`{"item":"text","encoding":"json"}` + "\n"))
	f.Add([]byte(`{"item":null}` + "\n" + `{"key":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = readFailed(bytes.NewReader(data), func(item *FailedItem) error {
			item.Line()
			if len(item.Item) == 0 {
				return nil
			}
			n := 0
			err := readFailed(bytes.NewReader(item.appendLine(nil)), func(back *FailedItem) error {
				n++
				if diff := cmp.Diff(item, back); diff != "" {
					t.Fatal(diff)
				}
				return nil
			})
			if err != nil || n != 1 {
				t.Fatalf("%d lines, %v", n, err)
			}
			return nil
		})
	})
}
