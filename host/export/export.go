// Package export writes the items of a run, with what became of them, as JSON Lines, as CSV, or as paths.
package export

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/manifest"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// Format is how a row is written.
type Format int

const (
	// JSONL is a JSON object a line. Without results it is the item as modes that read JSON Lines read it.
	JSONL Format = iota
	// CSV is a table with a header, as RFC 4180 has it, but for its line ends.
	CSV
	// Text is the path of the item's input a line.
	Text
)

// packed are the ends of names that compressed files have and a list cannot get.
var packed = []string{".bz2", ".xz", ".lz4", ".lzma", ".br", ".7z", ".zip", ".Z", ".zstd", ".gzip", ".tgz"}

// CheckName returns an error for the name of a file that promises a compression which there is not.
func CheckName(path string) error {
	end := filepath.Ext(path)
	lower := strings.ToLower(end)
	if slices.Contains(packed, end) || slices.Contains(packed, lower) || lower != end && (lower == ".gz" || lower == ".zst") {
		return fmt.Errorf("a list cannot be compressed as %s: names that end in .gz and .zst are compressed, and others are plain", end)
	}
	return nil
}

// Formats are the names of the formats.
var Formats = []string{"jsonl", "csv", "txt"}

// Parse reads the name of a format. Without one, the end of the file's name tells, behind that of a compression.
func Parse(name, path string) (Format, error) {
	if name == "" {
		path = strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
		for suffix, format := range map[string]Format{".csv": CSV, ".txt": Text} {
			if strings.HasSuffix(path, suffix) {
				return format, nil
			}
		}
		return JSONL, nil
	}
	for format, known := range Formats {
		if name == known {
			return Format(format), nil
		}
	}
	return 0, fmt.Errorf("must be one of %s", strings.Join(Formats, ", "))
}

// Row is an item with what is known of it.
type Row struct {
	// N is its number in the plan, from 1; 0: it is not in the listing any more.
	N uint64
	// Entry is the item as a list of items has it; nil: there is no text. Input is its input, zero without one. Alone: it has nothing else.
	Entry []byte
	Input jsontext.Triplet
	Alone bool
	// Opaque: only the plugin can read the item, and Shown is its printable form.
	Opaque bool
	Shown  string
	Key    itemkey.Key
	State  string
	// Result is what a ledger says of the item; nil: nothing.
	Result *Result
}

// Result is what a ledger says of an item.
type Result struct {
	Number  uint64
	Outcome string
	// Time is that of the last attempt, if it is Timed. Mean: it is the mean of the items of a chunk.
	Time        time.Duration
	Timed, Mean bool
	Attempts    int
	// Kind and Error are why the item failed; empty: it did not.
	Kind, Error string
}

// ErrNoPath is about an item without a path, which cannot be written as Text.
var ErrNoPath = errors.New("has no input with a path, so it cannot be written as txt")

// Writer writes rows.
type Writer struct {
	out    *manifest.Writer
	format Format
	// results: rows have what a ledger says. wide: items may be more than an input.
	results, wide bool
	table         *csv.Writer
	fields        []string
	line          []byte
}

// New returns a Writer of rows, with the results of a ledger or without. wide says that items may be more than an input. The caller
// flushes the Writer, and closes out.
func New(out *manifest.Writer, format Format, results, wide bool) (*Writer, error) {
	w := &Writer{out: out, format: format, results: results, wide: wide}
	if format != CSV {
		return w, nil
	}
	w.table = csv.NewWriter(out)
	header := []string{"n", "path", "rel_dir", "file_name"}
	if wide {
		header = append(header, "item")
	}
	header = append(header, "state")
	if results {
		header = append(header, "outcome", "seconds", "mean", "attempts", "kind", "error", "key")
	}
	return w, w.table.Write(header)
}

// Flush hands all rows to the list.
func (w *Writer) Flush() error {
	if w.table == nil {
		return nil
	}
	w.table.Flush()
	return w.table.Error()
}

// Write writes a row.
func (w *Writer) Write(r *Row) error {
	switch w.format {
	case CSV:
		return w.row(r)
	case Text:
		if r.Input == (jsontext.Triplet{}) {
			return fmt.Errorf("%s %w; hint: --format jsonl writes any item", r.name(), ErrNoPath)
		}
		return w.out.Triplet(r.Input)
	}
	switch {
	case w.results:
		w.line = w.object(w.line[:0], r)
	case r.Opaque:
		w.line = append(w.line[:0], '{')
		w.line = append(r.opaque(w.line), '}')
	default:
		return w.out.Line(r.Entry)
	}
	return w.out.Line(w.line)
}

func (r *Row) name() string {
	if r.N > 0 {
		return fmt.Sprintf("the item #%d", r.N)
	}
	return fmt.Sprintf("the item with the key %016x", uint64(r.Key))
}

