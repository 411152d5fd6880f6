package plan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// maxLine is how long a line of a JSON Lines file may be: half of what a message to a worker can carry.
const maxLine = 32 << 20

// walkLines reads the items from a file. Empty lines are left out.
func (w *walk) walkLines() error {
	path := w.t.Input.JSONL
	file, err := w.openLines()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	// A pipe may never say anything. Other files know no deadlines, and are read at once.
	if pipe, ok := file.(interface{ SetReadDeadline(time.Time) error }); ok {
		defer context.AfterFunc(w.ctx, func() { _ = pipe.SetReadDeadline(time.Unix(1, 0)) })()
	}
	r := bufio.NewReaderSize(file, 256<<10)
	var long []byte
	for number := uint64(1); ; number++ {
		// Lines without an item count as well: there may be no end of them.
		if number%linesPerTick == 0 {
			if err := w.tick(); err != nil {
				return err
			}
		}
		line, rest, err := readLine(r, long)
		long = rest
		if errors.Is(err, errLong) {
			if err := w.badLine(&template.InputError{Path: path, Line: number, Message: "the line " + errLong.Error()}); err != nil {
				return err
			}
			// The rest of it may have no end.
			for line, err = nil, bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); _, err = r.ReadSlice('\n') {
				if err := w.tick(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return w.ctx.Err()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return &template.InputError{Path: path, Message: "the file cannot be read", Err: err}
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

// openLines opens the file. A named pipe without a writer is waited for until the listing is ended.
func (w *walk) openLines() (fs.File, error) {
	type opened struct {
		file fs.File
		err  error
	}
	done := make(chan opened)
	go func() {
		file, err := openLines(w.store, w.t.Input)
		select {
		case done <- opened{file, err}:
		case <-w.ctx.Done():
			if err == nil {
				_ = file.Close()
			}
		}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-w.ctx.Done():
		return nil, w.ctx.Err()
	}
}

func openLines(s store, in *template.Input) (fs.File, error) {
	path := in.JSONL
	file, err := s.openFile(path)
	if err != nil {
		return nil, &template.InputError{Path: path, Message: "the file cannot be opened", From: in.From, Err: regular.Cause(err)}
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, &template.InputError{Path: path, Message: "it is a folder, where a JSON Lines file should be", From: in.From}
	}
	return file, nil
}

var errLong = fmt.Errorf("is longer than %d MiB: a JSON Lines file has one item a line", maxLine>>20)

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

// badLine gets a line that is not an item, and returns the error that the listing ends with, or nil to leave it out.
func (w *walk) badLine(err *template.InputError) error {
	if !w.o.Policy.SkipBadLines {
		if err.Line > 0 {
			err.Message += "; hint: --bad-lines count leaves such lines out"
		}
		return err
	}
	if w.o.counters.BadLines.Add(1) == 1 {
		w.warn(Warning{Path: err.Where(), Message: err.Message + ", and is left out"}, false)
	}
	return nil
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
	if err != nil {
		if number == 0 {
			return w.badLine(&template.InputError{Path: fmt.Sprintf("the task's item %d", index), Message: "the item " + err.Error()})
		}
		return w.badLine(&template.InputError{Path: path, Line: number, Message: "the line " + err.Error()})
	}
	if w.probe != nil {
		if index < w.probe.want {
			return nil
		}
		w.probe.found, w.probe.line = item.input, number
		return errProbed
	}
	refusal := ""
	if w.out != nil {
		key, at := w.place.find(item.input)
		repeated, err := w.unique(index, key, line, item.input, number)
		if err != nil || repeated {
			return err
		}
		if at != inside {
			refusal = w.astray(at, item.input)
		}
	}
	return w.decide(line, item, index, refusal)
}

// astray returns why an item must not be begun whose output is not below the output folder; empty: it may.
func (w *walk) astray(at place, in triplet) string {
	refusal := w.out.refusal(w.o.Policy, at, in)
	switch {
	case refusal != "" && at == outside && w.t.Input == nil:
		// The task lists its items itself, and says where they lie.
		w.told.ownOutside.add(w.out.of(in).Path)
		return ""
	case refusal == "" && !w.o.Policy.OutputsOutside:
		w.told.leadingUp.add(w.out.of(in).Path)
	}
	return refusal
}

// decide shards and checks an item, and hands it on. refusal is why it must not be begun.
func (w *walk) decide(line []byte, item scanned, index uint64, refusal string) error {
	c := w.o.counters
	c.Listed.Add(1)
	if s := w.t.Shard; s != nil && s.ByHash {
		index = lineNumber(line, item)
	}
	takes, part := w.share(index)
	if !takes && w.o.shards == nil {
		return nil
	}
	there, state := false, template.OutputWhole
	if refusal == "" {
		var err error
		if there, state, err = w.stateOf(item.input); err != nil {
			return err
		}
	}
	finished := there && state == template.OutputWhole
	switch n := w.shardCount(part); {
	case finished:
		n.Done++
	case refusal != "":
		n.Refused++
	default:
		n.ToDo++
	}
	if !takes {
		return nil
	}
	c.InShard.Add(1)
	switch {
	case finished:
		c.Done.Add(1)
		return nil
	case refusal != "":
		c.Refused.Add(1)
		if w.o.refuse == nil {
			return nil
		}
		return w.o.refuse(w.compose(line, item), refusal)
	case there && state == template.OutputOpen:
		return w.open(w.compose(line, item), item.input)
	case there:
		w.unfinished(item.input)
	}
	c.ToDo.Add(1)
	if w.o.item == nil {
		return nil
	}
	return w.o.item(w.compose(line, item))
}

// stateOf finds out whether the output of an item that came alone exists, and what the journal says of it.
func (w *walk) stateOf(in triplet) (there bool, state template.OutputState, err error) {
	if there = w.check.single(in); !there || w.o.Journal == nil {
		return there, template.OutputWhole, nil
	}
	rel := []byte(template.Relative(w.out.root, w.out.checked(in)))
	noted, err := w.o.Journal.Look(template.Folder(rel))
	if err != nil || !noted {
		return there, template.OutputWhole, err
	}
	return there, w.o.Journal.Of(rel), nil
}

// lineNumber is the number of an item in a SoftShardByHash.
func lineNumber(line []byte, item scanned) uint64 {
	if !item.isTriplet {
		return hashKey(line)
	}
	h := addHash(addHash(newHash, item.input.RelDir), "/")
	return addHash(h, item.input.FileName).sum()
}

// scan reads what is needed of a line.
func (w *walk) scan(line []byte) (scanned, error) {
	trusted := w.t.Input == nil && w.out == nil && (w.t.Shard == nil || !w.t.Shard.ByHash)
	if trusted {
		return scanned{}, nil
	}
	item, err := scanItem(line)
	if err != nil {
		return item, err
	}
	needed := w.out != nil || w.t.Input != nil && w.t.Input.Kind == template.TripletLines
	if !needed || item.isTriplet {
		return item, nil
	}
	if !item.hasInput {
		return item, errors.New(`has no "input" with path, rel_dir and file_name`)
	}
	return item, errors.New(`has an "input" without path, rel_dir and file_name as texts`)
}

// compose writes the line for the worker: triplets rewritten, as the only member; any other item as it is, its outputs added.
func (w *walk) compose(line []byte, item scanned) []byte {
	l := &w.line
	switch {
	case w.t.Input != nil && w.t.Input.Kind == template.TripletLines:
		l.line = w.out.appendItem(l.line[:0], item.input)
	case w.out == nil:
		return line
	default:
		l.line = append(l.line[:0], line[:len(line)-1]...)
		if !item.empty {
			l.line = append(l.line, ',')
		}
		l.line = w.out.append(l.line, item.input)
		l.line = append(l.line, '}')
	}
	return l.line
}
