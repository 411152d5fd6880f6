package plugin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// The size that the host asks for in a block. Larger blocks save nothing more, and every smaller one costs a message.
const (
	listItems = 4096
	listBytes = 512 << 10
)

// Lister is a process that lists a task's own items. It is a backbones.Source.
type Lister struct {
	proc    *Process
	task    string
	warn    func(string)
	stream  pb.PluginService_ListClient
	cancel  context.CancelFunc
	total   atomic.Int64
	yielded atomic.Int64
	// ended: the process has ended its listing.
	ended atomic.Bool
	// acceptIndexed: the answer may be just the number of items.
	acceptIndexed bool
	// marshalled is what is left of a block in Python's marshal; nil: nothing.
	marshalled *marshalBlock
}

// StartLister starts a process that lists the items of a task, with the user's stdin.
func StartLister(ctx context.Context, command Command, start StartOptions, open OpenOptions, warn func(string)) (*Lister, error) {
	start.Stdin = true
	return startRun(ctx, command, start, open, pb.Stage_STAGE_LIST, func(p *Process) (*Lister, error) {
		return p.list(ctx, open.Task, false, warn)
	})
}

func (p *Process) list(ctx context.Context, task string, indexed bool, warn func(string)) (*Lister, error) {
	streamCtx, cancel := context.WithCancel(context.Background())
	stream, err := p.service.List(streamCtx, &pb.ListRequest{MaxItems: listItems, MaxBytes: listBytes, AcceptIndexed: indexed, AcceptMarshal: true})
	if err != nil {
		cancel()
		return nil, p.callError(ctx, "listing the items of "+task, err)
	}
	l := &Lister{proc: p, task: task, warn: warn, stream: stream, cancel: cancel, acceptIndexed: indexed}
	l.total.Store(-1)
	return l, nil
}

// Next returns the next block of items, or io.EOF.
func (l *Lister) Next(ctx context.Context) (backbones.Block, error) {
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	call := "listing the items of " + l.task
	for {
		if l.ended.Load() {
			return backbones.Block{}, io.EOF
		}
		if l.marshalled != nil {
			return l.yield(l.nextMarshalled())
		}
		resp, err := l.stream.Recv()
		if errors.Is(err, io.EOF) {
			l.ended.Store(true)
			l.total.Store(l.yielded.Load())
			return backbones.Block{}, io.EOF
		}
		if err != nil {
			return backbones.Block{}, l.proc.callError(ctx, call, err)
		}
		switch m := resp.GetMessage().(type) {
		case *pb.ListResponse_Block:
			b, err := l.block(m.Block)
			if err != nil || b.Count > 0 {
				return l.yield(b, err)
			}
		case *pb.ListResponse_Indexed:
			if err := l.indexed(m.Indexed); err != nil {
				return backbones.Block{}, fmt.Errorf("%s: %w", call, err)
			}
			l.ended.Store(true)
			l.yielded.Store(int64(m.Indexed))
			l.total.Store(int64(m.Indexed))
			if m.Indexed == 0 {
				return backbones.Block{}, io.EOF
			}
			return backbones.Block{Encoding: backbones.Indexed, Count: int(m.Indexed)}, nil
		case *pb.ListResponse_Total:
			l.total.Store(int64(min(m.Total, mostIndexed)))
		case *pb.ListResponse_Warning:
			l.warn(m.Warning)
		case *pb.ListResponse_Error:
			if m.Error.GetEnded() != nil {
				// What was listed before is done.
				l.warn(call + ": " + m.Error.GetMessage())
				l.ended.Store(true)
				l.total.Store(l.yielded.Load())
				return backbones.Block{}, io.EOF
			}
			return backbones.Block{}, taskError(call, m.Error)
		}
	}
}

// yield returns a block with its number, or the error with what was called.
func (l *Lister) yield(b backbones.Block, err error) (backbones.Block, error) {
	if err != nil {
		return backbones.Block{}, fmt.Errorf("listing the items of %s: %w", l.task, err)
	}
	b.First = uint64(l.yielded.Add(int64(b.Count))) - uint64(b.Count)
	return b, nil
}

// block converts the items of a block. Those that exceed the size of a block are left for nextMarshalled.
func (l *Lister) block(b *pb.Block) (backbones.Block, error) {
	if b.GetEncoding() != pb.Encoding_ENCODING_MARSHAL {
		return fromBlock(b)
	}
	m, err := newMarshalBlock(b)
	if err != nil || m.left == 0 {
		return backbones.Block{}, err
	}
	l.marshalled = m
	all, err := l.nextMarshalled()
	if l.marshalled == nil {
		all.Marshal = b.GetPayload()
	}
	return all, err
}

