package plan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/kagurazaka/kagurazaka/host/manifest"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// maxLine is the longest line of a JSON Lines file: half of the largest message to a worker.
const maxLine = 32 << 20

// walkLines reads the items from a file. Empty lines are left out.
func (w *walk) walkLines() error {
	path := w.t.Input.JSONL
	file, err := w.openLines()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	// A pipe may stay silent for ever. Other files have no deadlines, and never wait.
	if pipe, ok := file.(interface{ SetReadDeadline(time.Time) error }); ok {
		defer context.AfterFunc(w.ctx, func() { _ = pipe.SetReadDeadline(time.Unix(1, 0)) })()
	}
	if w.paths = nil; w.t.Input.Kind == template.PathLines {
		if w.paths, err = newPathLines(listedRoots(w.store, w.t), w.t.Input.NUL, &w.remarks.farPaths); err != nil {
			return err
		}
	}
	lineEnd := w.t.Input.End()
	r, err := manifest.NewReader(w.patient(file), path)
	if err != nil {
		return &template.InputError{Path: path, Message: err.Error(), From: w.t.Input.From}
	}
	defer r.Close()
	for number := uint64(1); ; number++ {
		// Empty lines count as well: they may have no end.
		if number%linesPerTick == 0 {
			if err := w.tick(); err != nil {
				return err
			}
		}
		line, err := w.readLine(r.Reader, lineEnd)
		end := errors.Is(err, io.EOF)
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		tooLong := len(line) > maxLine
		if w.paths == nil {
			line = bytes.Trim(line, " \t\r\n")
		} else if line = w.paths.trim(line); w.t.Input.NUL && end && number == 1 && bytes.IndexByte(line, '\n') >= 0 {
			return &template.InputError{Path: path, Message: "no path in it ends with a NUL: leave out -0 (nul: true)", From: w.t.Input.From}
		}
		switch {
		case err != nil && w.ctx.Err() != nil:
			return w.ctx.Err()
		case err != nil && !end && r.Form != "":
			return &template.InputError{Path: path, Line: number, Message: r.Damage(err).Error()}
		case err != nil && !end:
			return &template.InputError{Path: path, Message: "the file cannot be read", Err: err}
		case tooLong:
			message := fmt.Sprintf("the line is longer than %d MiB: %s", maxLine>>20, w.t.Input.Lines())
			err = w.badLine(&template.InputError{Path: path, Line: number, Message: message})
		case len(line) > 0:
			err = w.single(line, number)
		default:
			err = nil
		}
		if err != nil {
			return err
		}
		if end {
			return w.tick()
		}
	}
}

// readLine returns the next line, or the start of one that is longer than maxLine. The line is valid until the next call.
func (w *walk) readLine(r *bufio.Reader, end byte) ([]byte, error) {
	line, err := r.ReadSlice(end)
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	w.long = append(w.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		// The line may have no end.
		if err := w.tick(); err != nil {
			return nil, err
		}
		line, err = r.ReadSlice(end)
		if len(w.long) <= maxLine {
			w.long = append(w.long, line...)
		}
	}
	return w.long, err
}

// patient returns a file as it is, but for one that may keep its reader waiting: then what was found before goes to work first.
func (w *walk) patient(file fs.File) io.Reader {
	if info, err := file.Stat(); w.o.idle == nil || err == nil && info.Mode().IsRegular() {
		return file
	}
	return patientReader{file, w.o.idle}
}

type patientReader struct {
	io.Reader
	idle func() error
}

