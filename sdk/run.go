package sdk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/staging"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/beat"
)

// Run works on chunks in the order in which they arrive, and answers each when all its items have an outcome.
func (s *service) Run(stream pb.PluginService_RunServer) error {
	in, err := s.running(StageRun, StageLoad, StageDevice, StageFinish)
	if err != nil {
		return err
	}
	defer in.busy.Unlock()
	// The items' context has the process's values, and also ends when the host is gone.
	ctx, cancel := context.WithCancel(in.life)
	defer cancel()
	defer context.AfterFunc(stream.Context(), cancel)()
	if in.stage == StageRun {
		r := &runner{in: in, ctx: ctx, stream: stream}
		r.processor, _ = in.task.(Processor)
		r.checker, _ = in.task.(Checker)
		err = untilReturn(r.loop)
	} else {
		err = in.runStage(ctx, stream)
	}
	if err != nil {
		return err
	}
	return in.end(stream)
}

// runner is the state of one Run call. One goroutine at a time uses it.
type runner struct {
	in        *instance
	ctx       context.Context
	stream    pb.PluginService_RunServer
	processor Processor
	checker   Checker

	chunk *chunkRun
	// contexts are allocated many at a time, and used one per item.
	contexts []itemContext
}

// chunkRun is a chunk in progress.
type chunkRun struct {
	items  itemReader
	began  time.Time
	slot   beat.Slot
	result *pb.ChunkResult
	count  int

	// next is the position of the next item. While inProcess is set, the item before it has no outcome yet.
	next      int
	inProcess bool
	// timed: itemBegan is set for each item.
	timed     bool
	itemBegan time.Time
}

// untilReturn calls loop in a new goroutine until it returns. User code may end the goroutine with runtime.Goexit: the next call
// continues after that item or batch.
func untilReturn(loop func() error) error {
	for {
		result := make(chan error, 1)
		go func() {
			defer close(result)
			result <- loop()
		}()
		if err, returned := <-result; returned {
			return err
		}
	}
}

// loop receives, works and answers until the stream ends.
func (r *runner) loop() error {
	for {
		if r.chunk == nil {
			req, err := r.stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if r.chunk, err = r.begin(req.GetChunk()); err != nil {
				return err
			}
		}
		for !r.work() {
		}
		c := r.chunk
		c.result.Unwritten, c.result.UnwrittenExample = r.in.unwritten()
		c.result.BusyNs = uint64(max(time.Since(c.began), 1))
		r.chunk = nil
		if err := r.stream.Send(&pb.RunResponse{Result: c.result}); err != nil {
			return err
		}
	}
}

// timedItems is the largest chunk whose items are timed: in larger ones, reading the clock would take half of the time.
const timedItems = 1024

// begin takes a chunk. It fails if the host violates the protocol.
func (r *runner) begin(m *pb.Chunk) (*chunkRun, error) {
	c := &chunkRun{items: itemReader{parts: m.GetParts()}, began: time.Now()}
	var err error
	if c.count, err = countItems(m.GetParts()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "chunk %d %v", m.GetId(), err)
	}
	if m.GetSlot() >= wire.MaxInFlight {
		return nil, status.Errorf(codes.InvalidArgument, "chunk %d has slot %d, and there are %d", m.GetId(), m.GetSlot(), wire.MaxInFlight)
	}
	if r.in.waits {
		r.in.waits = false
		waitForDebugger(r.ctx)
	}
	c.timed = c.count <= timedItems
	c.result = &pb.ChunkResult{Id: m.GetId(), Count: uint32(c.count)}
	c.slot = r.in.page.Begin(int(m.GetSlot()), m.GetId(), c.count)
	return c, nil
}

// work continues the chunk and returns true at its end, or false after an item that panicked.
func (r *runner) work() (finished bool) {
	c := r.chunk
	defer func() {
		if c.inProcess {
			r.fail(c.next-1, newPanicked(recover()))
		}
	}()
	for c.next < c.count {
		index := c.next
		c.slot.At(index)
		c.next++
		if c.timed {
			c.itemBegan = time.Now()
		}
		raw, err := c.items.next()
		if err != nil {
			c.inProcess = true
			r.fail(index, err)
			continue
		}
		if len(r.contexts) == 0 {
			r.contexts = make([]itemContext, min(c.count-index, 128))
		}
		ctx := &r.contexts[0]
		r.contexts = r.contexts[1:]
		ctx.Context, ctx.item = r.ctx, Item{Index: index, raw: raw}
		c.inProcess = true
		skipped, err := r.item(ctx)
		switch {
		case err != nil:
			r.fail(index, err)
		case skipped:
			c.slot.Set(index, wire.Skipped)
			c.result.Skipped = appendIndex(c.result.Skipped, index)
		}
		c.inProcess = false
	}
	c.slot.At(c.count)
	return true
}

// item works on one item.
func (r *runner) item(ctx *itemContext) (skipped bool, err error) {
	if r.in.members != nil {
		var release func()
		if ctx.item, release, err = r.in.withFiles(ctx.item); err != nil {
			return false, err
		}
		defer release()
	}
	if r.checker != nil {
		if done, err := r.checker.IsExecuted(ctx, ctx.item); done || err != nil {
			return done && err == nil, err
		}
	}
	return false, r.in.staged(ctx, func() error { return r.processor.Process(ctx, ctx.item) })
}

// staged calls work with the item's outputs in the staging folder, if there is one, and commits them if work returns nil.
func (in *instance) staged(ctx *itemContext, work func() error) error {
	st := in.staging
	if st == nil {
		return work()
	}
	ctx.item.stage = st
	outputs := outputsOf(ctx.item.raw)
	if err := st.Begin(outputs); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return st.Commit(outputs)
}

// fail records an item's failure and removes what it wrote.
func (r *runner) fail(index int, err error) {
	c := r.chunk
	if st := r.in.staging; st != nil {
		if cleanup := st.Discard(); cleanup != nil {
			r.in.worker.log.Warn("removing a failed item's output", "worker", r.in.worker.index, "error", cleanup)
		}
	}
	item := &pb.ItemFailure{Index: uint32(index), Error: taskFailure(err)}
	if bad, ok := errors.AsType[*itemsError](err); ok {
		item.Error = failure(bad, pb.Fault_FAULT_KAGURAZAKA)
	}
	if c.timed {
		item.BusyNs = uint64(max(time.Since(c.itemBegan), 1))
	}
	c.result.Failures = append(c.result.Failures, item)
	c.slot.Set(index, wire.Failed)
	c.inProcess = false
}

// outputsOf finds the final paths of an item's output fields.
func outputsOf(raw []byte) staging.Outputs {
	var out staging.Outputs
	// An item whose JSON text is damaged has no outputs after the damage. The task's own decoding reports it.
	_ = jsontext.Object(raw, func(key, value []byte) error {
		id, isOutput := bytes.CutPrefix(key, []byte("output"))
		if !isOutput || value[0] != '{' || len(id) > 0 && id[0] != '_' {
			return nil
		}
		path, err := jsontext.String(jsontext.Field(value, "path"))
		if valid := err == nil && path != ""; valid && len(id) == 0 {
			out.Main = path
		} else if valid {
			out.Others = append(out.Others, staging.Named{Field: string(key), Path: path})
		}
		return nil
	})
	return out
}
