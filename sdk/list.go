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
	ctx, cancel := context.WithCancel(in.life)
	defer cancel()
	defer context.AfterFunc(stream.Context(), cancel)()

	b := newBlocks(req)
	listed := make(chan error, 1)
	go func() {
		err := guard(func() error { return lister.List(ctx, b.yield) })
		b.finish()
		listed <- err
	}()
	sent := uint64(0)
	for {
		block := b.next()
		if block == nil {
			break
		}
		sent += uint64(block.GetCount())
		if err := stream.Send(&pb.ListResponse{Message: &pb.ListResponse_Block{Block: block}}); err != nil {
			cancel()
			b.abort(fmt.Errorf("the host takes no more items: %w", err))
			if listErr := <-listed; listErr != nil {
				in.worker.log.Debug("the listing was cancelled", "error", listErr)
			}
			return err
		}
		b.sent(block)
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
	maxItems, maxBytes int
	encoder            *encoder

	mu      sync.Mutex
	changed sync.Cond
	pending *pb.Block
	full    []*pb.Block
	// spare is the memory of a sent block.
	spare []byte
	// goal is the number of items at which the pending block is full.
	goal int
	// generation is the number of the pending block, by which a timer knows its own.
	generation int
	total      int
	ended      bool
	err        error
}

func newBlocks(req *pb.ListRequest) *blocks {
	b := &blocks{
		maxItems: cmp.Or(int(req.GetMaxItems()), defaultBlockItems),
		maxBytes: min(cmp.Or(int(req.GetMaxBytes()), defaultBlockBytes), maxItemBytes),
		encoder:  newEncoder(),
	}
	b.goal = min(firstBlockItems, b.maxItems)
	b.changed.L = &b.mu
	return b
}

// yield appends one item to the pending block.
func (b *blocks) yield(item any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	if b.ended {
		return errListEnded
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
		if err := b.flush(); err != nil {
			return err
		}
		b.start()
		p = b.pending
		payload = next
	}
	p.Payload = payload
	p.Count++
	if int(p.Count) >= b.goal || len(p.Payload) >= b.maxBytes {
		return b.flush()
	}
	return nil
}

// start begins a block, and limits how long it waits.
func (b *blocks) start() {
	b.generation++
	mine := b.generation
	payload := b.spare
	if b.spare = nil; payload == nil {
		payload = make([]byte, 0, min(b.maxBytes, b.goal*64))
	}
	b.pending = &pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Payload: payload}
	time.AfterFunc(flushAfter, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		// If other blocks wait to be sent, this one can wait for more items.
		if b.generation == mine && b.pending != nil && b.pending.Count > 0 && len(b.full) == 0 {
			b.push()
		}
	})
}

func (b *blocks) push() {
	b.full = append(b.full, b.pending)
	b.pending = nil
	b.goal = min(b.goal*blockGrowth, b.maxItems)
	b.changed.Broadcast()
}

// flush passes the pending block on, and waits while too many blocks are unsent.
func (b *blocks) flush() error {
	b.push()
	for len(b.full) > blocksWaiting && b.err == nil {
		b.changed.Wait()
	}
	return b.err
}

// finish marks the end of the list.
func (b *blocks) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending != nil && b.pending.Count > 0 {
		b.push()
	}
	b.ended = true
	b.changed.Broadcast()
}

// abort makes yield fail from now on.
func (b *blocks) abort(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	b.changed.Broadcast()
}

// sent takes back the memory of a sent block.
func (b *blocks) sent(block *pb.Block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cap(block.Payload) <= b.maxBytes {
		b.spare = block.Payload[:0]
	}
}

// next waits for the next block. It returns nil after the last one.
func (b *blocks) next() *pb.Block {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.full) == 0 && !b.ended {
		b.changed.Wait()
	}
	if len(b.full) == 0 {
		return nil
	}
	block := b.full[0]
	b.full = b.full[1:]
	b.changed.Broadcast()
	return block
}
