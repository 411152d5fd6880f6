package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// failed.jsonl keeps whole texts, then short ones, then nothing, and both are told.
func TestFailedHasALimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var notes []string
	l, err := Create(dir, Info{ID: "a"}, Options{MaxFailed: 4 << 20, Note: func(text string) { notes = append(notes, text) }})
	if err != nil {
		t.Fatal(err)
	}
	const failures = 20000
	long := strings.Repeat("größer ", 3000)
	for n := range uint64(failures) {
		l.Record(backbones.Outcomes{Failed: []backbones.FailedItem{{
			Number: n, Item: fmt.Sprintf(`{"i": %d}`, n), Failure: backbones.Failure{Kind: backbones.KindError, Message: long, Traceback: long, Log: []string{long}},
		}}})
	}
	if err := l.Close(End{Exit: 3}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, failedFile))
	if err != nil || info.Size() < 4<<20 || info.Size() > 5<<20 {
		t.Errorf("%v, %v", info.Size(), err)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "has reached 1 MiB") || !strings.Contains(notes[1], "reached its limit of 4 MiB") {
		t.Errorf("told: %q", notes)
	}
	s, err := ReadState(dir, true)
	if err != nil || s.Failed.Items() != failures {
		t.Fatalf("%d failed, %v", s.Failed.Items(), err)
	}
	var kept, whole int64
	lost, err := FailedItems(dir, s, func(f *FailedItem) error {
		if f.Message == long && f.Traceback == long && len(f.Log) == 1 {
			whole++
		} else if len(f.Message) > briefText+len("…") || f.Traceback != "" || string(f.Item) != fmt.Sprintf(`{"i": %d}`, f.Number) {
			t.Errorf("%.100s", f.Message)
		}
		kept++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if whole == 0 || kept <= whole || kept >= failures {
		t.Errorf("%d whole, %d kept", whole, kept)
	}
	read, err := ReadInfo(dir)
	if want := fmt.Sprintf("%d failed items are not in it", failures-kept); err != nil || !strings.Contains(read.End.Incomplete, want) || lost != failures-kept {
		t.Errorf("%q, %d lost, %v", read.End.Incomplete, lost, err)
	}
}

// A failed item is sent to a worker again byte for byte, be it a string or no JSON at all.
func TestFailedItemsAreSentAsTheyWere(t *testing.T) {
	for _, text := range []string{`{"a": 1}`, `"text"`, `"\u003c"`, "7", "not JSON"} {
		f := failedOf(backbones.FailedItem{Item: text}, 0, time.Now())
		err := readFailed(bytes.NewReader(f.appendLine(nil)), func(f *FailedItem) error {
			if line, ok := f.Line(); !ok || string(line) != text {
				t.Errorf("%s: %s, %v", text, line, ok)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// What a run keeps is for nobody else, whatever the umask.
func TestFilesArePrivate(t *testing.T) {
	for mask, want := range map[int]os.FileMode{0: 0o600, 0o022: 0o600, 0o277: 0o400} {
		before := syscall.Umask(mask)
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := Create(filepath.Join(dir, "."), Info{ID: "a"}, Options{})
		if err == nil {
			var log Log
			err = errors.Join(log.Open(dir), l.SetPluginHash("x", ""), l.Close(End{}))
			log.Close()
		}
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{infoFile, outcomesFile, failedFile, logFile, lockFile} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("umask %o: %s: %v, %v", mask, name, info.Mode(), err)
			}
		}
	}
}

func TestFailedLines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	long := strings.Repeat("x", maxText+10)
	l, err := Create(dir, Info{ID: "x"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	items := []string{`{"a": "<b>&\u00e9", "n":1.0}`, "not JSON", `{"bytes":"` + "\xff" + `"}`, `{"long":"` + strings.Repeat("y", maxItem) + `"}`}
	l.saw(backbones.Block{Count: len(items)}, make([]itemkey.Key, len(items)))
	for i, item := range items {
		l.Record(backbones.Outcomes{Failed: []backbones.FailedItem{{Number: uint64(i), Item: item, Failure: backbones.Failure{
			Kind: backbones.KindTimeout, Message: "slow", Traceback: long, Worker: "w3", Attempts: 2, Elapsed: 1500 * time.Millisecond,
		}}}})
	}
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
	s := read(t, dir)
	if len(carried[s]) != len(items) {
		t.Fatalf("%d failed items", len(carried[s]))
	}
	for i, f := range carried[s] {
		line, ok := f.Line()
		if i == 3 {
			if ok {
				t.Error("an item that is too long is there")
			}
			continue
		}
		if !ok || string(line) != items[i] {
			t.Errorf("%q came back as %q, %v", items[i], line, ok)
		}
		if f.Key != itemkey.Of([]byte(items[i])) || f.Seconds != 1.5 || f.Worker != "w3" || f.Attempts != 2 || f.Kind != "timeout" || len(f.Traceback) > maxText+20 {
			t.Errorf("item %d: %+v", i, f)
		}
	}
	if _, direct, err := NewFailedSource(dir, s); direct || err != nil {
		t.Errorf("an item that failed.jsonl does not hold is run again without being listed (%v)", err)
	}
}
