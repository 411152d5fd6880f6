package ledger

import (
	"path/filepath"
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
