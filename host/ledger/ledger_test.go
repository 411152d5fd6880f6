package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// blocks is a source of given blocks.
type blocks []backbones.Block

func (b *blocks) Next(context.Context) (backbones.Block, error) {
	if len(*b) == 0 {
		return backbones.Block{}, io.EOF
	}
	next := (*b)[0]
	*b = (*b)[1:]
	return next, nil
}

// jsonItems are blocks of size items of the texts.
func jsonItems(size int, items ...string) *blocks {
	var out blocks
	for first := 0; first < len(items); first += size {
		some := items[first:min(first+size, len(items))]
		payload := []byte(strings.Join(some, "\n"))
		out = append(out, backbones.Block{Count: len(some), First: uint64(first), Payload: payload, Marshal: payload})
	}
	return &out
}

func words(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`{"%s":%d}`, prefix, i)
	}
	return out
}

// outcome of an item in a test's run.
type outcome int

const (
	notReached outcome = iota
	done
	failed
)

// byBlock is a FlushEvery that has play write what there is at each block.
const byBlock = time.Hour

// play makes a run over a source, ends it as it is told, and returns which items it was given, by text.
func play(t *testing.T, dir string, o Options, src backbones.Source, chosen Chosen, judge func(text string) outcome) []string {
	t.Helper()
	l, err := Create(dir, Info{ID: NewID("", time.Now())}, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Earlier != nil {
		// The tests name an earlier run's folder by its state's path.
		for _, f := range carried[o.Earlier] {
			l.Carry(f)
		}
	}
	s := l.Source(src, chosen, About{Warn: func(string) { warnings[dir]++ }, Show: showOf(src)})
	var given []string
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if o.FlushEvery == byBlock {
			l.flush()
		}
		if b.Marshal != nil && !bytes.Equal(b.Marshal, b.Payload) {
			t.Fatalf("the items %q of a block are %q in marshal", b.Payload, b.Marshal)
		}
		for i := range b.Count {
			text := textOf(b, i)
			number := b.First + uint64(i)
			switch judge(text) {
			case done:
				l.Record(backbones.Outcomes{Done: []backbones.Span{{First: number, Count: 1}}})
			case failed:
				l.Record(backbones.Outcomes{Failed: []backbones.FailedItem{failedItem(b, i, text, backbones.Failure{
					Kind: backbones.KindError, Message: "no <&> luck", Attempts: 2, Elapsed: time.Second, Log: []string{"a line"},
				})}})
			default:
				// The host dies here.
				close(l.stop)
				<-l.stopped
				if err := l.closeFiles(); err != nil {
					t.Fatal(err)
				}
				return append(given, text)
			}
			given = append(given, text)
		}
	}
	if err := l.Close(End{Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return given
}

// failedItem is what a backbone makes of an item that failed.
func failedItem(b backbones.Block, i int, text string, failure backbones.Failure) backbones.FailedItem {
	f := backbones.FailedItem{Number: b.First + uint64(i), Item: text, Failure: failure, Encoding: b.Encoding}
	if len(b.ContentKeys) == b.Count {
		f.ContentKey = b.ContentKeys[i]
	}
	return f
}

var (
	warnings = map[string]int{}
	carried  = map[*State][]FailedItem{}
)

func textOf(b backbones.Block, i int) string {
	switch b.Encoding {
	case backbones.JSONLines:
		return string(bytes.Split(b.Payload, []byte("\n"))[i])
	case backbones.Opaque:
		return b.Keys[i]
	default:
		return fmt.Sprint(b.First + uint64(i))
	}
}

func read(t *testing.T, dir string) *State {
	t.Helper()
	s, err := ReadState(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = FailedItems(dir, s, func(f *FailedItem) error {
		carried[s] = append(carried[s], *f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func allDone(string) outcome { return done }

// dying is a judge that lets n items be done before the host dies.
func dying(n int) func(string) outcome {
	return func(string) outcome {
		if n--; n < 0 {
			return notReached
		}
		return done
	}
}

func opaqueItems(payload string, keys ...string) *blocks {
	return &blocks{{Encoding: backbones.Opaque, Count: len(keys), Payload: []byte(payload), Keys: keys}}
}

func indexed(n int) *blocks { return &blocks{{Encoding: backbones.Indexed, Count: n}} }

// ordered is an indexed list whose items show something else than their number.
type ordered struct {
	blocks
	show func(number uint64) string
}

func inOrder(n int, show func(number uint64) string) *ordered {
	return &ordered{*indexed(n), show}
}

func showOf(src backbones.Source) func(uint64) (string, uint64) {
	if o, ok := src.(*ordered); ok {
		return func(n uint64) (string, uint64) { return o.show(n), 0 }
	}
	return nil
}

func upwards(n uint64) string   { return fmt.Sprintf("<item %d at 0x%x>", n, rand.Uint32()) }
func downwards(n uint64) string { return upwards(1000 - n) }

func TestResume(t *testing.T) {
	ten := words("a", 10)
	tests := []struct {
		name          string
		first, second backbones.Source
		done          int
		want          []string
		changed       int
	}{
		{"the same listing", jsonItems(4, ten...), jsonItems(3, ten...), 6, ten[6:], 0},
		{"an item was added in front", jsonItems(4, ten...), jsonItems(4, append([]string{`{"new":1}`}, ten...)...), 6, append([]string{`{"new":1}`}, ten[6:]...), 1},
		{"an item is gone", jsonItems(4, ten...), jsonItems(4, append([]string{ten[0]}, ten[2:]...)...), 6, ten[6:], 1},
		{"another order", jsonItems(4, ten...), jsonItems(4, append(append([]string{}, ten[5:]...), ten[:5]...)...), 6, ten[6:], 1},
		{"items that are the same", jsonItems(4, "{}", "{}", "{}", "{}"), jsonItems(4, `{"x":1}`, "{}", "{}", "{}", "{}", "{}"), 3, []string{`{"x":1}`, "{}", "{}"}, 1},
		{"another listing altogether", jsonItems(4, ten...), jsonItems(4, words("b", 3)...), 6, words("b", 3), 1},
		{"longer", jsonItems(4, ten[:5]...), jsonItems(4, ten...), 5, ten[5:], 0},
		{"opaque", opaqueItems("pickled", "a", "b", "c", "d"), opaqueItems("pickled", "a", "b", "c", "d"), 2, []string{"c", "d"}, 0},
		{"opaque, changed", opaqueItems("pickled", "a", "b", "c"), opaqueItems("other", "a", "b", "c"), 2, []string{"a", "b", "c"}, 1},
		{"indexed", indexed(5), indexed(5), 3, []string{"3", "4"}, 0},
		{"indexed and looked at", inOrder(5, upwards), inOrder(5, upwards), 3, []string{"3", "4"}, 0},
		{"indexed, in another order", inOrder(5, upwards), inOrder(5, downwards), 3, []string{"0", "1", "2", "3", "4"}, 1},
		{"indexed, one item", inOrder(1, upwards), inOrder(1, upwards), 1, nil, 0},
		{"indexed, changed", indexed(5), indexed(6), 3, []string{"0", "1", "2", "3", "4", "5"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			one, two := filepath.Join(root, "one"), filepath.Join(root, "two")
			if n := len(play(t, one, Options{}, tt.first, Chosen{}, dying(tt.done))); n < tt.done {
				t.Fatalf("the first run was given %d items", n)
			}
			s := read(t, one)
			if got := s.Done.Items(); got != int64(tt.done) {
				t.Fatalf("%d items are done, want %d", got, tt.done)
			}
			got := play(t, two, Options{Earlier: s}, tt.second, Chosen{Finished: s}, allDone)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the second run was given: %s", diff)
			}
			if warnings[two] != tt.changed {
				t.Errorf("%d warnings, want %d", warnings[two], tt.changed)
			}
			if s := read(t, two); s.Listed < 0 || !s.alone() || s.Finished().Items() != s.Listed {
				t.Errorf("the second run's ledger: %d listed, %d finished, of earlier runs, too: %v", s.Listed, s.Finished().Items(), !s.alone())
			}
		})
	}
}

// Runs that die again and again, one of them before it has listed anything, lose nothing of what any of them did.
func TestResumeOfResumed(t *testing.T) {
	items := words("a", 100)
	root := t.TempDir()
	seen := map[string]int{}
	var earlier *State
	for i, n := range []int{10, 0, 25, 0, 7, 1000} {
		list := items
		if i == 4 {
			list = append([]string{`{"new":true}`}, items...)
		}
		dir := filepath.Join(root, fmt.Sprint(i))
		judge := dying(n)
		play(t, dir, Options{Earlier: earlier}, jsonItems(8, list...), Chosen{Finished: earlier}, func(text string) outcome {
			o := judge(text)
			if o == done {
				seen[text]++
			}
			return o
		})
		earlier = read(t, dir)
	}
	for _, text := range append(items, `{"new":true}`) {
		if text == `{"new":true}` && seen[text] == 1 {
			continue
		}
		if seen[text] != 1 {
			t.Errorf("%s was done %d times", text, seen[text])
		}
	}
}

// However often runs die, and however the listing changes in between, every item is done once and none twice, items that
// are the same included.
func TestAnyChainOfRuns(t *testing.T) {
	root := t.TempDir()
	chain := 0
	rapid.Check(t, func(rt *rapid.T) {
		chain++
		kinds := rapid.IntRange(1, 6).Draw(rt, "different items")
		items := rapid.SliceOfN(rapid.IntRange(0, kinds-1), 0, 24).Draw(rt, "items")
		var list []string
		want := map[string]int{}
		for _, n := range items {
			list = append(list, fmt.Sprintf(`{"n":%d}`, n))
			want[list[len(list)-1]]++
		}
		got := map[string]int{}
		var earlier *State
		for run := 0; ; run++ {
			if rapid.IntRange(0, 2).Draw(rt, "change") == 0 {
				if rapid.Bool().Draw(rt, "order") {
					list = rapid.Permutation(list).Draw(rt, "list")
				} else {
					at := rapid.IntRange(0, len(list)).Draw(rt, "at")
					item := fmt.Sprintf(`{"new":%d}`, run)
					list = slices.Insert(slices.Clone(list), at, item)
					want[item]++
				}
			}
			last := run == 4
			lives := rapid.IntRange(0, len(list)).Draw(rt, "lives")
			dir := filepath.Join(root, fmt.Sprint(chain), fmt.Sprint(run))
			play(t, dir, Options{Earlier: earlier}, jsonItems(rapid.IntRange(1, 8).Draw(rt, "block"), list...), Chosen{Finished: earlier}, func(text string) outcome {
				if lives--; lives < 0 && !last {
					return notReached
				}
				if !last && rapid.IntRange(0, 3).Draw(rt, "fails") == 0 {
					return failed
				}
				got[text]++
				return done
			})
			earlier = read(t, dir)
			if last {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("wanted and done: %s", diff)
		}
	})
}

// A run that dies before its source has yielded anything carries what was done before.
func TestResumeOfRunThatNeverBegan(t *testing.T) {
	root := t.TempDir()
	items := words("a", 10)
	play(t, filepath.Join(root, "1"), Options{}, jsonItems(5, items...), Chosen{}, dying(4))
	s := read(t, filepath.Join(root, "1"))
	for _, dir := range []string{"2", "3"} {
		l, err := Create(filepath.Join(root, dir), Info{ID: dir}, Options{Earlier: s})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(End{}); err != nil {
			t.Fatal(err)
		}
		s = read(t, filepath.Join(root, dir))
	}
	got := play(t, filepath.Join(root, "4"), Options{Earlier: s}, jsonItems(5, items...), Chosen{Finished: s}, allDone)
	if diff := cmp.Diff(items[4:], got); diff != "" {
		t.Error(diff)
	}
}

func failing(n int) func(string) outcome {
	i := 0
	return func(string) outcome {
		if i++; i%n == 0 {
			return failed
		}
		return done
	}
}

func TestRetryFailed(t *testing.T) {
	tests := []struct {
		name string
		list func() backbones.Source
		want []string
		// direct says that nothing has to be listed.
		direct bool
	}{
		{"json", func() backbones.Source { return jsonItems(4, words("<&", 9)...) }, []string{words("<&", 9)[2], words("<&", 9)[5], words("<&", 9)[8]}, true},
		{"opaque", func() backbones.Source { return opaqueItems("p", "a", "b", "c", "d", "e", "f") }, []string{"c", "f"}, false},
		{"indexed", func() backbones.Source { return indexed(7) }, []string{"2", "5"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			play(t, filepath.Join(root, "1"), Options{}, tt.list(), Chosen{}, failing(3))
			left := tt.want
			// Each retry does one item and dies, or fails the rest, in turn.
			for i := 1; len(left) > 0; i++ {
				dir := filepath.Join(root, fmt.Sprint(i))
				s := read(t, dir)
				src, direct, err := NewFailedSource(dir, s)
				if err != nil || direct != tt.direct {
					t.Fatalf("direct %v, %v", direct, err)
				}
				from := tt.list()
				chosen := Chosen{}
				if direct {
					from, chosen.Part = src, true
				} else if chosen.Only, err = Pick(dir, s); err != nil {
					t.Fatal(err)
				}
				n := 1
				got := play(t, filepath.Join(root, fmt.Sprint(i+1)), Options{Earlier: s}, from, chosen, func(string) outcome {
					if n--; n >= 0 {
						return done
					}
					if i%2 == 0 {
						return failed
					}
					return notReached
				})
				if direct {
					src.Close()
				}
				want := left
				if i%2 == 1 {
					want = left[:min(2, len(left))]
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("retry %d was given: %s", i, diff)
				}
				left = left[1:]
			}
			// What the retries did counts for a run that takes up the last of them.
			last := filepath.Join(root, fmt.Sprint(len(tt.want)+1))
			s := read(t, last)
			got := play(t, filepath.Join(root, "resumed"), Options{Earlier: s}, tt.list(), Chosen{Finished: s}, allDone)
			if len(got) != 0 {
				t.Errorf("after all was done, the resumed run was given %q", got)
			}
		})
	}
}

// The source is asked by one goroutine, outcomes come from another, and a third asks how far it is.
func TestGoroutines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	l, err := Create(dir, Info{ID: "x"}, Options{FlushEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	const n = 20000
	s := l.Source(jsonItems(16, words("a", n)...), Chosen{}, About{})
	taken := make(chan backbones.Block)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(taken)
		for {
			b, err := s.Next(t.Context())
			if err != nil {
				return
			}
			taken <- b
		}
	})
	all.Go(func() {
		for b := range taken {
			o := backbones.Outcomes{Done: []backbones.Span{{First: b.First, Count: b.Count - 1}}}
			o.Failed = append(o.Failed, backbones.FailedItem{Number: b.First + uint64(b.Count) - 1, Item: textOf(b, b.Count-1)})
			l.Record(o)
		}
	})
	all.Go(func() {
		for last := int64(0); last < n; last, _ = s.Taken() {
			if s.Resumed() != 0 || l.Info().ID != "x" {
				t.Error("what was asked on the way")
				return
			}
			runtime.Gosched()
		}
	})
	all.Go(func() {
		if err := l.SetPluginHash("hash", "print"); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
	st := read(t, dir)
	if st.Done.Items() != n-n/16 || st.Failed.Items() != n/16 || len(carried[st]) != n/16 || st.Listed != n {
		t.Errorf("%d done, %d failed, %d lines, %d listed", st.Done.Items(), st.Failed.Items(), len(carried[st]), st.Listed)
	}
}

func TestLedgerThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	broken := make(chan error, 10)
	l, err := Create(dir, Info{ID: "x"}, Options{Broken: func(err error) { broken <- err }, FlushEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.outcomes.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		l.Record(backbones.Outcomes{Done: []backbones.Span{{First: uint64(i), Count: 1}}})
		if i == 0 {
			<-broken
		}
	}
	if err := l.Close(End{Counts: Counts{Done: 3}}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closing: %v", err)
	}
	if len(broken) > 0 {
		t.Error("it was said more than once")
	}
	info, err := ReadInfo(dir)
	if err != nil || info.End == nil || info.End.Incomplete == "" || info.End.Done != 3 {
		t.Errorf("run.json: %+v, %v", info, err)
	}
}