// opaque appends the members of an item that only the plugin can read.
func (r *Row) opaque(dst []byte) []byte {
	dst = append(dst, `"encoding":"opaque","item":`...)
	dst = jsontext.AppendString(dst, r.Shown)
	return appendKey(dst, r.Key)
}

func appendKey(dst []byte, key itemkey.Key) []byte {
	return fmt.Appendf(dst, `,"key":"%016x"`, uint64(key))
}

// object appends the object of a row with a result.
func (w *Writer) object(dst []byte, r *Row) []byte {
	dst = append(dst, '{')
	switch {
	case r.Opaque:
		dst = r.opaque(dst)
	case r.Entry == nil:
		dst = append(dst, `"item":null`...)
		dst = appendKey(dst, r.Key)
	case r.Alone:
		dst = append(dst, `"input":`...)
		dst = jsontext.AppendTriplet(dst, r.Input.Path, r.Input.RelDir, r.Input.FileName)
	default:
		dst = append(append(dst, `"item":`...), r.Entry...)
	}
	if r.N > 0 {
		dst = strconv.AppendUint(append(dst, `,"n":`...), r.N, 10)
	}
	dst = append(append(append(dst, `,"state":"`...), r.State...), '"')
	if out := r.Result; out != nil {
		dst = strconv.AppendUint(append(dst, `,"number":`...), out.Number, 10)
		dst = append(append(append(dst, `,"outcome":"`...), out.Outcome...), '"')
		if out.Timed {
			dst = appendSeconds(append(dst, `,"seconds":`...), out.Time)
			if out.Mean {
				dst = append(dst, `,"mean":true`...)
			}
		}
		if out.Attempts > 0 {
			dst = strconv.AppendInt(append(dst, `,"attempts":`...), int64(out.Attempts), 10)
		}
		if out.Kind != "" {
			dst = jsontext.AppendString(append(dst, `,"kind":`...), out.Kind)
			dst = jsontext.AppendString(append(dst, `,"error":`...), out.Error)
		}
	}
	return append(dst, '}')
}

// appendSeconds appends a time in seconds, to the microsecond.
func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, d.Seconds(), 'f', 6, 64)
}

// row writes a row of a table. What is not known is empty.
func (w *Writer) row(r *Row) error {
	f := w.fields[:0]
	n := ""
	if r.N > 0 {
		n = strconv.FormatUint(r.N, 10)
	}
	f = append(f, n, r.Input.Path, r.Input.RelDir, r.Input.FileName)
	if w.wide {
		text := string(r.Entry)
		if r.Opaque {
			text = r.Shown
		}
		f = append(f, text)
	}
	f = append(f, r.State)
	if w.results {
		f = w.columns(f, r)
	}
	w.fields = f
	return w.table.Write(f)
}

func (w *Writer) columns(f []string, r *Row) []string {
	out := r.Result
	if out == nil {
		out = &Result{}
	}
	seconds, mean, attempts, key := "", "", "", ""
	if out.Timed {
		seconds, mean = string(appendSeconds(nil, out.Time)), strconv.FormatBool(out.Mean)
	}
	if out.Attempts > 0 {
		attempts = strconv.Itoa(out.Attempts)
	}
	if r.Key != 0 {
		key = fmt.Sprintf("%016x", uint64(r.Key))
	}
	return append(f, out.Outcome, seconds, mean, attempts, out.Kind, out.Error, key)
}

// Alone reports whether an item is only its input, and reads that; false as well for an item without one.
func Alone(entry []byte, in jsontext.Triplet) bool {
	const before, after = `{"input":`, `}`
	if len(entry) < len(before)+len(after) || string(entry[:len(before)]) != before {
		return false
	}
	members := 0
	err := jsontext.Object(entry, func(_, _ []byte) error {
		members++
		return nil
	})
	return err == nil && members == 1 && in != (jsontext.Triplet{})
}

// WithoutOutputs is an item as a worker got it, without the outputs that a template gave it.
func WithoutOutputs(line []byte) (entry []byte, in jsontext.Triplet, err error) {
	entry = append(entry, '{')
	err = jsontext.Object(line, func(key, value []byte) error {
		name := string(key)
		if name == "output" || strings.HasPrefix(name, "output_") {
			return nil
		}
		if name == "input" && value[0] == '{' {
			if complete, err := in.Read(value); err != nil || !complete {
				in = jsontext.Triplet{}
			}
		}
		if len(entry) > 1 {
			entry = append(entry, ',')
		}
		// The key is as it stands between its quotes.
		entry = append(append(append(append(entry, '"'), key...), `":`...), value...)
		return nil
	})
	return append(entry, '}'), in, err
}
