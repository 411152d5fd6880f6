package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/beat"
	"github.com/kagurazaka/kagurazaka/sdk/internal/staging"
)

// Run works on chunks in the order in which they come, and answers each when its last item has an outcome.
func (s *service) Run(stream pb.PluginService_RunServer) error {
	in, err := s.running(StageRun, StageLoad, StageDevice, StageFinish)
	if err != nil {
		return err
	}
	defer in.busy.Unlock()
	if in.stage != StageRun {
		return in.runStage(stream)
	}
	ctx, cancel := context.WithCancel(in.life)
	defer cancel()
	// The host's going away ends the items' context, whose values are the process's.
	defer context.AfterFunc(stream.Context(), cancel)()
	r := &runner{in: in, ctx: ctx, stream: stream}
	r.processor, _ = in.task.(Processor)
	r.checker, _ = in.task.(Checker)
	for !r.ended {
		// User code runs in a goroutine that it may end (runtime.Goexit); the next one goes on behind the item.
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.loop()
		}()
		<-done
	}
	if r.err != nil {
		return r.err
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

	ended bool
	err   error
	chunk *chunkRun
	// contexts are handed out one an item.
	contexts []itemContext
}

// chunkRun is a chunk that is being worked on.
type chunkRun struct {
	id     uint64
	parts  []*pb.Part
	began  time.Time
	slot   beat.Slot
	result *pb.ChunkResult
	count  int

	// next is the position of the next item; inProcess says that the one before it has no outcome yet.
	next      int
	inProcess bool
	outputs   staging.Outputs
	// timed says that itemBegan is read from the clock at each item.
	timed     bool
	itemBegan time.Time
	// rest is what is left of the current part's payload, left how many items are to be taken from it.
	part int
	rest []byte
	left int
}

// loop receives, works and answers until the stream ends.
func (r *runner) loop() {
	for {
		if r.chunk == nil {
			req, err := r.stream.Recv()
			if err != nil {
				r.ended = true
				if !errors.Is(err, io.EOF) {
					r.err = err
				}
				return
			}
			if r.chunk, r.err = r.begin(req.GetChunk()); r.err != nil {
				r.ended = true
				return
			}
		}
		for !r.work() {
		}
		c := r.chunk
		c.result.Unwritten, c.result.UnwrittenExample = r.in.unwritten()
		c.result.BusyNs = uint64(max(time.Since(c.began), 1))
		r.chunk = nil
		if err := r.stream.Send(&pb.RunResponse{Result: c.result}); err != nil {
			r.ended, r.err = true, err
			return
		}
	}
}

// timedItems is the most items a chunk may have for each to be timed: a look at the clock would be half of what a larger
// one's items cost.
const timedItems = 1024

// begin takes a chunk. Its error is a breach of the contract by the host.
func (r *runner) begin(m *pb.Chunk) (*chunkRun, error) {
	c := &chunkRun{id: m.GetId(), parts: m.GetParts(), began: time.Now(), part: -1}
	for _, p := range c.parts {
		c.count += partCount(p)
		if c.count > wire.MaxChunkItems {
			return nil, status.Errorf(codes.InvalidArgument, "chunk %d has more than %d items", c.id, wire.MaxChunkItems)
		}
	}
	if m.GetSlot() >= wire.MaxInFlight {
		return nil, status.Errorf(codes.InvalidArgument, "chunk %d has slot %d, and there are %d", c.id, m.GetSlot(), wire.MaxInFlight)
	}
	c.timed = c.count <= timedItems
	c.result = &pb.ChunkResult{Id: c.id, Count: uint32(c.count)}
	c.slot = r.in.page.Begin(int(m.GetSlot()), c.id, c.count)
	return c, nil
}

func partCount(p *pb.Part) int {
	if r := p.GetRange(); r != nil {
		return int(r.GetCount())
	}
	n := max(int(p.GetBlock().GetCount())-int(p.GetSkip()), 0)
	if take := int(p.GetTake()); take > 0 {
		return min(n, take)
	}
	return n
}

// work goes on with the chunk until its end, and then returns true, or until an item panics, and then returns false.
func (r *runner) work() (finished bool) {
	c := r.chunk
	defer func() {
		if !c.inProcess {
			return
		}
		// A panic, which ends here, or runtime.Goexit, which ends this goroutine.
		p := &panicked{value: goexit}
		if v := recover(); v != nil {
			p.value = panicValue(v)
		}
		p.stack = string(debug.Stack())
		r.fail(c.next-1, p)
	}()
	for c.next < c.count {
		index := c.next
		c.slot.At(index)
		c.next++
		if c.timed {
			c.itemBegan = time.Now()
		}
		raw, err := c.line()
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
			c.skip(index)
		}
		c.inProcess = false
	}
	c.slot.At(c.count)
	return true
}

