package plugin

import (
	"context"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Stage is one of the stages of a device task that have workers of their own.
type Stage int

// The stages, in the order in which a batch goes through them.
const (
	StageLoad Stage = iota
	StageDevice
	StageFinish
)

func (s Stage) String() string { return [...]string{"load", "device", "finish"}[s] }

func (s Stage) wire() pb.Stage {
	return [...]pb.Stage{pb.Stage_STAGE_LOAD, pb.Stage_STAGE_DEVICE, pb.Stage_STAGE_FINISH}[s]
}

// StartStageWorker starts a process of the plugin and opens a stage of the task in it. Errors of the task's own are
// *backbones.FatalError.
func StartStageWorker(ctx context.Context, command Command, start StartOptions, open OpenOptions, stage Stage) (backbones.StageWorker, error) {
	// What runs beside others has one thread; a device worker is alone, and on the CPU its threads are the device.
	start.Worker = stage != StageDevice
	if stage == StageDevice {
		// What a device needs can be made ready while the plugin's code is loaded.
		command.Env = append(slices.Clone(command.Env), deviceKey+"="+open.Device)
	}
	return startRun(ctx, command, start, open, stage.wire(), func(p *Process) (backbones.StageWorker, error) {
		call, err := p.beginRun(ctx)
		if err != nil {
			return nil, err
		}
		return newStageWorker(call, p, open.Ended), nil
	})
}

// SpawnStage makes a worker for a stage. It waits until the worker is opened.
func (n *Nursery) SpawnStage(ctx context.Context, open OpenOptions, stage Stage) (backbones.StageWorker, error) {
	started, err := n.ask(ctx, open, stage.wire())
	if err != nil {
		return nil, err
	}
	call, err := started.connect(ctx, n.proc.timeout, n.messages(open))
	if err != nil {
		return nil, err
	}
	return newStageWorker(call, started, open.Ended), nil
}

func newStageWorker(call *runCall, proc process, ended func()) backbones.StageWorker {
	return newStream(call, proc, codec[backbones.Batch, backbones.BatchResult]{
		request: func(b backbones.Batch) *pb.RunRequest { return &pb.RunRequest{Batch: toBatch(b)} },
		answers: func(resp *pb.RunResponse) bool { return resp.GetBatch() != nil },
		answer: func(resp *pb.RunResponse) backbones.BatchResult {
			result := fromBatchResult(resp.GetBatch())
			addLog(proc, result.Failures)
			if result.Err != nil {
				result.Err.Failure.Log = proc.logTail()
			}
			return result
		},
		end: ended,
	})
}

func toBatch(b backbones.Batch) *pb.Batch {
	out := &pb.Batch{Id: b.ID, Parts: toParts(b.Parts), Loaded: toPayload(b.Loaded), Result: toPayload(b.Result)}
	if b.Region.Size > 0 {
		out.Region = &pb.Region{Offset: b.Region.Offset, Size: b.Region.Size}
	}
	return out
}

func toPayload(p *backbones.Payload) *pb.Payload {
	if p == nil {
		return nil
	}
	out := &pb.Payload{Rest: p.Rest, Used: p.Used, Tensors: make([]*pb.Tensor, len(p.Tensors))}
	for i, t := range p.Tensors {
		out.Tensors[i] = &pb.Tensor{Dtype: t.DType, Shape: t.Shape, Offset: t.Offset}
	}
	return out
}

func fromPayload(p *pb.Payload) *backbones.Payload {
	if p == nil {
		return nil
	}
	out := &backbones.Payload{Rest: p.GetRest(), Used: p.GetUsed(), Tensors: make([]backbones.Tensor, len(p.GetTensors()))}
	for i, t := range p.GetTensors() {
		out.Tensors[i] = backbones.Tensor{DType: t.GetDtype(), Shape: t.GetShape(), Offset: t.GetOffset()}
	}
	return out
}

func fromBatchResult(r *pb.BatchResult) backbones.BatchResult {
	out := backbones.BatchResult{
		ID: r.GetId(), Count: int(r.GetCount()), Payload: fromPayload(r.GetPayload()), Busy: duration(r.GetBusyNs()),
		Unwritten: unwritten(r.GetUnwritten(), r.GetUnwrittenExample()), Skipped: fromRanges(r.GetSkipped()),
	}
	out.Failures = fromFailures(r.GetFailures(), out.Count, out.Busy)
	if e := r.GetError(); e != nil {
		out.Err = &backbones.BatchError{
			Failure: failure(e), DeviceMemory: e.GetDeviceMemory() != nil, RegionWanted: e.GetRegionTooSmall().GetWanted(),
			Settled: e.GetConfig() != nil,
		}
	}
	return out
}
