package plugin

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// process is what a worker needs of its process, which the host or a nursery started.
type process interface {
	PID() int
	Kill()
	Stop()
	Exited() <-chan struct{}
	exitStatus() backbones.Exit
	// logTail is the end of the process's log.
	logTail() []string
}

func (p *Process) exitStatus() backbones.Exit { return p.runner.exit }

func (p *Process) logTail() []string { return p.runner.log.tail() }

// worker is a process with the task opened in it, its Run stream and its heartbeat page.
type worker struct {
	*stream[backbones.Chunk, backbones.Result]
	beat *heartbeat

	// mu guards the page against being unmapped during the last read.
	mu     sync.Mutex
	last   []backbones.Beat
	closed bool
}

// StartWorker starts a process of the plugin, opens the task in it and begins its Run stream. Errors of the task itself
// (a wrong argument) are *backbones.FatalError: another worker would fail as well.
func StartWorker(ctx context.Context, command Command, start StartOptions, open OpenOptions, heartbeats bool) (backbones.Worker, error) {
	start.Worker = true
	return startWorker(ctx, command, start, open, heartbeats, func(*Process) error { return nil })
}

// startWorker starts a worker. It calls between once the task is open, before the Run stream begins.
func startWorker(ctx context.Context, command Command, start StartOptions, open OpenOptions, heartbeats bool, between func(*Process) error) (backbones.Worker, error) {
	var beat *heartbeat
	if heartbeats {
		beat = keepHeartbeat(start.RuntimeDir, &open, start.Log)
	}
	w, err := startRun(ctx, command, start, open, pb.Stage_STAGE_RUN, func(p *Process) (backbones.Worker, error) {
		if err := between(p); err != nil {
			return nil, err
		}
		call, err := p.beginRun(ctx)
		if err != nil {
			return nil, err
		}
		return newWorker(call, p, beat, open.Ended), nil
	})
	if err != nil {
		beat.close()
	}
	return w, err
}

// startRun starts a process of the plugin, opens a stage of the task in it, and calls run. If that fails, it ends the process.
func startRun[W any](ctx context.Context, command Command, start StartOptions, open OpenOptions, stage pb.Stage, run func(*Process) (W, error)) (w W, err error) {
	p, err := Start(ctx, command, start)
	if err != nil {
		return w, fatal(err)
	}
	if err = p.open(ctx, open, stage); err == nil {
		w, err = run(p)
	}
	if err != nil {
		p.Stop()
	}
	return w, fatal(err)
}

// fatal marks errors of the task, of the configuration and of the plugin's file: another worker would fail as well. err may be nil.
func fatal(err error) error {
	task, ok := errors.AsType[*TaskError](err)
	if ok && (task.Fault == backbones.FaultTask || task.Fault == backbones.FaultUser || task.Ended) || exitcode.Of(err) == exitcode.Usage {
		return &backbones.FatalError{Err: err}
	}
	return err
}

func (p *Process) beginRun(ctx context.Context) (*runCall, error) {
	call, err := beginRun(p.service)
	if err != nil {
		return nil, p.callError(ctx, "starting the Run call", err)
	}
	return call, nil
}

// newWorker takes over the call and the heartbeat page.
func newWorker(call *runCall, proc process, beat *heartbeat, ended func()) *worker {
	w := &worker{beat: beat}
	w.stream = newStream(call, proc, codec[backbones.Chunk, backbones.Result]{
		request: func(c backbones.Chunk) *pb.RunRequest {
			return &pb.RunRequest{Chunk: &pb.Chunk{Id: c.ID, Slot: uint32(c.Slot), Parts: toParts(c.Parts)}}
		},
		answers: func(resp *pb.RunResponse) bool { return resp.GetResult() != nil },
		answer: func(resp *pb.RunResponse) backbones.Result {
			result := fromResult(resp.GetResult())
			addLog(proc, result.Failures)
			return result
		},
		end: func() {
			w.keepBeats()
			if ended != nil {
				ended()
			}
		},
	})
	return w
}

func (w *worker) Beats() []backbones.Beat {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.last
	}
	return w.beat.beats()
}

// keepBeats reads the page for the last time.
func (w *worker) keepBeats() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.closed = w.beat.beats(), true
	w.beat.close()
}

func toParts(parts []backbones.Part) []*pb.Part {
	out := make([]*pb.Part, len(parts))
	for i, p := range parts {
		part := &pb.Part{}
		switch p.Block.Encoding {
		case backbones.Indexed:
			part.Source = &pb.Part_Range{Range: &pb.IndexRange{First: p.Block.First, Count: uint32(p.Take)}}
		case backbones.Opaque:
			part.Source = &pb.Part_Block{Block: &pb.Block{
				Encoding: pb.Encoding_ENCODING_OPAQUE, Count: uint32(p.Block.Skip + p.Block.Count), Payload: p.Block.Payload,
			}}
			part.Skip, part.Take = uint32(p.Block.Skip+p.Skip), uint32(p.Take)
		default:
			block := &pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(p.Block.Count), Payload: p.Block.Payload}
			if len(p.Block.Marshal) > 0 && p.Take == p.Block.Count {
				block.Encoding, block.Payload = pb.Encoding_ENCODING_MARSHAL, p.Block.Marshal
			}
			part.Source = &pb.Part_Block{Block: block}
			part.Skip, part.Take = uint32(p.Skip), uint32(p.Take)
		}
		out[i] = part
	}
	return out
}

func fromResult(r *pb.ChunkResult) backbones.Result {
	out := backbones.Result{
		ChunkID: r.GetId(), Count: int(r.GetCount()), Busy: duration(r.GetBusyNs()),
		Unwritten: unwritten(r.GetUnwritten(), r.GetUnwrittenExample()), Skipped: fromRanges(r.GetSkipped()),
	}
	out.Failures = fromFailures(r.GetFailures(), out.Count, out.Busy)
	return out
}

func unwritten(count uint32, example *pb.UnwrittenOutput) backbones.Unwritten {
	return backbones.Unwritten{Count: int(count), Expected: example.GetExpected(), Found: example.GetFound()}
}

func duration(ns uint64) time.Duration { return time.Duration(min(ns, 1<<62)) }

func fromRanges(ranges []*pb.IndexRange) (out []backbones.Range) {
	for _, s := range ranges {
		out = append(out, backbones.Range{First: int(min(s.GetFirst(), 1<<31)), Count: int(s.GetCount())})
	}
	return out
}

// fromFailures reads the failures of count items that took busy together.
func fromFailures(failures []*pb.ItemFailure, count int, busy time.Duration) (out []backbones.ItemFailure) {
	for _, f := range failures {
		fail := failure(f.GetError())
		fail.Elapsed = duration(f.GetBusyNs())
		if fail.Elapsed == 0 && count == 1 {
			fail.Elapsed = busy
		}
		out = append(out, backbones.ItemFailure{Index: int(f.GetIndex()), Failure: fail, Item: f.GetItem()})
	}
	slices.SortFunc(out, func(a, b backbones.ItemFailure) int { return a.Index - b.Index })
	return out
}
