package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// stages are the methods of a device task, each called in its own processes. sdk/cuda documents them.
type stages interface {
	Load(ctx context.Context, item Item) (stage.Fields, error)
	Infer(ctx context.Context, device stage.Device, batch *stage.Batch) ([]stage.Packed, error)
	Finish(ctx context.Context, item Item, output *stage.Output) error
}

// collater is a device task that decides how items' arrays become a batch. sdk/cuda documents it.
type collater interface{ Collate() stage.Collate }

// openCollate asks the task for its collate in a process of StageLoad.
func (in *instance) openCollate() error {
	c, ok := in.task.(collater)
	if !ok || in.stage != StageLoad {
		return nil
	}
	in.collate = c.Collate()
	return in.collate.Check()
}

// wrongCollate reports a device task whose method Collate is not that of a collater: it would never be called.
func wrongCollate(task any) error {
	if _, ok := task.(collater); ok || !reflect.ValueOf(task).MethodByName("Collate").IsValid() {
		return nil
	}
	return fmt.Errorf("the method Collate of %T differs from that of sdk/cuda's Collater, Collate() cuda.Collate", task)
}

// halfDeviceTask reports what a task with the methods Load and Infer lacks to be a device task.
func halfDeviceTask(task any) error {
	v := reflect.ValueOf(task)
	if !v.MethodByName("Load").IsValid() || !v.MethodByName("Infer").IsValid() {
		return nil
	}
	want := reflect.TypeFor[stages]()
	var problems []error
	for i := range want.NumMethod() {
		m := want.Method(i)
		switch has := v.MethodByName(m.Name); {
		case !has.IsValid():
			problems = append(problems, fmt.Errorf("%T looks like a device task and has no method %s", task, m.Name))
		case has.Type() != m.Type:
			problems = append(problems, fmt.Errorf("the method %s of %T differs from that of sdk/cuda's Stages", m.Name, task))
		}
	}
	return errors.Join(problems...)
}

// batching checks the template's BatchSize and BatchBy.
func (d *definition) batching(t *Template) error {
	if t == nil || t.BatchSize == nil && t.BatchBy == nil {
		return nil
	}
	if !d.device {
		return errors.New("the template has a BatchSize or a BatchBy, and only device tasks make batches")
	}
	if text, isText := t.BatchBy.(string); t.BatchBy != nil && t.BatchBy != Placeholder && (!isText || text == "") {
		return fmt.Errorf("the template's BatchBy is %#v; it must be \"size\" or the name of a field of the items", t.BatchBy)
	}
	if n, isInt := t.BatchSize.(int); isInt && n < 1 {
		return fmt.Errorf("the template's BatchSize is %d; it must be at least 1", n)
	}
	return nil
}

// stageOf returns the stage that a process is opened for, "" if the task does not have it.
func (d *definition) stageOf(s pb.Stage) Stage {
	switch {
	case s == pb.Stage_STAGE_LIST:
		return StageList
	case s == pb.Stage_STAGE_RUN && !d.device:
		return StageRun
	case s == pb.Stage_STAGE_LOAD && d.device:
		return StageLoad
	case s == pb.Stage_STAGE_DEVICE && d.device:
		return StageDevice
	case s == pb.Stage_STAGE_FINISH && d.device:
		return StageFinish
	}
	return ""
}

// openDevice opens the device in a process of StageDevice.
func (in *instance) openDevice(name string) (err error) {
	if in.stage != StageDevice {
		return nil
	}
	if stage.Open == nil {
		return errors.New("the plugin does not link sdk/cuda, which has the devices")
	}
	in.backend, err = stage.Open(name)
	return err
}

// runStage serves Run for a stage of a device task.
func (in *instance) runStage(ctx context.Context, stream pb.PluginService_RunServer) error {
	if in.memory == nil {
		return status.Error(codes.FailedPrecondition, "the host opened this stage without the memory that stages share")
	}
	r := &stageRunner{in: in, task: in.task.(stages), ctx: ctx, stream: stream, free: time.Now()}
	switch in.stage {
	case StageLoad:
		return r.serve(r.loadBatch)
	case StageFinish:
		return r.serve(r.finishBatch)
	default:
		return newInferrer(r).serve()
	}
}

