package sdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

const (
	// defaultBlockItems and defaultBlockBytes limit a block if the host sets no limit.
	defaultBlockItems = 4096
	defaultBlockBytes = 512 << 10
	// firstBlockItems is small, so that workers can start soon. Each block after it is larger.
	firstBlockItems = 64
	blockGrowth     = 4
	// maxItemBytes leaves room for the rest of a message.
	maxItemBytes = wire.MessageLimit - 64<<10
	// blocksWaiting is the number of blocks that may wait to be sent.
	blocksWaiting = 4
	// flushAfter is how long the first item of a block waits for others.
	flushAfter = 50 * time.Millisecond
)

var errListEnded = errors.New("yield was called after List had returned")

// List streams the items of a task with the method List.
func (s *service) List(req *pb.ListRequest, stream pb.PluginService_ListServer) error {
	in, err := s.running(StageList)
	if err != nil {
		return err
	}
	defer in.busy.Unlock()
	lister, ok := in.task.(Lister)
	if !ok {
		return stream.Send(listError(unsupported(fmt.Sprintf("task %s does not list items by itself", in.definition.name))))
	}
	ctx, cancel := context.WithCancelCause(in.life)
	defer cancel(nil)
	defer context.AfterFunc(stream.Context(), func() { cancel(stream.Context().Err()) })()

	b := newBlocks(ctx, req)
	listed := make(chan error, 1)
	go func() {
		err := guard(func() error { return lister.List(ctx, b.yield) })
		b.finish()
		listed <- err
	}()
	sent := uint64(0)
	for block := range b.full {
		sent += uint64(block.GetCount())
		if err := stream.Send(&pb.ListResponse{Message: &pb.ListResponse_Block{Block: block}}); err != nil {
			cancel(fmt.Errorf("the host takes no more items: %w", err))
			if listErr := <-listed; listErr != nil {
				in.worker.log.Debug("the listing was cancelled", "error", listErr)
			}
			return err
		}
		b.reuse(block.GetPayload())
	}
	err = <-listed
	if closeErr := in.close(); err == nil && closeErr != nil {
		err = fmt.Errorf("closing the task: %w", closeErr)
	}
	if err != nil {
		return stream.Send(listError(taskFailure(err)))
	}
	return stream.Send(&pb.ListResponse{Message: &pb.ListResponse_Total{Total: sent}})
}

func listError(e *pb.Error) *pb.ListResponse {
	return &pb.ListResponse{Message: &pb.ListResponse_Error{Error: e}}
}

// blocks collects items into blocks for the sender, in order.
type blocks struct {
	// ctx ends when no more items are taken. Then yield fails with its cause.
	ctx                context.Context
	maxItems, maxBytes int
	encoder            *encoder
	// full are the blocks to send, closed after the last one.
	full chan *pb.Block
	// spare is the memory of a sent block.
	spare chan []byte

	mu      sync.Mutex
	pending *pb.Block
	// goal is the number of items at which the pending block is full.
	goal int
	// generation is the number of the pending block, by which a timer knows its own.
	generation int
	total      int
	ended      bool
}

func newBlocks(ctx context.Context, req *pb.ListRequest) *blocks {
	b := &blocks{
		ctx:      ctx,
		maxItems: cmp.Or(int(req.GetMaxItems()), defaultBlockItems),
		maxBytes: min(cmp.Or(int(req.GetMaxBytes()), defaultBlockBytes), maxItemBytes),
		encoder:  newEncoder(),
		full:     make(chan *pb.Block, blocksWaiting),
		spare:    make(chan []byte, 1),
	}
	b.goal = min(firstBlockItems, b.maxItems)
	return b
}

// yield appends one item to the pending block.
func (b *blocks) yield(item any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return errListEnded
	}
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	if b.pending == nil {
		b.start()
	}
	p := b.pending
	before := len(p.Payload)
	if p.Count > 0 {
		p.Payload = append(p.Payload, '\n')
	}
	begin := len(p.Payload)
	b.encoder.dst = p.Payload
	err := b.encoder.item(item)
	payload := b.encoder.dst
	if err == nil && len(payload)-begin > maxItemBytes {
		err = fmt.Errorf("it has %d bytes, and a message holds %d", len(payload)-begin, maxItemBytes)
	}
	if err != nil {
		p.Payload = payload[:before]
		return fmt.Errorf("item %d of the list: %w", b.total, err)
	}
	b.total++
	if p.Count > 0 && len(payload) > b.maxBytes {
		// This one begins the next block.
		next := append(make([]byte, 0, max(b.maxBytes/4, len(payload)-begin)), payload[begin:]...)
		p.Payload = payload[:before]
		if err := b.push(); err != nil {
			return err
		}
		b.start()
		p = b.pending
		payload = next
	}
	p.Payload = payload
	p.Count++
	if int(p.Count) >= b.goal || len(p.Payload) >= b.maxBytes {
		return b.push()
	}
	return nil
}

// start begins a block, and limits how long it waits.
func (b *blocks) start() {
	b.generation++
	mine := b.generation
	var payload []byte
	select {
	case payload = <-b.spare:
	default:
		payload = make([]byte, 0, min(b.maxBytes, b.goal*64))
	}
	b.pending = &pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Payload: payload}
	time.AfterFunc(flushAfter, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		// If other blocks wait to be sent, this one can wait for more items.
		if b.generation == mine && b.pending != nil && b.pending.Count > 0 && len(b.full) == 0 {
			_ = b.push() // yield reports it
		}
	})
}

// push passes the pending block on, and waits while too many blocks are unsent.
func (b *blocks) push() error {
	block := b.pending
	b.pending = nil
	b.goal = min(b.goal*blockGrowth, b.maxItems)
	select {
	case b.full <- block:
		return nil
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

// finish marks the end of the list.
func (b *blocks) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending != nil && b.pending.Count > 0 {
		_ = b.push() // nobody takes it if that fails
	}
	b.ended = true
	close(b.full)
}

// reuse takes back the memory of a sent block.
func (b *blocks) reuse(payload []byte) {
	if cap(payload) > b.maxBytes {
		return
	}
	select {
	case b.spare <- payload[:0]:
	default:
	}
}
