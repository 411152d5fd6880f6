package sdk

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/internal/count"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// inFlight is the number of batches on the device: one is copied there, one is computed, one is copied back.
const inFlight = 3

// inferrer serves STAGE_DEVICE. One goroutine, locked to its thread, starts and answers batches. Another receives them,
// and a third waits for the device.
type inferrer struct {
	*stageRunner
	requests chan *batchRun
	waiting  chan *batchRun
	done     chan *batchRun
	end      chan struct{}

	started []*batchRun // not answered yet, in order
}

func newInferrer(r *stageRunner) *inferrer {
	return &inferrer{
		stageRunner: r, requests: make(chan *batchRun), waiting: make(chan *batchRun, inFlight), done: make(chan *batchRun, inFlight),
		end: make(chan struct{}),
	}
}

func (f *inferrer) serve() error {
	received := make(chan error, 1)
	go func() {
		defer close(f.requests)
		received <- f.each(func(b *batchRun) error {
			select {
			case f.requests <- b:
				return nil
			case <-f.end:
				return io.EOF
			}
		})
	}()
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		for b := range f.waiting {
			err := f.in.backend.Wait(b.ticket)
			if _, lost := errors.AsType[*stage.LostError](err); lost || b.err == nil {
				b.err = err
			}
			f.done <- b
		}
	}()
	err := untilReturn(f.loop)
	close(f.end)
	close(f.waiting)
	<-waited
	if err != nil {
		return err
	}
	return <-received
}

func (f *inferrer) loop() error {
	runtime.LockOSThread() // never unlocked: the thread has the device's context, and ends with this goroutine
	if err := f.in.backend.Bind(); err != nil {
		return err
	}
	requests := f.requests
	for {
		if requests == nil && len(f.started) == 0 {
			return nil
		}
		take := requests
		if len(f.started) == inFlight {
			take = nil
		}
		select {
		case b, more := <-take:
			if !more {
				requests = nil
				continue
			}
			b.began = time.Now()
			if len(f.started) == 0 {
				b.result.IdleNs = uint64(b.began.Sub(f.free))
			}
			if err := f.start(b); err != nil {
				return err
			}
		case b := <-f.done:
			if err := f.finish(b); err != nil {
				return err
			}
		}
	}
}

// start gives a batch to the device. If the device has no memory left, start tries again after the other batches: a batch
// fails only if it does not fit alone.
func (f *inferrer) start(b *batchRun) error {
	f.attempt(b)
	if _, full := errors.AsType[*stage.MemoryError](b.err); full && len(f.started) > 0 {
		_ = f.in.backend.Wait(b.ticket) // the batches before report a lost device
		f.in.backend.Recycle(b.ticket)
		for len(f.started) > 0 {
			if err := f.finish(<-f.done); err != nil {
				return err
			}
		}
		f.attempt(b)
	}
	f.wait(b)
	return nil
}

func (f *inferrer) wait(b *batchRun) {
	f.started = append(f.started, b)
	f.waiting <- b
}

// attempt runs the user's code.
func (f *inferrer) attempt(b *batchRun) {
	returned := false
	f.in.backend.Begin()
	defer func() {
		if returned {
			return
		}
		recovered := recover()
		b.err = newPanicked(recovered)
		b.ticket = f.in.backend.End()
		if recovered == nil {
			f.wait(b) // runtime.Goexit ends this goroutine: attempt does not return to its caller
		}
	}()
	b.result.Payload, b.err = f.infer(b)
	returned = true
	b.ticket = f.in.backend.End()
}

// infer queues the copies to the device, the task's work, and the copies back.
func (f *inferrer) infer(b *batchRun) (*pb.Payload, error) {
	n := len(b.items)
	fields, views, info, err := stage.Unpack(b.m.GetLoaded(), n, f.in.memory)
	if err != nil {
		return nil, err
	}
	for i := range fields {
		fields[i].Host = views[i]
		if fields[i].Buffer, err = f.in.backend.Send(views[i]); err != nil {
			return nil, err
		}
	}
	result, err := f.task.Infer(f.ctx, f.in.backend, &stage.Batch{Len: n, Tensors: fields, Info: info})
	if err != nil {
		return nil, err
	}
	for i := range result {
		p := &result[i]
		if len(p.Shapes) != n {
			return nil, fmt.Errorf("tensor %d that Infer returned has the shapes of %s, and the batch has %d", i, count.Of(len(p.Shapes), "item"), n)
		}
		if err := p.SetOffsets(); err != nil {
			return nil, fmt.Errorf("tensor %d that Infer returned: %w", i, err)
		}
		if p.Buffer == nil || p.Buffer.Size < p.Offsets[n] {
			return nil, fmt.Errorf("tensor %d that Infer returned has a buffer that is smaller than its items, %d bytes", i, p.Offsets[n])
		}
	}
	layout, err := stage.Pack(result, nil, b.m.GetRegion())
	if err != nil {
		return nil, err
	}
	for i := range result {
		if slot := layout.Slot(f.in.memory, i); len(slot) > 0 {
			if err := f.in.backend.Receive(slot, result[i].Buffer); err != nil {
				return nil, err
			}
		}
	}
	return layout.Payload()
}

// finish answers a batch that the device has finished. Batches finish in the order in which they started.
func (f *inferrer) finish(b *batchRun) error {
	f.started = f.started[1:]
	if lost, ok := errors.AsType[*stage.LostError](b.err); ok {
		// The batch may not be the cause: the host gives it to another worker.
		f.in.worker.log.Error(lost.Error(), "worker", f.in.worker.index)
		return status.Error(codes.Unavailable, lost.Error())
	}
	f.in.backend.Recycle(b.ticket)
	if b.err != nil {
		b.failWhole(b.err)
	}
	return f.answer(b)
}
