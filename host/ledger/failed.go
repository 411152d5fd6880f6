package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// FailedItem is a line of failed.jsonl.
type FailedItem struct {
	// Item is the item as JSON where Encoding is json, else its printable form as a JSON string; null: it was too long.
	Item json.RawMessage `json:"item"`
	// Encoding is json, opaque or indexed: only JSON items can be run again without being listed.
	Encoding string      `json:"encoding"`
	Number   uint64      `json:"number"`
	Key      itemkey.Key `json:"key"`
	Kind     string      `json:"kind"`
	// ErrorType is the error's type in the plugin's language; empty: it has none, or an older version wrote the line.
	ErrorType string    `json:"error_type,omitempty"`
	Message   string    `json:"message"`
	Traceback string    `json:"traceback,omitempty"`
	Attempts  int       `json:"attempts"`
	Worker    worker    `json:"worker"`
	Seconds   float64   `json:"seconds,omitempty"`
	Log       []string  `json:"log,omitempty"`
	Time      time.Time `json:"time"`
	// Carried says that the item failed in the run that this one takes up, and is so far not done.
	Carried bool `json:"carried,omitempty"`
}

// worker is what a worker is called. It was a number in version 1.
type worker string

// UnmarshalJSON reads both.
func (w *worker) UnmarshalJSON(text []byte) error {
	if text[0] != '"' {
		*w = worker(text)
		return nil
	}
	return json.Unmarshal(text, (*string)(w))
}

// encodings are what failed.jsonl calls the encodings of items.
var encodings = map[backbones.Encoding]string{backbones.JSONLines: "json", backbones.Opaque: "opaque", backbones.Indexed: "indexed"}

// The limits of a line of failed.jsonl. An item that is longer has to be listed to be run again.
const (
	maxItem = 1 << 20
	maxText = 64 << 10
	maxLog  = 100
)

// The limit of failed.jsonl, and that of the messages in its last three quarters.
const (
	maxFailed = 1 << 30
	briefText = 256
)

// cutText is the beginning of a text.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	return text[:maxText/2] + "\n… cut …\n" + text[len(text)-maxText/2:]
}

// failedOf makes the line of an item.
func failedOf(f backbones.FailedItem, key itemkey.Key, now time.Time) FailedItem {
	out := FailedItem{
		Encoding: encodings[f.Encoding], Number: f.Number, Key: key, Kind: string(f.Failure.Kind), ErrorType: f.Failure.TypeName,
		Message: shorten(f.Failure.Message), Traceback: shorten(f.Failure.Traceback), Attempts: f.Failure.Attempts,
		Worker: worker(f.Failure.Worker), Seconds: f.Failure.Elapsed.Seconds(), Log: f.Failure.Log, Time: now.UTC(),
	}
	if n := len(out.Log); n > maxLog {
		out.Log = out.Log[n-maxLog:]
	}
	switch {
	case len(f.Item) > maxItem:
		out.Item = json.RawMessage("null")
	case f.Encoding == backbones.JSONLines && json.Valid([]byte(f.Item)) && f.Item[0] != '"':
		out.Item = json.RawMessage(f.Item)
	default:
		out.Item, _ = json.Marshal(f.Item)
	}
	return out
}

// Line returns the item as it is sent to workers. ok is false for one that has to be listed again.
func (f *FailedItem) Line() (line []byte, ok bool) {
	if f.Encoding != encodings[backbones.JSONLines] || len(f.Item) == 0 || string(f.Item) == "null" {
		return nil, false
	}
	return []byte(f.Text()), true
}

// Text is the item as JSON, or the printable form of an item that is not JSON. It is empty if the item was too long.
func (f *FailedItem) Text() string {
	var text string
	if json.Unmarshal(f.Item, &text) != nil {
		return string(f.Item)
	}
	return text
}

// appendLine writes the line. The item stands in it byte for byte: encoding/json would rewrite it.
func (f FailedItem) appendLine(dst []byte) []byte {
	item := f.Item
	f.Item = nil
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		// Every field is text, number or time.
		return dst
	}
	dst = append(dst, `{"item":`...)
	dst = append(dst, item...)
	return append(dst, b.Bytes()[len(`{"item":null`):]...)
}

// maxFailedLine bounds a line when it is read: its item, its texts with all their escapes, its log.
const maxFailedLine = 64 << 20

// damaged is the error about a line of failed.jsonl that is not whole, and not the last: that one is cut if its writer dies.
func damaged(line int) error {
	return fmt.Errorf("the line %d is not whole, and others follow it: the file is damaged", line)
}

// readFailed calls visit for each whole line of failed.jsonl. The last may be cut.
func readFailed(r io.Reader, visit func(*FailedItem) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxFailedLine)
	for n := 1; in.Scan(); n++ {
		var f FailedItem
		if err := json.Unmarshal(in.Bytes(), &f); err != nil {
			if in.Scan() {
				return damaged(n)
			}
			return in.Err()
		}
		f.Item = slices.Clone(f.Item)
		if err := visit(&f); err != nil {
			return err
		}
	}
	if err := in.Err(); !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	return nil
}

// FailedItems calls visit for each item of a run that failed and is not done, once each, in the order in which they failed. lost is how
// many failed items of the run failed.jsonl lacks: they were beyond its limit, or it is cut.
func FailedItems(dir string, s *State, visit func(*FailedItem) error) (lost int64, err error) {
	own := s.Finished()
	finished := cursor{set: own}
	lost = s.Failed.Items()
	// These items of the earlier run have an outcome in this one. Carried lines come first, and most runs have none.
	var overtaken *bag
	visitLine := func(f *FailedItem) error {
		if !f.Carried {
			if finished.has(f.Number) {
				return nil
			}
			lost--
			return visit(f)
		}
		if s.Listed >= 0 {
			return nil
		}
		if overtaken == nil {
			keys, err := s.keysOf(dir, union(own, s.Failed))
			if err != nil {
				return err
			}
			overtaken = newBag(keys)
		}
		if overtaken.take(f.Key) {
			return nil
		}
		return visit(f)
	}
	err = withFile(dir, failedFile, func(file *os.File, _ int64) error { return readFailed(file, visitLine) })
	return max(lost, 0), err
}

// Pick collects the failed items of a run, to be picked out of a listing.
func Pick(dir string, s *State) (*Picked, error) {
	var keys []itemkey.Key
	_, err := FailedItems(dir, s, func(f *FailedItem) error {
		keys = append(keys, f.Key)
		return nil
	})
	return &Picked{newBag(keys)}, err
}
