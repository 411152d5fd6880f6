package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/staging"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/beat"
	"github.com/kagurazaka/kagurazaka/sdk/internal/mapped"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// service serves the tasks of one plugin process.
type service struct {
	pb.UnimplementedPluginServiceServer

	definitions []*definition
	// broken is the error of the definitions.
	broken error
	log    hclog.Logger
	// life ends with the process.
	life context.Context

	mu     sync.Mutex
	opened *instance
}

// instance is the open task of this process.
type instance struct {
	definition *definition
	task       any
	stage      Stage
	worker     *worker
	// waits: the first item waits for a debugger.
	waits   bool
	page    *beat.Page
	staging *staging.Dir
	// members reads the members of tar archives; nil: the run has no such items.
	members *members.Reader
	// memory is shared by the stages of a device task; backend is the device of StageDevice.
	memory  []byte
	backend stage.Backend
	// collate is that of StageLoad.
	collate stage.Collate
	// life ends with the process and has worker as a value.
	life  context.Context
	busy  sync.Mutex
	close func() error
	// reportsClose: the host takes a close_error.
	reportsClose bool
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

// serverOptions are for messages of megabytes.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(wire.MessageLimit), grpc.MaxSendMsgSize(wire.MessageLimit),
		grpc.InitialWindowSize(4 << 20), grpc.InitialConnWindowSize(8 << 20),
	}
}

func (s *service) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	resp := &pb.DescribeResponse{
		Name: filepath.Base(executable()), Version: pluginVersion(), Sdk: "go/" + Version, Capabilities: []string{wire.Heartbeat, wire.Staging, wire.Members, wire.Debug},
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
		return &pb.DescribeResponse{Error: failure(err, pb.Fault_FAULT_TASK)}, nil
	}
	return resp, nil
}

func pluginVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

// executable is the program's path.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// Open makes the task. The response has the error of the task or its arguments.
func (s *service) Open(_ context.Context, req *pb.OpenRequest) (*pb.OpenResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "task %s is open in this process already", s.opened.definition.name)
	}
	in, problem := s.open(req)
	if problem != nil {
		return &pb.OpenResponse{Error: problem}, nil
	}
	s.opened = in
	return &pb.OpenResponse{Capabilities: []string{wire.Heartbeat, wire.Staging, wire.ListCloses}}, nil
}

func (s *service) open(req *pb.OpenRequest) (*instance, *pb.Error) {
	if s.broken != nil {
		return nil, failure(s.broken, pb.Fault_FAULT_TASK)
	}
	at := slices.IndexFunc(s.definitions, func(d *definition) bool { return d.name == req.GetTask() })
	if at < 0 {
		return nil, &pb.Error{
			Message: text(fmt.Sprintf("this plugin has no task %q", req.GetTask())), Fault: pb.Fault_FAULT_USER,
			Detail: &pb.Error_NoSuchTask{NoSuchTask: &pb.NoSuchTaskError{Tasks: s.taskNames()}},
		}
	}
	d := s.definitions[at]
	in := &instance{definition: d, reportsClose: slices.Contains(req.GetCapabilities(), wire.Close), waits: req.GetDebug().GetWait()}
	if in.stage = d.stageOf(req.GetStage()); in.stage == "" {
		what := "it lists and runs items"
		if d.device {
			what = "it lists items, loads them, infers on a device and finishes them"
		}
		return nil, unsupported(fmt.Sprintf("task %s has no stage %s: %s", d.name, req.GetStage(), what))
	}
	g, err := newGrammar(d)
	if err != nil {
		return nil, failure(err, pb.Fault_FAULT_TASK)
	}
	var problem *pb.Error
	// kong calls hooks of the task while it parses.
	err = guard(func() error {
		in.task, problem = g.parse(req.GetArgs())
		return nil
	})
	if err != nil {
		return nil, taskFailure(err)
	}
	if problem != nil {
		return nil, problem
	}
	env, err := environmentOf(req, in.stage)
	if err != nil {
		return nil, failure(err, pb.Fault_FAULT_KAGURAZAKA)
	}
	in.worker = &worker{log: s.log.Named(d.name), index: env.WorkerIndex, stage: in.stage}
	in.life = context.WithValue(s.life, contextKey{}, in.worker)
	if err := in.equip(req); err != nil {
		return nil, failure(err, pb.Fault_FAULT_KAGURAZAKA)
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
	if err := guard(in.openCollate); err != nil {
		return nil, taskFailure(err)
	}
	return in, nil
}

// equip opens the heartbeat page, the staging folder and the shared memory.
func (in *instance) equip(req *pb.OpenRequest) (err error) {
	in.readMembers(req)
	if in.page, err = beat.Open(req.GetHeartbeatPath()); err != nil {
		return err
	}
	if st := req.GetStaging(); st != nil {
		if in.staging, err = staging.Open(st.GetDir(), st.GetFolder(), st.GetLast()); err != nil {
			return err
		}
	}
	if m := req.GetMemory(); m != nil && in.definition.device {
		if in.memory, err = mapped.Open(m.GetPath(), int(m.GetSize())); err != nil {
			return fmt.Errorf("opening the memory that the stages share: %w", err)
		}
	}
	return nil
}

// running returns the open task, locked, for a call that belongs to stages.
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

// shutdown closes the task if the end of a stream has not, and returns the error of closing it in both cases.
func (s *service) shutdown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened == nil {
		return nil
	}
	return s.opened.close()
}

// end closes the task at the end of a Run call, and reports an error of that to the host.
func (in *instance) end(stream pb.PluginService_RunServer) error {
	err := in.close()
	if err == nil || !in.reportsClose {
		return nil
	}
	return stream.Send(&pb.RunResponse{CloseError: taskFailure(err)})
}

// closeTask is called once. It returns the error of the task's Close.
func (in *instance) closeTask() error {
	log := in.worker.log.With("worker", in.worker.index)
	var err error
	if c, ok := in.task.(Closer); ok {
		if err = guard(c.Close); err != nil {
			log.Error("closing the task", "error", err)
			if p, ok := errors.AsType[*panicked](err); ok {
				log.Debug("the stack of the panic", "stack", p.stack)
			}
		}
	}
	if in.staging != nil {
		if err := in.staging.Close(); err != nil {
			log.Warn("closing the staging folder", "error", err)
		}
	}
	if in.members != nil {
		if err := in.members.Close(); err != nil {
			log.Warn("removing the files of members of archives", "error", err)
		}
	}
	if in.backend != nil {
		in.backend.Close()
	}
	if in.memory != nil {
		if err := unix.Munmap(in.memory); err != nil {
			log.Warn("unmapping the shared memory", "error", err)
		}
		in.memory = nil
	}
	return err
}

// guard calls the task's code in a new goroutine, so that a panic or runtime.Goexit ends only this call.
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
	env := Env{Stage: as, WorkerIndex: int(req.GetWorkerIndex()), Workers: int(req.GetWorkers()), Device: req.GetDevice()}
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

// hardShardPaths returns the input and output folder of both hard shard modes.
func hardShardPaths(mode any) (input, output string) {
	m, _ := mode.(map[string]any)
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
	if folders, several := m["input_path"].([]any); several && len(folders) > 0 {
		return fmt.Sprint(folders[0]), str("output_path")
	}
	return str("input_path"), str("output_path")
}

// taskNames returns the tasks' names, sorted.
func (s *service) taskNames() []string {
	var names []string
	for _, d := range s.definitions {
		names = append(names, d.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
