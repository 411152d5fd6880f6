// Package ledger keeps in a folder what a run did: what was run, what became of each item, why items failed, and the host's log. One
// process appends to each file, so it is safe on network file systems. docs/design/ledger.md has the format.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// The files of a run's folder.
const (
	infoFile     = "run.json"
	outcomesFile = "outcomes"
	failedFile   = "failed.jsonl"
	logFile      = "log"
	lockFile     = "lock"
)

// Options say what a ledger is made for.
type Options struct {
	// Earlier is the run that this one takes up: its finished items are kept until the listing of this run is complete.
	Earlier *State
	// Broken is called once if the ledger cannot be written any more: nothing is kept from then on. Note is called with what the
	// user should know of the ledger during the run. Both are called by a goroutine of the ledger, and may be nil.
	Broken func(error)
	Note   func(string)
	// MaxFailed is the limit of failed.jsonl in bytes; 0: 1 GiB.
	MaxFailed int64
	// FlushEvery is how long an outcome may wait before it is written; 0: a second.
	FlushEvery time.Duration
}

// Ledger writes what a run does into its folder. Its methods may be called by several goroutines.
type Ledger struct {
	dir     string
	options Options
	lock    *os.File

	// infoMu is apart, so that no other call waits for the writing of run.json.
	infoMu sync.Mutex
	info   Info

	mu sync.Mutex
	// out and lines wait to be written to the record of outcomes and to failed.jsonl; pending are spans that may still be joined. spare
	// is the memory that out uses next.
	out     recordBuffer
	spare   []byte
	lines   []byte
	pending [kindFailed + 1][]backbones.Span
	// times and attempts wait, too.
	times    []timed
	attempts []backbones.Attempt
	total    uint64
	// seed is that of an indexed list.
	seed itemkey.Key
	err  error

	// failedBytes is the length of failed.jsonl with what waits for it; unkept items failed beyond its limit. notes wait for Note.
	failedBytes, unkept int64
	notes               []string

	outcomes, failed *os.File
	// wake wakes the writer, written a listing that waits for room.
	wake, written chan struct{}
	stop, stopped chan struct{}
	patience      time.Duration
}

const (
	// flushBytes is the size from which on records are written at once.
	flushBytes = 64 << 10
	// bufferBytes is the initial size of a buffer. It has room for what comes while another is written.
	bufferBytes = 256 << 10
	// stallBytes is how much may wait for the disk before the listing waits, too.
	stallBytes = 16 << 20
	// joinAt is how many spans wait to be joined, spanBytes the size of one.
	joinAt    = 1 << 16
	spanBytes = 16
	// patience is how long the end of a run waits for a disk that takes nothing.
	patience = 10 * time.Second
)

