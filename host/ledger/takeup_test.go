package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Whatever a run has done of whatever listing, wherever its file is cut, and however the next listing is changed: of each item the next run is
// given as many as the file does not say are done. So nothing is lost but what was cut off, and nothing is taken for done that is not.
func TestAnyTakeUp(t *testing.T) {
	root := t.TempDir()
	chain := 0
	rapid.Check(t, func(rt *rapid.T) {
		chain++
		dir := func(name string) string { return filepath.Join(root, fmt.Sprint(chain), name) }
		opaque := rapid.Bool().Draw(rt, "opaque")
		source := func(list []string, label string) backbones.Source {
			size := rapid.IntRange(1, 7).Draw(rt, label)
			if opaque {
				return contentItems(size, list)
			}
			return jsonItems(size, list...)
		}
		judge := func(label string) func(string) outcome {
			lives := rapid.IntRange(0, 20).Draw(rt, label)
			return func(string) outcome {
				if lives--; lives < 0 {
					return notReached
				}
				return rapid.SampledFrom([]outcome{done, done, failed}).Draw(rt, label+"'s outcome")
			}
		}
		list := someItems(rt, "listing")
		play(t, dir("1"), Options{FlushEvery: byBlock}, source(list, "blocks"), Chosen{}, judge("first"))
		last, lists := dir("1"), [][]string{list}
		if rapid.Bool().Draw(rt, "twice") {
			s := read(t, last)
			list = changed(rt, list, "second listing")
			last, lists = dir("2"), append(lists, list)
			play(t, last, Options{Earlier: s, FlushEvery: byBlock}, source(list, "second blocks"), Chosen{Finished: s}, judge("second"))
		}
		cutFile(rt, last)
		finished := finishedOf(t, last, lists, opaque)
		s := read(t, last)
		list = changed(rt, list, "last listing")
		shrunk := rapid.Bool().Draw(rt, "shrunk")
		if shrunk {
			list = list[rapid.IntRange(0, len(list)).Draw(rt, "from"):]
		}
		given := tally(play(t, dir("last"), Options{Earlier: s}, source(list, "last blocks"), Chosen{Finished: s}, allDone))
		for text, n := range tally(list) {
			most := max(n-finished[text], 0)
			if given[text] < most || given[text] > most && !shrunk {
				rt.Fatalf("%s is %d times in the listing and %d times done, and was given %d times", text, n, finished[text], given[text])
			}
		}
	})
}

func someItems(t *rapid.T, label string) []string {
	var list []string
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 6, 24).Draw(t, label) {
		list = append(list, fmt.Sprintf(`{"n":%d}`, n))
	}
	return list
}

// changed is a listing that has grown, at its end or in its middle, and may be in another order.
func changed(t *rapid.T, list []string, label string) []string {
	list = slices.Clone(list)
	for _, item := range rapid.SliceOfN(rapid.IntRange(0, 8), 0, 6).Draw(t, label+"'s new items") {
		list = slices.Insert(list, rapid.IntRange(0, len(list)).Draw(t, "at"), fmt.Sprintf(`{"n":%d}`, item))
	}
	if rapid.Bool().Draw(t, "another order") {
		list = rapid.Permutation(list).Draw(t, label)
	}
	return list
}

func tally(list []string) map[string]int {
	n := map[string]int{}
	for _, text := range list {
		n[text]++
	}
	return n
}

// contentItems are opaque items that their plugin gives keys.
func contentItems(size int, list []string) *blocks {
	var out blocks
	first := 0
	for some := range slices.Chunk(list, size) {
		b := backbones.Block{Encoding: backbones.Opaque, First: uint64(first), Count: len(some), Keys: some, Payload: []byte(strings.Join(some, "+"))}
		for _, text := range some {
			b.ContentKeys = append(b.ContentKeys, contentKey(text))
		}
		first += len(some)
		out = append(out, b)
	}
	return &out
}

func contentKey(text string) uint64 { return uint64(itemkey.Of([]byte("content of " + text))) }

