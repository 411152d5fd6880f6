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

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// stages are what a device task does, each in processes of its own. sdk/cuda documents them.
type stages interface {
	Load(ctx context.Context, item Item) (stage.Fields, error)
	Infer(ctx context.Context, device stage.Device, batch *stage.Batch) ([]stage.Packed, error)
	Finish(ctx context.Context, item Item, output *stage.Output) error
}

func isDeviceTask(task any) bool {
	_, ok := task.(stages)
	return ok
}

// halfDeviceTask says what a type lacks that seems meant as a device task.
func halfDeviceTask(typ reflect.Type) error {
	want := reflect.TypeFor[stages]()
	if _, load := typ.MethodByName("Load"); !load {
		return nil
	}
	if _, infer := typ.MethodByName("Infer"); !infer {
		return nil
	}
	var problems []error
	for i := range want.NumMethod() {
		m := want.Method(i)
		has, ok := typ.MethodByName(m.Name)
		if !ok {
			problems = append(problems, fmt.Errorf("%s looks like a device task and has no method %s", typ, m.Name))
			continue
		}
		same := has.Type.NumIn() == m.Type.NumIn()+1 && has.Type.NumOut() == m.Type.NumOut()
		for i := 0; same && i < m.Type.NumIn(); i++ {
			same = has.Type.In(i+1) == m.Type.In(i)
		}
		for i := 0; same && i < m.Type.NumOut(); i++ {
			same = has.Type.Out(i) == m.Type.Out(i)
		}
		if !same {
			problems = append(problems, fmt.Errorf("the method %s of %s differs from that of sdk/cuda's Stages", m.Name, typ))
		}
	}
	return errors.Join(problems...)
}

// batching checks what the template says of batches.
func (d *definition) batching(t *Template) error {
	if t == nil || t.BatchSize == nil {
		return nil
	}
	if !d.device {
		return errors.New("the template has a BatchSize, and only device tasks make batches")
	}
	if n, isInt := t.BatchSize.(int); isInt && n < 1 {
		return fmt.Errorf("the template's BatchSize is %d; it must be at least 1", n)
	}
	return nil
}

// stageOf returns the stage that a process is opened for, "" for one that the task does not have.
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

// openDevice opens the device of a process that infers.
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

// deviceFailure is why there is no device.
func deviceFailure(err error) *pb.Error {
	e := itemError(err)
	e.Fault, e.Retryable = pb.Fault_FAULT_ENVIRONMENT, false
	return e
}

// runStage serves Run for a stage of a device task.
func (in *instance) runStage(stream pb.PluginService_RunServer) error {
	if in.memory == nil {
		return status.Error(codes.FailedPrecondition, "the host opened this stage without the memory that stages share")
	}
	ctx, cancel := context.WithCancel(in.life)
	defer cancel()
	defer context.AfterFunc(stream.Context(), cancel)()
	task := in.task.(stages)
	r := &stageRunner{in: in, task: task, ctx: ctx, stream: stream, free: time.Now()}
	var err error
	switch in.stage {
	case StageLoad:
		err = r.serve((&loader{stageRunner: r}).batch)
	case StageFinish:
		err = r.serve((&finisher{stageRunner: r}).batch)
	default:
		err = newInferrer(r).serve()
	}
	if err != nil {
		return err
	}
	return in.end(stream)
}

// unwritten is what of the items since the last answer is done without its output.
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

// stageRunner is what the stages have in common.
type stageRunner struct {
	in     *instance
	task   stages
	ctx    context.Context
	stream pb.PluginService_RunServer
	// free is when the last batch was answered.
	free time.Time
}

// serve answers batches one after another.
func (r *stageRunner) serve(work func(*batchRun)) error {
	for {
		req, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := r.begin(req)
		if err != nil {
			return err
		}
		b.result.IdleNs = uint64(b.began.Sub(r.free))
		work(b)
		if err := r.answer(b); err != nil {
			return err
		}
	}
}

// batchRun is a batch that is being worked on.
type batchRun struct {
	m      *pb.Batch
	items  []Item
	began  time.Time
	result *pb.BatchResult
}

// begin takes a batch. Its error is a breach of the contract by the host.
func (r *stageRunner) begin(req *pb.RunRequest) (*batchRun, error) {
	m := req.GetBatch()
	if m == nil {
		return nil, status.Errorf(codes.InvalidArgument, "the stage %s takes batches, and got something else", r.in.stage)
	}
	b := &batchRun{m: m, began: time.Now(), result: &pb.BatchResult{Id: m.GetId()}}
	c := &chunkRun{id: m.GetId(), parts: m.GetParts(), part: -1}
	for _, p := range c.parts {
		if c.count += partCount(p); c.count > wire.MaxChunkItems {
			return nil, status.Errorf(codes.InvalidArgument, "batch %d has more than %d items", c.id, wire.MaxChunkItems)
		}
	}
	if g := m.GetRegion(); g != nil && (g.GetOffset() > uint64(len(r.in.memory)) || g.GetSize() > uint64(len(r.in.memory))-g.GetOffset()) {
		return nil, status.Errorf(codes.InvalidArgument, "batch %d has a region of %d bytes at %d, and the shared memory has %d",
			c.id, g.GetSize(), g.GetOffset(), len(r.in.memory))
	}
	b.result.Count = uint32(c.count)
	for i := range c.count {
		raw, err := c.line()
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "batch %d: %v", c.id, err)
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
		from = r.free // it was worked on beside the batch before
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

// failWhole records that no item has an outcome.
func (b *batchRun) failWhole(err error) {
	e := taskFailure(err)
	var small *stage.TooSmallError
	var memory *stage.MemoryError
	switch {
	case errors.As(err, &small):
		e.Fault, e.Detail = pb.Fault_FAULT_UNSPECIFIED, &pb.Error_RegionTooSmall{RegionTooSmall: &pb.RegionTooSmallError{Wanted: small.Wanted}}
	case errors.As(err, &memory):
		e.Fault = pb.Fault_FAULT_ENVIRONMENT
		e.Detail = &pb.Error_DeviceMemory{DeviceMemory: &pb.DeviceMemoryError{Wanted: memory.Wanted, Free: memory.Free, Total: memory.Total}}
	}
	b.result.Skipped, b.result.Failures, b.result.Payload, b.result.Error = nil, nil, nil, e
}