// unwritten counts the items since the last answer that are done without their output, with an example.
func (in *instance) unwritten() (uint32, *pb.UnwrittenOutput) {
	if in.staging == nil {
		return 0, nil
	}
	n, expected, found := in.staging.TakeUnwritten()
	if n == 0 {
		return 0, nil
	}
	return uint32(n), &pb.UnwrittenOutput{Expected: text(expected), Found: text(found)}
}

// stageRunner is the state of one Run call that all stages have.
type stageRunner struct {
	in     *instance
	task   stages
	ctx    context.Context
	stream pb.PluginService_RunServer
	// free is the time of the last answer.
	free time.Time
	// arena is for StageLoad.
	arena stage.Arena
}

// each calls work for every batch, until the stream ends or work returns an error; after io.EOF, it returns nil.
func (r *stageRunner) each(work func(*batchRun) error) error {
	for {
		req, err := r.stream.Recv()
		var b *batchRun
		if err == nil {
			b, err = r.begin(req)
		}
		if err == nil {
			err = work(b)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// serve answers batches one after another.
func (r *stageRunner) serve(work func(*batchRun)) error {
	return r.each(func(b *batchRun) error {
		b.result.IdleNs = uint64(b.began.Sub(r.free))
		work(b)
		return r.answer(b)
	})
}

// batchRun is a batch in progress.
type batchRun struct {
	m      *pb.Batch
	items  []Item
	began  time.Time
	result *pb.BatchResult
	// ticket and err are those of a batch on the device.
	ticket any
	err    error
}

// begin takes a batch. It fails if the host violates the protocol.
func (r *stageRunner) begin(req *pb.RunRequest) (*batchRun, error) {
	m := req.GetBatch()
	if m == nil {
		return nil, status.Errorf(codes.InvalidArgument, "the stage %s takes batches, and got something else", r.in.stage)
	}
	b := &batchRun{m: m, began: time.Now(), result: &pb.BatchResult{Id: m.GetId()}}
	count, err := countItems(m.GetParts())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "batch %d %v", m.GetId(), err)
	}
	if g := m.GetRegion(); g != nil && (g.GetOffset() > uint64(len(r.in.memory)) || g.GetSize() > uint64(len(r.in.memory))-g.GetOffset()) {
		return nil, status.Errorf(codes.InvalidArgument, "batch %d has a region of %d bytes at %d, and the shared memory has %d",
			m.GetId(), g.GetSize(), g.GetOffset(), len(r.in.memory))
	}
	b.result.Count = uint32(count)
	items := itemReader{parts: m.GetParts()}
	for i := range count {
		raw, err := items.next()
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "batch %d: %v", m.GetId(), err)
		}
		b.items = append(b.items, Item{Index: i, raw: raw})
	}
	return b, nil
}

func (r *stageRunner) answer(b *batchRun) error {
	if b.result.GetError() == nil {
		b.result.Unwritten, b.result.UnwrittenExample = r.in.unwritten()
	}
	from := b.began
	if r.free.After(from) {
		from = r.free // the batches overlapped
	}
	r.free = time.Now()
	b.result.BusyNs = uint64(max(r.free.Sub(from), 1))
	return r.stream.Send(&pb.RunResponse{Batch: b.result})
}

// item is the context of one item.
func (r *stageRunner) item(item Item) *itemContext { return &itemContext{Context: r.ctx, item: item} }

// fail records the failure of one item.
func (b *batchRun) fail(index int, err error) {
	b.result.Failures = append(b.result.Failures, &pb.ItemFailure{Index: uint32(index), Error: taskFailure(err)})
}

// failWhole fails the batch as a whole: no item has an outcome.
func (b *batchRun) failWhole(err error) {
	e := taskFailure(err)
	if small, ok := errors.AsType[*stage.TooSmallError](err); ok {
		e.Fault, e.Detail = pb.Fault_FAULT_UNSPECIFIED, &pb.Error_RegionTooSmall{RegionTooSmall: &pb.RegionTooSmallError{Wanted: small.Wanted}}
	} else if memory, ok := errors.AsType[*stage.MemoryError](err); ok {
		e.Fault = pb.Fault_FAULT_ENVIRONMENT
		e.Detail = &pb.Error_DeviceMemory{DeviceMemory: &pb.DeviceMemoryError{Wanted: memory.Wanted, Free: memory.Free, Total: memory.Total}}
	}
	b.result.Skipped, b.result.Failures, b.result.Payload, b.result.Error = nil, nil, nil, e
}