// Create makes the folder of a run, which must not hold another run, and writes run.json. The folder is locked until Close.
func Create(dir string, info Info, o Options) (*Ledger, error) {
	lock, err := takeFolder(dir, false)
	if err != nil {
		return nil, fmt.Errorf("making the run's folder: %w", err)
	}
	info.Format = infoFormat
	o.MaxFailed, o.FlushEvery = cmp.Or(o.MaxFailed, maxFailed), cmp.Or(o.FlushEvery, time.Second)
	l := &Ledger{
		dir: dir, options: o, lock: lock, info: info, patience: patience,
		wake: make(chan struct{}, 1), written: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := l.open(); err != nil {
		_ = l.closeFiles()
		return nil, fmt.Errorf("making the run's folder: %w", err)
	}
	go l.write()
	return l, nil
}

// open makes the files, and writes what is taken up. run.json is last: the folder holds no run before, and no item is begun.
func (l *Ledger) open() error {
	const how = os.O_CREATE | os.O_EXCL | os.O_WRONLY | os.O_APPEND
	aside, err := clearLeftovers(l.dir)
	if err != nil {
		return err
	}
	if aside != "" {
		l.notes = append(l.notes, "the folder held a run's files without "+infoFile+": they are kept in "+aside+", and not taken up")
	}
	if l.outcomes, err = os.OpenFile(filepath.Join(l.dir, outcomesFile), how, 0o600); err != nil {
		return err
	}
	if l.failed, err = os.OpenFile(filepath.Join(l.dir, failedFile), how, 0o600); err != nil {
		return err
	}
	l.out.bytes, l.spare = append(make([]byte, 0, bufferBytes), magic...), make([]byte, 0, bufferBytes)
	flush := func() error {
		_, err := l.outcomes.Write(l.out.bytes)
		l.out.bytes = l.out.bytes[:0]
		return err
	}
	if earlier := l.options.Earlier; earlier != nil {
		if err := l.out.layers(earlier, flush); err != nil {
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return writeInfo(l.dir, &l.info)
}

// Dir is the run's folder.
func (l *Ledger) Dir() string { return l.dir }

// Info returns what run.json says.
func (l *Ledger) Info() Info {
	l.infoMu.Lock()
	defer l.infoMu.Unlock()
	return l.info
}

// SetPluginHash adds the plugin's hash to run.json, and the fingerprint of the run.
func (l *Ledger) SetPluginHash(hash, fingerprint string) error {
	l.infoMu.Lock()
	defer l.infoMu.Unlock()
	l.info.Plugin.SHA256, l.info.Fingerprint = hash, fingerprint
	return writeInfo(l.dir, &l.info)
}

// SetPlacement adds to run.json which CPUs the workers are given.
func (l *Ledger) SetPlacement(placement []Placement) error {
	l.infoMu.Lock()
	defer l.infoMu.Unlock()
	l.info.Placement = placement
	return writeInfo(l.dir, &l.info)
}

// SetNodes writes to run.json which machines have worked on the run.
func (l *Ledger) SetNodes(nodes []Node) error {
	l.infoMu.Lock()
	defer l.infoMu.Unlock()
	l.info.Nodes, l.info.NodesAt = nodes, time.Now().UTC()
	return writeInfo(l.dir, &l.info)
}

// add calls record unless the ledger is broken, and wakes the writer if enough waits. It does not wait for the disk.
func (l *Ledger) add(record func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	record()
	if bytes, spans := l.waiting(); bytes >= flushBytes || spans >= joinAt {
		signal(l.wake)
	}
}

// Carry writes a failed item of an earlier run, which counts as failed until this run has an outcome for it.
func (l *Ledger) Carry(f FailedItem) {
	f.Carried = true
	l.add(func() { l.keepFailed(f) })
	_ = l.waitForRoom(context.Background())
}

// keepFailed adds the line of a failed item, as far as there is room. The caller holds the lock.
func (l *Ledger) keepFailed(f FailedItem) {
	limit := l.options.MaxFailed
	if l.failedBytes >= limit {
		if l.unkept++; l.unkept == 1 {
			l.notes = append(l.notes, fmt.Sprintf("%s has reached its limit of %d MiB: items that fail from now on are counted, and not kept with what they were",
				failedFile, limit>>20))
		}
		return
	}
	brief := l.failedBytes >= limit/4
	if brief {
		f.Message, f.Traceback, f.Log = cutText(f.Message, briefText), "", nil
	}
	before := len(l.lines)
	l.lines = f.appendLine(l.lines)
	l.failedBytes += int64(len(l.lines) - before)
	if !brief && l.failedBytes >= limit/4 {
		l.notes = append(l.notes, fmt.Sprintf("%s has reached %d MiB: items that fail from now on are kept with the beginning of their message alone",
			failedFile, limit>>22))
	}
}

// Record keeps what became of some items. It does not wait for the disk.
func (l *Ledger) Record(o backbones.Outcomes) {
	l.add(func() {
		l.join(kindDone, o.Done)
		l.join(kindSkipped, o.Skipped)
		l.timed(o)
		if len(o.Failed) == 0 {
			return
		}
		now := time.Now()
		for _, f := range o.Failed {
			l.keepFailed(failedOf(f, l.keyOf(f), now))
			l.join(kindFailed, []backbones.Span{{First: f.Number, Count: 1}})
		}
	})
}

// resumed keeps which items were left out because an earlier run had done them.
func (l *Ledger) resumed(spans []backbones.Span) {
	l.add(func() { l.join(kindResumed, spans) })
}

// join adds spans to those that wait. The caller holds the lock.
func (l *Ledger) join(k kind, spans []backbones.Span) {
	for _, s := range spans {
		l.pending[k] = appendSpan(l.pending[k], s)
	}
}

// saw keeps that there are the items of a block, and their keys; nil: none are kept.
func (l *Ledger) saw(b backbones.Block, keys []itemkey.Key) {
	l.add(func() {
		l.total = max(l.total, b.First+uint64(b.Count))
		l.out.keys(b.First, keys)
	})
}

// sawList keeps that the items are an indexed list, and its seed.
func (l *Ledger) sawList(b backbones.Block, seed itemkey.Key) {
	l.saw(b, nil)
	l.add(func() {
		l.seed = seed
		l.out.record(kindList, []uint64{b.First, uint64(b.Count)}, seed)
	})
}

// listed keeps that the listing is complete.
func (l *Ledger) listed() {
	l.add(func() {
		l.writeSpans()
		l.out.record(kindListed, []uint64{l.total})
	})
}

// keyOf is the key of a failed item. The caller holds the lock.
func (l *Ledger) keyOf(f backbones.FailedItem) itemkey.Key {
	switch f.Encoding {
	case backbones.Opaque:
		return itemkey.Key(f.ContentKey)
	case backbones.Indexed:
		return itemkey.At(l.seed, f.Number)
	default:
		return itemkey.Of([]byte(f.Item))
	}
}

// waiting is how many bytes and spans wait to be written. The caller holds the lock.
func (l *Ledger) waiting() (bytes, spans int) {
	for _, some := range l.pending {
		spans += len(some)
	}
	spans += len(l.times) + len(l.attempts)
	return len(l.out.bytes) + len(l.lines), spans
}

// signal wakes who waits for a channel that holds one signal.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// waitForRoom waits while too much waits to be written. Only one goroutine at a time may call it.
func (l *Ledger) waitForRoom(ctx context.Context) error {
	for {
		l.mu.Lock()
		bytes, spans := l.waiting()
		full := l.err == nil && bytes+spans*spanBytes > stallBytes
		l.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-l.written:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writeSpans makes records of the spans that wait. The caller holds the lock.
func (l *Ledger) writeSpans() {
	for k, spans := range l.pending {
		l.out.spans(kind(k), normal(spans))
		l.pending[k] = spans[:0]
	}
	l.writeTimes()
}

// write is the goroutine that writes.
func (l *Ledger) write() {
	defer close(l.stopped)
	ticker := time.NewTicker(l.options.FlushEvery)
	defer ticker.Stop()
	for stop := false; !stop; {
		select {
		case <-ticker.C:
		case <-l.wake:
		case <-l.stop:
			stop = true
		}
		l.flush()
	}
	if l.err == nil {
		l.err = errors.Join(l.failed.Sync(), l.outcomes.Sync())
	}
}

// flush writes what waits. Only the writing goroutine calls it.
func (l *Ledger) flush() {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.writeSpans()
	out, lines, notes := l.out.bytes, l.lines, l.notes
	l.out.bytes, l.lines, l.notes = l.spare[:0], nil, nil
	l.mu.Unlock()
	// The reason of a failure is in its file before the failure counts.
	_, err := l.failed.Write(lines)
	if err == nil {
		_, err = l.outcomes.Write(out)
	}
	l.mu.Lock()
	l.err, l.spare = err, out
	l.mu.Unlock()
	signal(l.written)
	if err != nil && l.options.Broken != nil {
		l.options.Broken(err)
	}
	if l.options.Note != nil {
		for _, text := range notes {
			l.options.Note(text)
		}
	}
}

// Close writes what is left and how the run ended, and unlocks the folder. The error is why the ledger is incomplete.
func (l *Ledger) Close(end End) error {
	close(l.stop)
	select {
	case <-l.stopped:
	case <-time.After(l.patience):
		return fmt.Errorf("its disk has taken nothing for %v", l.patience)
	}
	err := l.err
	switch {
	case err != nil:
		end.Incomplete = err.Error()
	case l.unkept > 0:
		end.Incomplete = fmt.Sprintf("%s reached its limit of %d MiB, and %s not in it", failedFile, l.options.MaxFailed>>20, count.Of(l.unkept, "failed item is", "failed items are"))
	}
	end.Time = end.Time.UTC()
	l.infoMu.Lock()
	defer l.infoMu.Unlock()
	l.info.End = &end
	return errors.Join(err, writeInfo(l.dir, &l.info), l.closeFiles())
}

// Abandon lets go of the folder of a run that never began, and removes it.
func (l *Ledger) Abandon() error {
	close(l.stop)
	<-l.stopped
	err := l.closeFiles()
	// lock is last: as long as it is there, a later run knows the rest again.
	for _, name := range files {
		if rmErr := os.Remove(filepath.Join(l.dir, name)); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}
	// The folder stays where the user had it before, with something of an earlier run in it.
	_ = os.Remove(l.dir)
	return err
}

func (l *Ledger) closeFiles() error {
	var err error
	for _, f := range []*os.File{l.outcomes, l.failed} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	// Last: a process that finds the lock free finds the rest complete.
	_ = l.lock.Close()
	return err
}