func (l *Lister) nextMarshalled() (backbones.Block, error) {
	b, err := l.marshalled.next()
	if l.marshalled.left == 0 {
		l.marshalled = nil
	}
	return b, err
}

// mostIndexed bounds the length of a list: more items than any list has, and safe in every sum.
const mostIndexed = 1 << 48

// indexed checks an answer that is just a number of items.
func (l *Lister) indexed(n uint64) error {
	switch {
	case !l.acceptIndexed:
		return errors.New("the plugin answered with a number of items, where the items themselves were asked for")
	case l.yielded.Load() > 0:
		return errors.New("the plugin answered with a number of items after it had sent items")
	case n > mostIndexed:
		return fmt.Errorf("the plugin reported %s, more than a list can have", count.Of(n, "item"))
	}
	return nil
}

// Total is the number of all items, once the lister has reported it.
func (l *Lister) Total() (int, bool) {
	n := l.total.Load()
	return int(n), n >= 0
}

// Remaining is the number of items still to be yielded, once it is known.
func (l *Lister) Remaining() (int, bool) {
	n, known := l.Total()
	return max(n-int(l.yielded.Load()), 0), known
}

// Close ends the process. The error says that the task was not closed; patience bounds the wait.
func (l *Lister) Close(ctx context.Context, patience time.Duration) error {
	l.cancel()
	if !l.ended.Load() || slices.Contains(l.proc.opened, wire.ListCloses) {
		// Its listing was cancelled in the middle, or it has closed its task.
		l.proc.Stop()
		return nil
	}
	return l.proc.Close(ctx, patience, "the process that lists")
}

func fromBlock(b *pb.Block) (backbones.Block, error) {
	out := backbones.Block{Count: int(b.GetCount()), Payload: b.GetPayload(), Keys: b.GetKeys(), ContentKeys: b.GetContentKeys()}
	switch b.GetEncoding() {
	case pb.Encoding_ENCODING_JSON_LINES:
		if lines := countLines(b.GetPayload()); lines != out.Count {
			return out, fmt.Errorf("the plugin sent a block of %s that holds %s: an item's JSON has no raw newline and no item is empty", count.Of(out.Count, "item"), count.Of(lines, "line"))
		}
	case pb.Encoding_ENCODING_OPAQUE:
		out.Encoding = backbones.Opaque
		if n := len(out.ContentKeys); n > 0 && n != out.Count {
			return out, fmt.Errorf("the plugin sent a block of %s with %d content_keys: there is one an item, or none", count.Of(out.Count, "item"), n)
		}
		// Only the plugin can count its items.
		if out.Count > listItems {
			return out, fmt.Errorf("the plugin sent a block of %s, where %d were asked for at most", count.Of(out.Count, "item"), listItems)
		}
	default:
		return out, fmt.Errorf("the plugin sent items in an encoding (%d) that this host does not know", b.GetEncoding())
	}
	return out, nil
}

func countLines(payload []byte) int {
	if len(payload) == 0 {
		return 0
	}
	return 1 + bytes.Count(payload, []byte{'\n'})
}

// StartBatchWorker starts a worker of a device task that makes its own batches, and asks it how many there are. The process that makes
// the batches also works on them: its loader is made once, after the model. Its errors are those of StartWorker.
func StartBatchWorker(ctx context.Context, command Command, start StartOptions, open OpenOptions, heartbeats bool, warn func(string)) (w backbones.Worker, batches int, err error) {
	// It is alone: on the CPU its threads are the device.
	start.Worker, start.Stdin = false, true
	w, err = startWorker(ctx, command, start, open, heartbeats, func(p *Process) (err error) {
		batches, err = p.batches(ctx, open.Task, warn)
		return err
	})
	return w, batches, err
}

// batches asks a process how many batches the task's own loader makes.
func (p *Process) batches(ctx context.Context, task string, warn func(string)) (int, error) {
	l, err := p.list(ctx, task, true, warn)
	if err != nil {
		return 0, err
	}
	defer l.cancel()
	block, err := l.Next(ctx)
	if err == nil || errors.Is(err, io.EOF) {
		err = cmp.Or(l.rest(ctx), err)
	}
	switch {
	case errors.Is(err, io.EOF):
		return 0, nil
	case err != nil:
		return 0, err
	case block.Encoding != backbones.Indexed:
		return 0, &backbones.FatalError{Err: fmt.Errorf("listing the batches of %s: the plugin answered with items, where a number of batches was asked for", task)}
	}
	return block.Count, nil
}

// rest reads a listing to its end: one that is broken off would end what the process does next.
func (l *Lister) rest(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	for {
		if _, err := l.stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return l.proc.callError(ctx, "listing the items of "+l.task, err)
		}
	}
}