// cutFile cuts a run's record of outcomes somewhere, and may spoil its last byte.
func cutFile(t *rapid.T, dir string) {
	path := filepath.Join(dir, outcomesFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = data[:len(data)-rapid.IntRange(0, len(data)).Draw(t, "cut")]
	if len(data) > len(magic) && rapid.Bool().Draw(t, "spoiled") {
		data[len(data)-1] ^= 0x55
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// finishedOf counts what a record of outcomes says is finished, record by record and item by item. lists are those of its run and of the one before.
func finishedOf(t *testing.T, dir string, lists [][]string, opaque bool) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, outcomesFile))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[itemkey.Key]string{}
	for _, text := range slices.Concat(lists...) {
		key := itemkey.Of([]byte(text))
		if opaque {
			key = itemkey.Key(contentKey(text))
		}
		texts[key] = text
	}
	earlier, own, resumed := map[string]int{}, map[string]int{}, map[string]int{}
	numbers := map[uint64]itemkey.Key{}
	listed := false
	_, err = records(bytes.NewReader(data), func(k kind, in *reader) error {
		switch k {
		case kindLayer:
			earlier, own, resumed, numbers = own, map[string]int{}, map[string]int{}, map[uint64]itemkey.Key{}
		case kindKeys:
			first := in.number()
			for i, key := range in.keys(nil) {
				numbers[first+uint64(i)] = key
			}
		case kindDone, kindResumed:
			into := own
			if k == kindResumed {
				into = resumed
			}
			for n := range members(in.spans(nil)) {
				into[texts[numbers[n]]]++
			}
		case kindListed:
			listed = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if listed {
		earlier = resumed
	}
	for text, n := range earlier {
		own[text] += n
	}
	return own
}

// A disk that takes nothing holds up the listing, as long as the run goes on, and nobody else.
func TestStuckDisk(t *testing.T) {
	l, err := Create(filepath.Join(t.TempDir(), "run"), Info{ID: "x"}, Options{FlushEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	l.patience = time.Millisecond
	// A pipe that nobody reads stands for the disk.
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.outcomes, l.failed = writer, writer
	l.mu.Unlock()
	message := strings.Repeat("x", maxText)
	for n := range uint64(2 * stallBytes / maxText) {
		l.Record(backbones.Outcomes{Failed: []backbones.FailedItem{{Number: n, Item: "{}", Failure: backbones.Failure{Message: message}}}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := l.Source(jsonItems(1, "{}"), Chosen{}, About{})
	ended := make(chan error)
	go func() {
		_, err := s.Next(ctx)
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Errorf("the listing goes on (%v)", err)
	default:
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the listing of a run that was told to stop: %v", err)
	}
	if err := l.Close(End{}); err == nil || !strings.Contains(err.Error(), "its disk has taken nothing for 1ms") {
		t.Errorf("closing: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	<-l.stopped
	if err := l.closeFiles(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// A disk that is slow holds the listing up for as long as it takes.
func TestSlowDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	l, err := Create(dir, Info{ID: "x"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	message := strings.Repeat("x", maxText)
	for n := range uint64(2 * stallBytes / maxText) {
		l.Record(backbones.Outcomes{Failed: []backbones.FailedItem{{Number: n, Item: "{}", Failure: backbones.Failure{Message: message}}}})
	}
	s := l.Source(jsonItems(1, "{}"), Chosen{}, About{})
	if b, err := s.Next(t.Context()); err != nil || b.Count != 1 {
		t.Errorf("%+v, %v", b, err)
	}
	l.mu.Lock()
	if n := len(l.lines); n > stallBytes {
		t.Errorf("%d bytes wait", n)
	}
	l.mu.Unlock()
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
}

// Kinds from 16 on may be of a later version, and say nothing that a run which is taken up must know. Others must be known.
func TestKindsOfLaterVersions(t *testing.T) {
	data := func(kinds ...kind) []byte {
		b := recordBuffer{bytes: []byte(magic)}
		b.keys(0, []itemkey.Key{1, 2, 3})
		for _, k := range kinds {
			b.record(k, []uint64{1})
			b.record(k, nil)
		}
		b.spans(kindDone, Spans{{First: 1, Count: 2}})
		return b.bytes
	}
	want, err := stateOf(data())
	if err != nil {
		t.Fatal(err)
	}
	got, err := stateOf(data(kindOptional, 17, 18, 19, 200, 255))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(knownOf(t, want, data()), knownOf(t, got, data(kindOptional, 17, 18, 19, 200, 255))); diff != "" {
		t.Error(diff)
	}
	got.whole = want.whole
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(State{}, list{})); diff != "" {
		t.Error(diff)
	}
	for _, k := range []kind{0, 10, 15} {
		if _, err := stateOf(data(k)); !errors.Is(err, errLater) {
			t.Errorf("kind %d: %v", k, err)
		}
	}
	for _, head := range []string{"KGZRUN\x00\x03", "another", "KGZRUN\x00\x01\x00"[1:]} {
		if _, err := stateOf([]byte(head)); !errors.Is(err, errNotOutcomes) {
			t.Errorf("%q: %v", head, err)
		}
	}
	if got := slices.Sorted(maps.Keys(want.lists)); len(got) != 0 || want.Done.Items() != 2 {
		t.Errorf("%+v", want)
	}
}
