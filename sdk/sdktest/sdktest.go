// Package sdktest runs a task inside a test, through the same code as in a worker: its arguments are parsed, its
// outputs staged and committed, its panics caught, all over a real gRPC connection, but in the test's own process.
package sdktest

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/internal/hook"
)

// Status is what became of an item.
type Status string

// The outcomes of an item.
const (
	Done    Status = "done"
	Skipped Status = "skipped"
	Failed  Status = "failed"
)

// Outcome is what became of one item.
type Outcome struct {
	// Item is the item's JSON text.
	Item   string
	Status Status
	// Err is the failure, nil where there was none.
	Err *Failure
}

// Failure is how the task failed, as the host sees it.
type Failure struct {
	Message string
	// Traceback is the stack of a panic.
	Traceback string
	Panic     bool
	Retryable bool
}

// Error is the failure's message.
func (f *Failure) Error() string { return f.Message }

func failure(e *pb.Error) *Failure {
	return &Failure{
		Message: e.GetMessage(), Traceback: e.GetTraceback(), Panic: e.GetPanic() != nil, Retryable: e.GetRetryable(),
	}
}

// Option is something a run is given.
type Option func(*setup)

type setup struct {
	items  [][]byte
	given  bool
	folder bool
	mixin  map[string]any
	last   []string
	device string
	batch  int
	err    error
}

func (s *setup) add(item any) {
	s.given = true
	text, err := hook.Encode(item)
	if err != nil {
		s.err = errors.Join(s.err, err)
		return
	}
	s.items = append(s.items, text)
}

// Items gives items as a Lister yields them: structs, maps, or JSON text. Without items a task with List is asked for
// its own.
func Items(items ...any) Option {
	return func(s *setup) {
		s.given = true
		for _, item := range items {
			s.add(item)
		}
	}
}

// File gives the item that a template makes of one input file and one output file. The output's folder need not exist.
func File(input, output string) Option {
	return func(s *setup) { s.add(map[string]any{"input": triplet(input), "output": triplet(output)}) }
}

// Folder gives the item that a template with OutputByFilenameSubfoldering makes: a folder as output, and files in it by
// their ids. It cannot be mixed with File.
func Folder(input, output string, files map[string]string) Option {
	return func(s *setup) {
		s.folder = true
		item := map[string]any{"input": triplet(input), "output": triplet(output)}
		for id, name := range files {
			item["output_"+id] = sdk.FileTriplet{Path: output + "/" + name, RelDir: triplet(output).RelDir, FileName: name}
			s.last = append(s.last, "output_"+id)
		}
		s.add(item)
	}
}

// Mixin fills placeholders of the template, by dotted names as --mixin does: "hard_shard_mode.input_path". They reach the
// task in sdk.Env alone; placeholders that are not filled are null.
func Mixin(values map[string]any) Option {
	return func(s *setup) {
		if s.mixin == nil {
			s.mixin = map[string]any{}
		}
		for k, v := range values {
			s.mixin[k] = v
		}
	}
}

// Device says what a device task infers on; without it on the CPU, as with --device cpu.
func Device(name string) Option { return func(s *setup) { s.device = name } }

// BatchSize says how many items of a device task make a batch; without it 8.
func BatchSize(n int) Option { return func(s *setup) { s.batch = n } }

// Run opens the task with its arguments, works on all items one after another, and closes it. Items that fail are among
// the outcomes; a task that cannot be opened or cannot list fails the test.
func Run(t testing.TB, task sdk.Definition, args []string, options ...Option) []Outcome {
	t.Helper()
	s := newSetup(t, options)
	if !s.given {
		items, err := list(t, task, args, s)
		if err != nil {
			t.Fatalf("listing the items: %v", err)
		}
		s.items = items
	}
	p := start(t, task)
	defer p.stop()
	if p.task.GetKind() == pb.TaskKind_TASK_KIND_DEVICE {
		return runStages(t, task, args, s)
	}
	if err := p.open(pb.Stage_STAGE_RUN, args, s); err != nil {
		t.Fatalf("opening the task: %v", err)
	}
	outcomes, err := p.run(s.items)
	if err != nil {
		t.Fatalf("running the task: %v", err)
	}
	return outcomes
}

