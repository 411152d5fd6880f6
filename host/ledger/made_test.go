package ledger

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// The newest run that did an item counts; one that only listed it, or failed at it, does not.
func TestMade(t *testing.T) {
	root, items := t.TempDir(), itemTexts(6)
	var runs []Run
	run := func(fingerprint string, done ...int) {
		dir := filepath.Join(root, string(rune('a'+len(runs))))
		l := listedRun(t, dir, Options{}, items[:5]...)
		o := backbones.Outcomes{Failed: []backbones.FailedItem{{Number: 4, Item: items[4]}}}
		for _, i := range done {
			o.Done = append(o.Done, backbones.Span{First: uint64(i), Count: 1})
		}
		l.Record(o)
		if err := l.Close(End{}); err != nil {
			t.Fatal(err)
		}
		runs = append([]Run{{Dir: dir, Info: &Info{Fingerprint: fingerprint}}}, runs...)
	}
	run("old", 0, 1, 2)
	run("new", 1)
	run("old", 2)
	run("new", 3)
	m, err := ReadMade(runs, "new")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ same, known bool }{{false, true}, {true, true}, {false, true}, {true, true}, {false, false}, {false, false}} {
		if same, known := m.Of(itemkey.Of([]byte(items[i]))); same != want.same || known != want.known {
			t.Errorf("item %d: the same: %v, known: %v; want %v", i, same, known, want)
		}
	}
	if m, err = ReadMade(nil, ""); err != nil {
		t.Fatal(err)
	}
	if _, known := m.Of(1); known {
		t.Error("no run knows an item")
	}
}

// Runs are found below the root, in folders that are named, among those moved aside there, and by what took them up. A run comes before the
// one that it took up, although the clock of its machine was behind.
func TestKnown(t *testing.T) {
	root, work, other := t.TempDir(), t.TempDir(), t.TempDir()
	begin := func(dir, id, task string, parent *Parent) {
		t.Helper()
		l, err := Create(dir, Info{ID: id, Task: task, Parent: parent}, Options{})
		if err == nil {
			err = l.Close(End{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	begin(filepath.Join(root, "5"), "5", "Mine", nil)
	begin(filepath.Join(root, "6"), "6", "Others", nil)
	// In a folder: 3, taken up by 2, taken up by 7, with folders that were elsewhere then.
	begin(filepath.Join(work, earlierFolder, "3"), "3", "Mine", &Parent{ID: "1", Dir: filepath.Join(other, "run")})
	begin(filepath.Join(work, earlierFolder, "2"), "2", "Mine", &Parent{ID: "3", Dir: "/nonexistent/earlier/3"})
	begin(work, "7", "Mine", &Parent{ID: "2", Dir: "/nonexistent/earlier/2"})
	// In another folder: 1, which was moved aside by another run later.
	begin(filepath.Join(other, "run", earlierFolder, "1"), "1", "Mine", nil)
	begin(filepath.Join(other, "run"), "4", "Mine", nil)
	if err := os.Mkdir(filepath.Join(root, "none"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		folders []string
		want    []string
	}{
		{nil, []string{"5"}},
		{[]string{filepath.Join(work, "nothing")}, []string{"5"}},
		{[]string{work}, []string{"7", "5", "4", "2", "3", "1"}},
		{[]string{filepath.Join(work, earlierFolder, "2"), work}, []string{"7", "5", "4", "2", "3", "1"}},
		{[]string{filepath.Join(work, earlierFolder, "2")}, []string{"5", "4", "2", "3", "1"}},
		{[]string{filepath.Join(other, "run")}, []string{"5", "4", "1"}},
	} {
		runs, err := Known(root, test.folders, func(i *Info) bool { return i.Task == "Mine" })
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range runs {
			ids = append(ids, r.Info.ID)
		}
		if !slices.Equal(ids, test.want) {
			t.Errorf("with %v: %v, want %v", test.folders, ids, test.want)
		}
	}
}

// Runs that did the same items again and again take no more memory than one of them, and the newest still counts.
func TestMadeOften(t *testing.T) {
	const items = tidyMade/2 + 1
	root := t.TempDir()
	var out recordBuffer
	out.bytes = append(out.bytes, magic...)
	for first := 0; first < items; first += 1000 {
		keys := make([]itemkey.Key, min(1000, items-first))
		for i := range keys {
			keys[i] = itemkey.At(7, uint64(first+i))
		}
		out.keys(uint64(first), keys)
	}
	out.spans(kindDone, []backbones.Span{{First: 0, Count: items}})
	if err := os.WriteFile(filepath.Join(root, outcomesFile), out.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	runs := []Run{{Dir: root, Info: &Info{Fingerprint: "new"}}}
	for range 9 {
		runs = append(runs, Run{Dir: root, Info: &Info{Fingerprint: "old"}})
	}
	m, err := ReadMade(runs, "new")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.items) != items || cap(m.items) > 2*items {
		t.Errorf("%d items in room for %d, want %d", len(m.items), cap(m.items), items)
	}
	for i := range uint64(items) {
		if same, known := m.Of(itemkey.At(7, i)); !same || !known {
			t.Fatalf("item %d: the same: %v, known: %v", i, same, known)
		}
	}
}
