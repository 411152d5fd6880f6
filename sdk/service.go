package sdk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/beat"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
	"github.com/kagurazaka/kagurazaka/sdk/internal/staging"
)

// service is what one plugin process serves.
type service struct {
	pb.UnimplementedPluginServiceServer

	definitions []*definition
	// broken is why the plugin cannot be described.
	broken error
	log    hclog.Logger
	// life ends with the process.
	life context.Context

	mu     sync.Mutex
	opened *instance
}

// instance is the one task that is open in this process.
type instance struct {
	definition *definition
	task       any
	stage      Stage
	worker     *worker
	page       *beat.Page
	staging    *staging.Dir
	// memory is what the stages of a device task share; backend is the device of the one that infers.
	memory  []byte
	backend stage.Backend
	// life ends with the process and carries worker.
	life  context.Context
	busy  sync.Mutex
	close func() error
	// tellsClose says that the host wants to know why the task could not be closed.
	tellsClose bool
}

func newService(life context.Context, log hclog.Logger, tasks []Definition) *service {
	s := &service{log: log, life: life}
	var problems []error
	seen := map[string]bool{}
	for _, t := range tasks {
		d, err := t.define()
		switch {
		case err != nil:
			problems = append(problems, err)
			continue
		case seen[d.name]:
			problems = append(problems, fmt.Errorf("two tasks are called %s", d.name))
		}
		seen[d.name] = true
		s.definitions = append(s.definitions, d)
	}
	if len(tasks) == 0 {
		problems = append(problems, errors.New("sdk.Serve was called without a task"))
	}
	s.broken = errors.Join(problems...)
	return s
}

// register adds the service to a gRPC server.
func (s *service) register(server *grpc.Server) { pb.RegisterPluginServiceServer(server, s) }

// serverOptions fit messages of megabytes.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(wire.MessageLimit), grpc.MaxSendMsgSize(wire.MessageLimit),
		grpc.InitialWindowSize(4 << 20), grpc.InitialConnWindowSize(8 << 20),
	}
}

func (s *service) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	resp := &pb.DescribeResponse{
		Name: pluginName(), Version: pluginVersion(), Sdk: "go/" + Version, Capabilities: []string{wire.Heartbeat, wire.Staging},
	}
	problems := []error{s.broken}
	for _, d := range s.definitions {
		t, err := d.describe()
		if err != nil {
			problems = append(problems, err)
			continue
		}
		resp.Tasks = append(resp.Tasks, t)
	}
	if err := errors.Join(problems...); err != nil {
		return &pb.DescribeResponse{Error: &pb.Error{Message: text(err.Error()), Fault: pb.Fault_FAULT_TASK}}, nil
	}
	return resp, nil
}

func pluginName() string {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return filepath.Base(path)
}

func pluginVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

// Open makes the task. Whatever is wrong with it travels in the response.
func (s *service) Open(_ context.Context, req *pb.OpenRequest) (*pb.OpenResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "task %s is open in this process already", s.opened.definition.name)
	}
	in, failure := s.open(req)
	if failure != nil {
		return &pb.OpenResponse{Error: failure}, nil
	}
	s.opened = in
	return &pb.OpenResponse{Capabilities: []string{wire.Heartbeat, wire.Staging, wire.ListCloses}}, nil
}

func (s *service) open(req *pb.OpenRequest) (*instance, *pb.Error) {
	if s.broken != nil {
		return nil, &pb.Error{Message: text(s.broken.Error()), Fault: pb.Fault_FAULT_TASK}
	}
	d, failure := s.find(req.GetTask())
	if failure != nil {
		return nil, failure
	}
	in := &instance{definition: d, tellsClose: slices.Contains(req.GetCapabilities(), wire.Close)}
	if in.stage = d.stageOf(req.GetStage()); in.stage == "" {
		what := "it lists and runs items"
		if d.device {
			what = "it lists items, loads them, infers on a device and finishes them"
		}
		return nil, unsupported(fmt.Sprintf("task %s has no stage %s: %s", d.name, req.GetStage(), what))
	}
	g, err := newGrammar(d)
	if err != nil {
		return nil, &pb.Error{Message: text(err.Error()), Fault: pb.Fault_FAULT_TASK}
	}
	// kong calls hooks of the task's own while it parses.
	if err := guard(func() error {
		in.task, failure = g.parse(req.GetArgs())
		return nil
	}); err != nil {
		return nil, taskFailure(err)
	}
	if failure != nil {
		return nil, failure
	}
	env, err := environmentOf(req, in.stage)
	if err != nil {
		return nil, &pb.Error{Message: text(err.Error()), Fault: pb.Fault_FAULT_KAGURAZAKA}
	}
	in.worker = &worker{log: s.log.Named(d.name), index: env.WorkerIndex, stage: in.stage}
	in.life = context.WithValue(s.life, contextKey{}, in.worker)
	if err := in.equip(req); err != nil {
		return nil, &pb.Error{Message: text(err.Error()), Fault: pb.Fault_FAULT_KAGURAZAKA}
	}
	in.close = sync.OnceValue(in.closeTask)
	if err := in.openDevice(env.Device); err != nil {
		e := itemError(err)
		e.Fault, e.Retryable = pb.Fault_FAULT_ENVIRONMENT, false
		return nil, e
	}
	if o, ok := in.task.(Opener); ok {
		if err := guard(func() error { return o.Open(in.life, env) }); err != nil {
			return nil, taskFailure(err)
		}
	}
	return in, nil
}