func (r patientReader) Read(b []byte) (int, error) {
	if err := r.idle(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// openLines opens the file. It waits for the writer of a named pipe until the listing ends.
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

func openLines(store FS, in *template.Input) (fs.File, error) {
	if in.IsStdin() {
		return openStdin()
	}
	file, err := store.Open(in.JSONL)
	if err != nil {
		return nil, &template.InputError{Path: in.JSONL, Message: "the file cannot be opened", From: in.From, Err: regular.Cause(err)}
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, &template.InputError{Path: in.JSONL, Message: "it is a folder: " + in.Lines(), From: in.From}
	}
	return file, nil
}

// badLine takes an error of one line. It returns the error that ends the listing, or nil to leave the line out.
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

// linesPerTick is the number of lines between two calls of tick.
const linesPerTick = 256

// single takes one item that came as a line: of a file, or with number 0 from the task.
func (w *walk) single(line []byte, number uint64) error {
	item, err := w.scan(line)
	if err == nil {
		return w.alone(line, item, number)
	}
	index := w.next
	w.next++
	if number == 0 {
		return w.badLine(&template.InputError{Path: fmt.Sprintf("the task's item %d", index), Message: "the item " + err.Error()})
	}
	return w.badLine(&template.InputError{Path: w.t.Input.JSONL, Line: number, Message: "the line " + err.Error()})
}

// alone takes an item that came alone: not as a name of a group. number is that of its line; 0: it has none.
func (w *walk) alone(line []byte, item scanned, number uint64) error {
	if w.o.Sieve != nil && w.t.Input != nil && !w.o.Sieve.keepsInput(item.input, unsafeString(line)) {
		return nil
	}
	index := w.next
	w.next++
	switch {
	case w.probe != nil && index < w.probe.want:
		return nil
	case w.probe != nil:
		w.probe.found, w.probe.line = item.input, number
		return errProbed
	}
	refusal := ""
	if w.out != nil {
		key, at := w.place.find(item.input)
		first, found := w.seen.put(key, unsafeString(w.identity(item, line)), index)
		switch {
		case found && first.same:
			w.o.counters.Repeated.Add(1)
			w.remarks.repeated.add(describe(item.input, number))
			return nil
		case found:
			if err := w.collide(first.index, key, item.input, number); err != nil {
				return err
			}
		}
		refusal = w.refusal(at, item.input)
	}
	return w.decide(line, item, index, refusal)
}

// refusal returns why an item must not begin, because its output is not below the output folder; empty: it may begin.
func (w *walk) refusal(at place, in triplet) string {
	refusal := w.out.refusal(w.o.Policy, at, in)
	switch {
	case at != outside:
	case refusal != "" && w.t.Input == nil:
		// The task lists its items itself, so their outputs are its decision.
		w.remarks.ownOutside.add(w.out.of(in).Path)
		return ""
	case refusal == "" && !w.o.Policy.OutputsOutside:
		w.remarks.leadingUp.add(w.out.of(in).Path)
	}
	return refusal
}

// decide shards and checks an item, and passes it on.
func (w *walk) decide(line []byte, item scanned, index uint64, refusal string) error {
	w.o.counters.Listed.Add(1)
	if s := w.t.Shard; s != nil && s.ByHash {
		index = lineNumber(line, item)
	}
	mine, part := w.share(index)
	if !mine && w.o.shards == nil {
		return nil
	}
	place := w.number
	if mine {
		w.number++
		if taken, err := w.take(place, func() texts { return w.textsOfLine(line, item) }); !taken {
			return err
		}
	}
	state := template.OutputMissing
	if refusal == "" {
		var err error
		if state, err = w.stateOf(item.input); err != nil {
			return err
		}
		state = w.judge(state, item.input, func() []byte { return w.compose(line, item) })
	}
	w.count(state, refusal != "", part, mine)
	switch {
	case !mine || state == template.OutputWhole && !w.o.need.Done:
		return nil
	case state == template.OutputOpen:
		if err := w.open(w.compose(line, item), item.input); err != nil || !w.o.need.Done {
			return err
		}
	case state == template.OutputUnfinished:
		w.unfinished(item.input)
	}
	if w.o.item == nil {
		return nil
	}
	w.found = Item{Refusal: refusal, Number: place, Input: item.input, State: state}
	if w.o.need.Line {
		w.found.Line = w.compose(line, item)
	}
	if w.o.need.Entry {
		w.found.Entry = w.entryOf(line, item)
	}
	return w.o.item(&w.found)
}

// stateOf returns the state of the output of an item that came alone.
func (w *walk) stateOf(in triplet) (template.OutputState, error) {
	if !w.check.single(in) {
		return template.OutputMissing, nil
	}
	if w.o.Journal == nil {
		return template.OutputWhole, nil
	}
	rel := []byte(template.Relative(w.out.root, w.out.checked(in)))
	noted, err := w.o.Journal.Look(template.Folder(rel))
	if err != nil || !noted {
		return template.OutputWhole, err
	}
	return w.o.Journal.Of(rel), nil
}

// lineNumber returns the number of an item in a SoftShardByHash.
func lineNumber(line []byte, item scanned) uint64 {
	if !item.isTriplet {
		return hashKey(line)
	}
	h := addHash(addHash(newHash, item.input.RelDir), "/")
	return addHash(h, item.input.FileName).sum()
}

// scan reads what is needed of a line.
func (w *walk) scan(line []byte) (scanned, error) {
	if w.t.Input == nil && w.out == nil && (w.t.Shard == nil || !w.t.Shard.ByHash) {
		if !w.o.need.Input && w.o.Picker == nil {
			return scanned{}, nil
		}
		// Such an item need not be of any form.
		item, _ := scanItem(line)
		return item, nil
	}
	if w.paths != nil {
		input, err := w.paths.input(line)
		return scanned{hasInput: true, isTriplet: true, input: input}, err
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

// entryOf is the item of a line without outputs.
func (w *walk) entryOf(line []byte, item scanned) []byte {
	if w.t.Input == nil || !w.t.Input.OnlyInput() {
		return line
	}
	e := &w.entry
	e.line = e.out.appendItem(e.line[:0], item.input)
	return e.line
}

// compose writes the line for the worker. TripletLines keep only their triplet, and other items everything. Outputs are added.
func (w *walk) compose(line []byte, item scanned) []byte {
	l := &w.line
	switch {
	case w.t.Input != nil && w.t.Input.OnlyInput():
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