// Open opens the task and closes it again. Its error is what the user would be told: a *Failure.
func Open(t testing.TB, task sdk.Definition, args []string, options ...Option) error {
	t.Helper()
	p := start(t, task)
	defer p.stop()
	stage := pb.Stage_STAGE_RUN
	if p.task.GetKind() == pb.TaskKind_TASK_KIND_DEVICE {
		stage = pb.Stage_STAGE_LOAD
	}
	return p.open(stage, args, newSetup(t, options))
}

// List returns the JSON texts of the items that the task lists. Its error is what the user would be told.
func List(t testing.TB, task sdk.Definition, args []string, options ...Option) ([]string, error) {
	t.Helper()
	items, err := list(t, task, args, newSetup(t, options))
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	return texts, err
}

func newSetup(t testing.TB, options []Option) *setup {
	t.Helper()
	s := &setup{device: "cpu", batch: 8}
	for _, o := range options {
		o(s)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s
}

// plugin is a task that is served in this process.
type plugin struct {
	t      testing.TB
	client pb.PluginServiceClient
	task   *pb.Task
	memory *pb.SharedMemory
	stop   func()
}

func start(t testing.TB, task sdk.Definition) *plugin {
	t.Helper()
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: testLog{t}, DisableTime: true})
	server, end := hook.NewServer(log, task)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///task",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MessageLimit), grpc.MaxCallSendMsgSize(wire.MessageLimit)))
	if err != nil {
		end()
		t.Fatal(err)
	}
	p := &plugin{t: t, client: pb.NewPluginServiceClient(conn), stop: func() {
		_ = conn.Close()
		end()
		if err := <-served; err != nil {
			t.Errorf("serving the task: %v", err)
		}
	}}
	described, err := p.client.Describe(context.Background(), &pb.DescribeRequest{})
	switch {
	case err != nil:
	case described.GetError() != nil:
		err = failure(described.GetError())
	default:
		p.task = described.GetTasks()[0]
		return p
	}
	p.stop()
	t.Fatalf("describing the task: %v", err)
	return nil
}

// testLog hands a task's log lines to the test.
type testLog struct{ t testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Helper()
	l.t.Logf("%s", line[:max(len(line)-1, 0)])
	return len(line), nil
}

func (p *plugin) open(stage pb.Stage, args []string, s *setup) error {
	template, err := resolve(p.task.GetTemplate(), s.mixin)
	if err != nil {
		return err
	}
	req := &pb.OpenRequest{Task: p.task.GetName(), Args: args, Template: template, Stage: stage, Workers: 1}
	if stage == pb.Stage_STAGE_RUN || stage == pb.Stage_STAGE_FINISH {
		req.Staging = &pb.Staging{Dir: p.t.TempDir(), Folder: s.folder, Last: append(s.last, "output")}
	}
	if stage == pb.Stage_STAGE_DEVICE {
		req.Device = s.device
	}
	req.Memory = p.memory
	resp, err := p.client.Open(context.Background(), req)
	switch {
	case err != nil:
		return err
	case resp.GetError() != nil:
		return failure(resp.GetError())
	default:
		return nil
	}
}

func (p *plugin) run(items [][]byte) ([]Outcome, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := p.client.Run(ctx)
	if err != nil {
		return nil, err
	}
	var outcomes []Outcome
	// One item a chunk: an author's tests need no speed, and an item of any size passes.
	for i, item := range items {
		chunk := &pb.Chunk{Id: uint64(i + 1), Parts: []*pb.Part{{Source: &pb.Part_Block{Block: &pb.Block{
			Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: 1, Payload: item,
		}}}}}
		if err := stream.Send(&pb.RunRequest{Chunk: chunk}); err != nil {
			return nil, err
		}
		resp, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, outcome(item, resp.GetResult()))
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return outcomes, nil
}

func outcome(item []byte, r *pb.ChunkResult) Outcome {
	o := Outcome{Item: string(item), Status: Done}
	switch {
	case len(r.GetFailures()) > 0:
		o.Status, o.Err = Failed, failure(r.GetFailures()[0].GetError())
	case len(r.GetSkipped()) > 0:
		o.Status = Skipped
	}
	return o
}
