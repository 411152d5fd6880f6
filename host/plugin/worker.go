package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// process is what a worker needs of its process, whoever started it.
type process interface {
	PID() int
	Kill()
	Stop()
	Exited() <-chan struct{}
	exitStatus() backbones.Exit
	// logTail is the last of what the process has logged.
	logTail() []string
}

func (p *Process) exitStatus() backbones.Exit { return p.runner.exit }

func (p *Process) logTail() []string { return p.runner.log.tail() }

// worker is a process with the task opened in it and its Run stream.
type worker struct {
	proc   process
	beat   *heartbeat
	chunks chan backbones.Chunk
	result chan backbones.Result
	cancel context.CancelFunc

	// queue guards the closing of chunks: a stream that breaks closes it while the run may be sending.
	queue    sync.Mutex
	finished bool
	// mu guards the last read of the page against its unmapping.
	mu     sync.Mutex
	last   []backbones.Beat
	closed bool
	// reason is why the host ended the process whose stream broke. It is set before the results are closed.
	reason string
}

var (
	errBusy = errors.New("the worker has as many chunks as it may have")
	errGone = errors.New("the worker takes no more chunks")
)

// StartWorker starts a process of the plugin, opens the task in it and begins its Run stream. Errors of the task's own
// (a wrong argument) are *backbones.FatalError: another worker would fail as well.
func StartWorker(ctx context.Context, command Command, start StartOptions, open OpenOptions, heartbeats bool) (backbones.Worker, error) {
	start.Worker = true
	p, err := Start(ctx, command, start)
	if errors.Is(err, ErrNotTrusted) || errors.Is(err, ErrNoCertificate) {
		return nil, &backbones.FatalError{Err: err}
	}
	if err != nil {
		return nil, err
	}
	var beat *heartbeat
	if heartbeats {
		beat, err = newHeartbeat(filepath.Join(start.RuntimeDir, fmt.Sprintf("beat-%d", open.WorkerIndex)))
		if err != nil {
			p.Kill()
			<-p.Exited()
			return nil, err
		}
		open.HeartbeatPath = beat.path
	}
	if err := p.open(ctx, open, pb.Stage_STAGE_RUN); err != nil {
		p.Stop()
		if beat != nil {
			beat.close()
		}
		return nil, fatal(err)
	}
	w, err := runWorker(p.service, p, beat)
	if err != nil {
		p.Kill()
		<-p.Exited()
		return nil, p.callError(ctx, "starting the Run call", err)
	}
	return w, nil
}

// fatal marks what the task itself said, or what is wrong with what the user gave: starting another worker would not
// help.
func fatal(err error) error {
	var task *TaskError
	if errors.As(err, &task) && (task.Fault == backbones.FaultTask || task.Fault == backbones.FaultUser || len(task.Problems) > 0 || task.IsNoTask) {
		return &backbones.FatalError{Err: err}
	}
	return err
}

func runWorker(service pb.PluginServiceClient, proc process, beat *heartbeat) (*worker, error) {
	// The stream lives as long as the worker, not as long as the call that started it.
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := service.Run(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &worker{
		proc: proc, beat: beat, cancel: cancel,
		chunks: make(chan backbones.Chunk, backbones.MaxInFlight),
		result: make(chan backbones.Result, backbones.MaxInFlight),
	}
	go w.send(stream)
	go w.receive(stream)
	return w, nil
}

func (w *worker) PID() int { return w.proc.PID() }

func (w *worker) Send(c backbones.Chunk) error {
	w.queue.Lock()
	defer w.queue.Unlock()
	if w.finished {
		return errGone
	}
	select {
	case w.chunks <- c:
		return nil
	default:
		return errBusy
	}
}

func (w *worker) Results() <-chan backbones.Result { return w.result }

func (w *worker) Finish() {
	w.queue.Lock()
	defer w.queue.Unlock()
	if !w.finished {
		w.finished = true
		close(w.chunks)
	}
}

func (w *worker) Kill() {
	w.proc.Kill()
	// A process that cannot die (in an uninterruptible read, say) must not keep the stream open.
	w.cancel()
}

func (w *worker) Exit() backbones.Exit {
	exit := w.proc.exitStatus()
	if w.reason != "" {
		exit.Reason = w.reason
	}
	return exit
}

func (w *worker) Beats() []backbones.Beat {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.beat == nil:
		return nil
	case w.closed:
		return w.last
	default:
		return w.beat.beats()
	}
}

func (w *worker) send(stream pb.PluginService_RunClient) {
	for c := range w.chunks {
		if err := stream.Send(&pb.RunRequest{Chunk: toChunk(c)}); err != nil {
			// The receiver learns why. What is queued is never sent; the scheduler takes it back.
			for range w.chunks {
				continue
			}
			return
		}
	}
	_ = stream.CloseSend()
}

// receive passes results on until the stream ends, and then sees the process off.
func (w *worker) receive(stream pb.PluginService_RunClient) {
	defer close(w.result)
	defer w.cancel()
	defer w.Finish()
	for {
		resp, err := stream.Recv()
		if err != nil {
			w.leave(err)
			return
		}
		result := fromResult(resp.GetResult())
		if len(result.Failures) > 0 {
			log := w.proc.logTail()
			for i := range result.Failures {
				result.Failures[i].Failure.Log = log
			}
		}
		w.result <- result
	}
}

func (w *worker) leave(cause error) {
	if !errors.Is(cause, io.EOF) {
		// The stream broke, most often because the process died: give it the moment that its own end takes, so that
		// its exit code is not hidden by our signal.
		waitOrKill(w.proc.Exited(), func() {
			w.reason = brokenStream(cause)
			w.proc.Kill()
		}, drainTime)
	}
	w.proc.Stop()
	if w.beat == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.closed = w.beat.beats(), true
	w.beat.close()
}

func toChunk(c backbones.Chunk) *pb.Chunk {
	out := &pb.Chunk{Id: c.ID, Slot: uint32(c.Slot), Parts: make([]*pb.Part, len(c.Parts))}
	for i, p := range c.Parts {
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
			part.Source = &pb.Part_Block{Block: &pb.Block{
				Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(p.Block.Count), Payload: p.Block.Payload,
			}}
			part.Skip, part.Take = uint32(p.Skip), uint32(p.Take)
		}
		out.Parts[i] = part
	}
	return out
}

func fromResult(r *pb.ChunkResult) backbones.Result {
	out := backbones.Result{ChunkID: r.GetId(), Count: int(r.GetCount()), Busy: time.Duration(min(r.GetBusyNs(), 1<<62))}
	for _, s := range r.GetSkipped() {
		out.Skipped = append(out.Skipped, backbones.Range{First: int(min(s.GetFirst(), 1<<31)), Count: int(s.GetCount())})
	}
	for _, f := range r.GetFailures() {
		fail := failure(f.GetError())
		fail.Elapsed = time.Duration(min(f.GetBusyNs(), 1<<62))
		if fail.Elapsed == 0 && out.Count == 1 {
			fail.Elapsed = out.Busy
		}
		out.Failures = append(out.Failures, backbones.ItemFailure{Index: int(f.GetIndex()), Failure: fail, Item: f.GetItem()})
	}
	slices.SortFunc(out.Failures, func(a, b backbones.ItemFailure) int { return a.Index - b.Index })
	return out
}