// equip opens the heartbeat page and the staging folder.
func (in *instance) equip(req *pb.OpenRequest) (err error) {
	if in.page = beat.None(); req.GetHeartbeatPath() != "" {
		if in.page, err = beat.Open(req.GetHeartbeatPath()); err != nil {
			return err
		}
	}
	if st := req.GetStaging(); st != nil {
		if in.staging, err = staging.Open(st.GetDir(), st.GetFolder(), st.GetLast()); err != nil {
			return err
		}
	}
	if m := req.GetMemory(); m != nil && in.definition.device {
		if in.memory, err = stage.Map(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) find(name string) (*definition, *pb.Error) {
	var names []string
	for _, d := range s.definitions {
		if d.name == name {
			return d, nil
		}
		names = append(names, d.name)
	}
	return nil, &pb.Error{
		Message: text(fmt.Sprintf("this plugin has no task %q", name)), Fault: pb.Fault_FAULT_USER,
		Detail: &pb.Error_NoSuchTask{NoSuchTask: &pb.NoSuchTaskError{Tasks: names}},
	}
}

// running returns the open task for a call that belongs to a stage.
func (s *service) running(stages ...Stage) (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.opened == nil:
		return nil, status.Error(codes.FailedPrecondition, "no task is open in this process: Open comes first")
	case !slices.Contains(stages, s.opened.stage):
		return nil, status.Errorf(codes.FailedPrecondition, "this process was opened for the stage %q, not for %q", s.opened.stage, stages[0])
	case !s.opened.busy.TryLock():
		return nil, status.Errorf(codes.FailedPrecondition, "this process has its %s call already", s.opened.stage)
	}
	return s.opened, nil
}

// shutdown gives the task its last call where no stream has. Its error is that call's, whoever made it.
func (s *service) shutdown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened == nil {
		return nil
	}
	return s.opened.close()
}

// end closes the task at the end of a Run call, and tells the host if it could not be closed.
func (in *instance) end(stream pb.PluginService_RunServer) error {
	err := in.close()
	if err == nil || !in.tellsClose {
		return nil
	}
	return stream.Send(&pb.RunResponse{CloseError: taskFailure(err)})
}

// closeTask is called once. Its error is the task's own.
func (in *instance) closeTask() error {
	log := in.worker.log.With("worker", in.worker.index)
	var err error
	if c, ok := in.task.(Closer); ok {
		if err = guard(c.Close); err != nil {
			log.Error("closing the task", "error", err)
			var p *panicked
			if errors.As(err, &p) {
				log.Debug("the stack of the panic", "stack", p.stack)
			}
		}
	}
	if in.staging != nil {
		if err := in.staging.Close(); err != nil {
			log.Warn("removing what is left in staging", "error", err)
		}
	}
	if in.backend != nil {
		in.backend.Close()
	}
	if in.memory != nil {
		if err := stage.Unmap(in.memory); err != nil {
			log.Warn("unmapping the shared memory", "error", err)
		}
		in.memory = nil
	}
	return err
}

// guard runs code of the task's own in a goroutine of its own, so that neither a panic nor runtime.Goexit in it ends
// more than the call.
func guard(f func() error) error {
	result := make(chan error, 1)
	go func() {
		normal := false
		defer func() {
			if !normal {
				result <- newPanicked(recover())
			}
		}()
		err := f()
		normal = true
		result <- err
	}()
	return <-result
}

func environmentOf(req *pb.OpenRequest, as Stage) (Env, error) {
	env := Env{
		Stage: as, WorkerIndex: int(req.GetWorkerIndex()), Workers: int(req.GetWorkers()), Device: req.GetDevice(),
	}
	if req.GetTemplate() == nil {
		return env, nil
	}
	fields, err := plainFields(req.GetTemplate().GetFields())
	if err != nil {
		return env, fmt.Errorf("the template that the host sent: %w", err)
	}
	env.Template = fields
	env.InputPath, env.OutputPath = hardShardPaths(fields["hard_shard_mode"])
	return env, nil
}

// hardShardPaths are the folders that both hard shard modes come to.
func hardShardPaths(mode any) (input, output string) {
	m, ok := mode.(map[string]any)
	if !ok {
		return "", ""
	}
	str := func(name string) string {
		if m[name] == nil {
			return ""
		}
		return fmt.Sprint(m[name])
	}
	if _, v1 := m["base_input_path"]; v1 {
		idx := str("shard_idx")
		return filepath.Join(str("base_input_path"), idx, str("input_name")),
			filepath.Join(str("base_output_path"), idx, str("output_name"))
	}
	return str("input_path"), str("output_path")
}

// taskNames is for messages to people who start the plugin themselves.
func (s *service) taskNames() []string {
	names := map[string]bool{}
	for _, d := range s.definitions {
		names[d.name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
