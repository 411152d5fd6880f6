// Package sdktest runs a task in a test's process, with the code of a worker, over a real gRPC connection: it parses
// arguments, stages and commits outputs, and catches panics.
package sdktest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
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

// Status is the status of an item after a run.
type Status string

// The statuses.
const (
	Done    Status = "done"
	Skipped Status = "skipped"
	Failed  Status = "failed"
)

// Outcome is the result for one item.
type Outcome struct {
	// Item is the item's JSON text.
	Item   string
	Status Status
	// Err is set if Status is Failed.
	Err *Failure
}

// Failure is a failure of the task, as the host sees it.
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

// Option is a setting or an item of a run.
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

// Items adds items as a Lister yields them: structs, maps, or JSON text. Without any items, Run calls the task's List.
func Items(items ...any) Option {
	return func(s *setup) {
		s.given = true
		for _, item := range items {
			s.add(item)
		}
	}
}

// File adds the item that a template makes of one input file and one output file. The output's folder need not exist.
func File(input, output string) Option {
	return func(s *setup) { s.add(map[string]any{"input": triplet(input), "output": triplet(output)}) }
}

// Folder adds the item that a template with OutputByFilenameSubfoldering makes: its output is a folder, and files has the
// names of the files in it by id. Do not use it together with File.
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

// Group adds the item that a template with InputByGroup makes of one group: files has the paths of its files by id, empty for one that
// is absent. The file of the id first is the item's input. Do not use it together with Folder.
func Group(first string, files map[string]string, output string) Option {
	return func(s *setup) {
		item := map[string]any{"input": triplet(files[first]), "output": triplet(output)}
		for id, path := range files {
			item["input_"+id] = nil
			if path != "" {
				item["input_"+id] = triplet(path)
			}
		}
		s.add(item)
	}
}

// Mixin sets placeholders of the template in sdk.Env, by dotted names as --mixin does: "hard_shard_mode.input_path". Other
// placeholders are null.
func Mixin(values map[string]any) Option {
	return func(s *setup) { maps.Copy(s.mixin, values) }
}

// Device sets the device of a device task. Default: "cpu".
func Device(name string) Option { return func(s *setup) { s.device = name } }

// BatchSize sets the batch size of a device task. Default: 8.
func BatchSize(n int) Option { return func(s *setup) { s.batch = n } }

// Run opens the task with its arguments, works on all items in order, and closes it. It returns an outcome for each item.
// The test fails if the task cannot be opened or cannot list.
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

// Open opens the task and closes it again. It returns the error that the user would see, a *Failure.
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

// List returns the JSON texts of the items that the task lists, and the error that the user would see.
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
	s := &setup{device: "cpu", batch: 8, mixin: map[string]any{}}
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

// testLog writes a task's log lines to the test's log.
type testLog struct{ t testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Helper()
	l.t.Logf("%s", line[:max(len(line)-1, 0)])
	return len(line), nil
}

func (p *plugin) open(stage pb.Stage, args []string, s *setup) error {
	template := p.task.GetTemplate()
	if err := resolve(template, s.mixin); err != nil {
		return err
	}
	req := &pb.OpenRequest{Task: p.task.GetName(), Args: args, Template: template, Stage: stage, Workers: 1, Memory: p.memory}
	if stage == pb.Stage_STAGE_RUN || stage == pb.Stage_STAGE_FINISH {
		req.Staging = &pb.Staging{Dir: p.t.TempDir(), Folder: s.folder, Last: append(s.last, "output")}
	}
	if stage == pb.Stage_STAGE_DEVICE {
		req.Device = s.device
	}
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
	// One item per chunk: tests need no speed, and items may have any size.
	for i, item := range items {
		if err := stream.Send(&pb.RunRequest{Chunk: &pb.Chunk{Id: uint64(i + 1), Parts: parts(item)}}); err != nil {
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

// parts are the parts of a chunk or batch with these items.
func parts(items ...[]byte) []*pb.Part {
	return []*pb.Part{{Source: &pb.Part_Block{Block: &pb.Block{
		Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(len(items)), Payload: bytes.Join(items, []byte("\n")),
	}}}}
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
