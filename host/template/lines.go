package template

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine is how long a line of a JSON Lines file may be: half of what a message to a worker can carry.
const maxLine = 32 << 20

// walkLines reads the items from a file. Empty lines are left out.
func (w *walk) walkLines() error {
	path := w.t.input.jsonl
	file, err := w.t.openLines()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	r := bufio.NewReaderSize(file, 256<<10)
	var long []byte
	for number := uint64(1); ; number++ {
		line, rest, err := readLine(r, long)
		long = rest
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, errLong) {
				return &InputError{Path: path, Line: number, Err: err}
			}
			return &InputError{Path: path, Message: "the file cannot be read", Err: err}
		}
		end := errors.Is(err, io.EOF)
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = bytes.Trim(line, " \t\r\n"); len(line) > 0 {
			if err := w.single(line, number, path); err != nil {
				return err
			}
		}
		if end {
			return w.tick()
		}
	}
}

func (t *Template) openLines() (*os.File, error) {
	path := t.input.jsonl
	file, err := os.Open(path)
	if err != nil {
		return nil, &InputError{Path: path, Message: "the file cannot be opened", Err: errors.Unwrap(err)}
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, &InputError{Path: path, Message: "it is a folder, where a JSON Lines file should be"}
	}
	return file, nil
}

var errLong = fmt.Errorf("is longer than %d MiB", maxLine>>20)

// readLine returns the next line, valid until the next call; long is memory for a line that outgrows the reader.
func readLine(r *bufio.Reader, long []byte) (line, memory []byte, err error) {
	line, err = r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, long, err
	}
	long = append(long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxLine {
			return nil, long, errLong
		}
		line, err = r.ReadSlice('\n')
		long = append(long, line...)
	}
	return long, long, err
}

// linesPerTick is after how many lines the walk looks up.
const linesPerTick = 256

// single takes one item that came as a line.
func (w *walk) single(line []byte, number uint64, path string) error {
	index := w.next
	w.next++
	if index%linesPerTick == 0 {
		if err := w.tick(); err != nil {
			return err
		}
	}
	item, err := w.scan(line)
	where := ""
	if number > 0 {
		where = fmt.Sprintf("line %d", number)
	}
	if err != nil {
		if number == 0 {
			return &InputError{Path: fmt.Sprintf("the task's item %d", index), Message: "the item " + err.Error()}
		}
		return &InputError{Path: path, Line: number, Message: "the line " + err.Error()}
	}
	if w.probe != nil {
		if index < w.probe.want {
			return nil
		}
		w.probe.found, w.probe.where = item.input, where
		return errProbed
	}
	out := w.t.output
	if out != nil {
		if err := w.unique(index, item.input, where); err != nil {
			return err
		}
	}
	return w.decide(line, item, index)
}

// decide shards and checks an item, and hands it on.
func (w *walk) decide(line []byte, item scanned, index uint64) error {
	c, s := w.o.Counters, w.t.shard
	c.Listed.Add(1)
	takes, part := true, uint64(0)
	if s != nil {
		n := index
		if s.byHash {
			n = lineNumber(line, item)
		}
		takes, part = s.takes(n), n%s.num
	}
	if !takes && w.o.Shards == nil {
		return nil
	}
	finished := w.t.finish != nil && w.check.single(item.input)
	w.count(part, finished)
	if !takes {
		return nil
	}
	c.InShard.Add(1)
	if finished {
		c.Done.Add(1)
		return nil
	}
	c.ToDo.Add(1)
	if w.o.Item == nil {
		return nil
	}
	return w.o.Item(w.compose(line, item))
}

// lineNumber is the number of an item in a SoftShardByHash.
func lineNumber(line []byte, item scanned) uint64 {
	if !item.isTriplet {
		return hashKey(line)
	}
	h := addHash(addHash(newHash, item.input.relDir), "/")
	return addHash(h, item.input.fileName).sum()
}

// scan reads what is needed of a line.
func (w *walk) scan(line []byte) (scanned, error) {
	trusted := w.t.input == nil && w.t.output == nil && (w.t.shard == nil || !w.t.shard.byHash)
	if trusted {
		return scanned{}, nil
	}
	item, key, err := scanItem(line, w.key)
	w.key = key
	if err != nil {
		return item, err
	}
	needed := w.t.output != nil || w.t.input != nil && w.t.input.kind == inputTriplets
	if !needed || item.isTriplet {
		return item, nil
	}
	if !item.hasInput {
		return item, errors.New(`has no "input" with path, rel_dir and file_name`)
	}
	return item, errors.New(`has an "input" without path, rel_dir and file_name as texts`)
}

// compose writes the line for the worker: triplets anew, as the only member; any other item as it is, its outputs added.
func (w *walk) compose(line []byte, item scanned) []byte {
	l := &w.line
	switch {
	case w.t.input != nil && w.t.input.kind == inputTriplets:
		l.line = w.t.appendItem(l.line[:0], item.input)
	case w.t.output == nil:
		return line
	default:
		l.line = append(l.line[:0], line[:len(line)-1]...)
		if !item.empty {
			l.line = append(l.line, ',')
		}
		l.line = w.t.output.appendOutputs(l.line, w.t.outputPath, item.input)
		l.line = append(l.line, '}')
	}
	return l.line
}

// Filter applies soft shard, output mode and finish check to items that a task lists itself, one line after the other.
// It is for one goroutine.
type Filter struct{ w *walk }

// NewFilter makes a Filter; see WalkOptions. Close it after the last item.
func (t *Template) NewFilter(ctx context.Context, o WalkOptions) (*Filter, error) {
	if !t.Native() || t.input != nil {
		return nil, errors.New("this template lists its items, or is run by the plugin")
	}
	return &Filter{newWalk(ctx, t, o)}, nil
}

// Line takes the next item, a JSON object. The line is handed to Item when it is still to do.
// It returns what Walk returns.
func (f *Filter) Line(line []byte) error { return f.w.single(bytes.Trim(line, " \t\r\n"), 0, "") }

// Close lets go of what the filter holds.
func (f *Filter) Close() { f.w.check.close() }