// item works on one item.
func (r *runner) item(ctx *itemContext) (skipped bool, err error) {
	if r.checker != nil {
		if done, err := r.checker.IsExecuted(ctx, ctx.item); done || err != nil {
			return done && err == nil, err
		}
	}
	st := r.in.staging
	if st == nil {
		return false, r.processor.Process(ctx, ctx.item)
	}
	ctx.item.stage = st
	r.chunk.outputs = outputsOf(ctx.item.raw)
	if err := st.Begin(r.chunk.outputs); err != nil {
		return false, err
	}
	if err := r.processor.Process(ctx, ctx.item); err != nil {
		return false, err
	}
	return false, st.Commit(r.chunk.outputs)
}

// fail records an item's failure and takes away what it wrote.
func (r *runner) fail(index int, err error) {
	c := r.chunk
	if st := r.in.staging; st != nil {
		if cleanup := st.Discard(); cleanup != nil {
			r.in.worker.log.Warn("taking away a failed item's output", "worker", r.in.worker.index, "error", cleanup)
		}
	}
	failure := taskFailure(err)
	var bad *badChunk
	if errors.As(err, &bad) {
		failure = &pb.Error{Message: text(bad.Error()), Fault: pb.Fault_FAULT_KAGURAZAKA}
	}
	item := &pb.ItemFailure{Index: uint32(index), Error: failure}
	if c.timed {
		item.BusyNs = uint64(max(time.Since(c.itemBegan), 1))
	}
	c.result.Failures = append(c.result.Failures, item)
	c.slot.Set(index, wire.Failed)
	c.inProcess = false
}

// skip adds a position to the ranges of skipped ones.
func (c *chunkRun) skip(index int) {
	if n := len(c.result.GetSkipped()); n > 0 {
		last := c.result.Skipped[n-1]
		if last.GetFirst()+uint64(last.GetCount()) == uint64(index) {
			last.Count++
			return
		}
	}
	c.result.Skipped = append(c.result.Skipped, &pb.IndexRange{First: uint64(index), Count: 1})
}

// badChunk is an item that the host announced and did not send, or sent in a form this SDK does not read.
type badChunk struct{ message string }

func (b *badChunk) Error() string { return b.message }

// line returns the next item's text. It shares the message's memory.
func (c *chunkRun) line() ([]byte, error) {
	for c.left == 0 {
		c.part++
		p := c.parts[c.part]
		c.left = partCount(p)
		c.rest = p.GetBlock().GetPayload()
		if c.left == 0 || p.GetBlock().GetEncoding() != pb.Encoding_ENCODING_JSON_LINES {
			continue
		}
		for range p.GetSkip() {
			i := bytes.IndexByte(c.rest, '\n')
			if i < 0 {
				c.rest = nil
				break
			}
			c.rest = c.rest[i+1:]
		}
	}
	c.left--
	if b := c.parts[c.part].GetBlock(); b == nil || b.GetEncoding() != pb.Encoding_ENCODING_JSON_LINES {
		return nil, &badChunk{"the host sent an item in a form that plugins in Go do not read: they take JSON lines"}
	}
	if len(c.rest) == 0 {
		return nil, &badChunk{fmt.Sprintf("the host sent fewer items in chunk %d than it announced", c.id)}
	}
	i := bytes.IndexByte(c.rest, '\n')
	if i < 0 {
		raw := c.rest
		c.rest = nil
		return raw, nil
	}
	// The capacity ends with the item, so that an append to it leaves the next one alone.
	raw := c.rest[:i:i]
	c.rest = c.rest[i+1:]
	return raw, nil
}

// outputsOf finds the final paths of an item's output fields.
func outputsOf(raw []byte) staging.Outputs {
	var out staging.Outputs
	// An item that breaks off has no outputs behind the break; the task's own decoding says so.
	_ = jsontext.Object(raw, func(key, value []byte) error {
		if len(key) < len("output") || string(key[:len("output")]) != "output" || value[0] != '{' {
			return nil
		}
		name := string(key)
		if name != "output" && !strings.HasPrefix(name, "output_") {
			return nil
		}
		path, err := jsontext.String(jsontext.Field(value, "path"))
		if err != nil || path == "" {
			return nil
		}
		if name == "output" {
			out.Main = path
		} else {
			out.Others = append(out.Others, staging.Named{Field: name, Path: path})
		}
		return nil
	})
	return out
}
