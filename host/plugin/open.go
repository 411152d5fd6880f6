package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// The messages of the contract that the host passes on as they are.
type (
	// Staging tells a worker to write its outputs aside.
	Staging = pb.Staging
	// Direct tells a worker to note which outputs it has begun.
	Direct = pb.Direct
	// Debug is what a worker does for who looks for a fault.
	Debug = pb.Debug
	// Memory is shared memory as processes find it.
	Memory = pb.SharedMemory
)

// OpenOptions say how a task is opened in a process.
type OpenOptions struct {
	Task string
	Args []string
	// Template is the resolved template, nil for a task without one.
	Template  *template.Node
	MixinJSON []byte
	// Native: the host lists and checks outputs itself.
	Native      bool
	WorkerIndex int
	Workers     int
	Device      string
	// HeartbeatPath is the page made by NewHeartbeat; empty: none.
	HeartbeatPath string
	Staging       *Staging
	Direct        *Direct
	// Ended is called once the worker's process has ended, before the results of its stream are closed; may be nil. It is not called
	// for a worker that could not be started.
	Ended func()
	// Memory is for the stages of a device task; nil: none.
	Memory *Memory
	// Debug is nil for a run that is not debugged.
	Debug *Debug
	// BatchSize is the number of items in a batch; 0: the task decides.
	BatchSize int
	// Log receives stdout and stderr of a worker that the plugin makes itself, if the plugin announces "stderr"; nil: the worker writes to
	// those of its maker.
	Log hclog.Logger
	// StderrPath is the pipe for that; Spawn makes it.
	StderrPath string
	// CPUs is where the worker runs. One that the host starts has them from StartOptions.
	CPUs cpu.Set
	// Members: inputs may be members of archives, which the worker reads.
	Members bool
	// OutputsOutside and ListOutputs are the flags of these names.
	OutputsOutside, ListOutputs bool
}

func (o OpenOptions) request(stage pb.Stage) *pb.OpenRequest {
	req := &pb.OpenRequest{
		Task: o.Task, Args: o.Args, Template: toTemplate(o.Template), MixinJson: o.MixinJSON, Stage: stage,
		WorkerIndex: uint32(o.WorkerIndex), Workers: uint32(o.Workers), Device: o.Device, Slots: 1,
		HeartbeatPath: o.HeartbeatPath, Capabilities: hostCapabilities, NativeTemplate: o.Native,
		BatchSize: uint32(o.BatchSize), StderrPath: o.StderrPath, Memory: o.Memory, Staging: o.Staging, Direct: o.Direct, Debug: o.Debug,
	}
	if o.Members {
		req.Capabilities = append(slices.Clone(req.Capabilities), wire.Members)
	}
	if o.OutputsOutside || o.ListOutputs {
		req.Listing = &pb.ListingPolicy{OutputsOutside: o.OutputsOutside, ListOutputs: o.ListOutputs}
	}
	if !o.CPUs.IsZero() {
		req.Placement = &pb.Placement{Cpus: numbers(o.CPUs.CPUs), MemoryNodes: numbers(o.CPUs.Memory), Threads: uint32(o.CPUs.Threads)}
	}
	return req
}

func numbers(from []int) []uint32 {
	out := make([]uint32, len(from))
	for i, n := range from {
		out[i] = uint32(n)
	}
	return out
}

func (p *Process) open(ctx context.Context, o OpenOptions, stage pb.Stage) error {
	call := "opening task " + o.Task
	ctx, cancel := withOpenTimeout(ctx, p.openTimeout)
	defer cancel()
	resp, err := p.service.Open(ctx, o.request(stage))
	if err != nil {
		return p.callError(ctx, call, err)
	}
	p.opened = resp.GetCapabilities()
	return taskError(call, resp.GetError())
}

// withOpenTimeout bounds the opening of a task: a process that is stopped or mute would hold the run for ever.
func withOpenTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("no answer within %s; --open-timeout gives it longer", d))
}

func toTemplate(root *template.Node) *pb.Template {
	if root == nil {
		return nil
	}
	return &pb.Template{Fields: toFields(root.Fields)}
}

func toFields(fields []template.Field) []*pb.Field {
	out := make([]*pb.Field, len(fields))
	for i, f := range fields {
		out[i] = &pb.Field{Name: f.Name, KeyJson: f.KeyJSON, Value: toNode(f.Value), Help: f.Help, TypeName: f.TypeName}
	}
	return out
}

func toNode(n *template.Node) *pb.Node {
	if n == nil {
		n = template.Scalar(nil)
	}
	switch n.Kind {
	case template.KindPlaceholder:
		return &pb.Node{Kind: &pb.Node_Placeholder{Placeholder: &pb.Placeholder{}}}
	case template.KindMode:
		return &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: n.Mode, Custom: n.Custom, Fields: toFields(n.Fields)}}}
	case template.KindMap:
		return &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: toFields(n.Fields)}}}
	case template.KindList:
		list := &pb.NodeList{}
		for _, e := range n.List {
			list.Nodes = append(list.Nodes, toNode(e))
		}
		return &pb.Node{Kind: &pb.Node_List{List: list}}
	default:
		text, err := json.Marshal(n.Scalar)
		if err != nil {
			// Scalars come out of JSON and YAML; what JSON has no form for is an Exact, which writes itself.
			text, _ = json.Marshal(fmt.Sprint(n.Scalar))
		}
		return &pb.Node{Kind: &pb.Node_Json{Json: string(text)}}
	}
}

// Verdict is a task's own parser's answer to an argument vector. The zero Verdict: there is no answer.
type Verdict struct {
	// Refused are the problems of the arguments.
	Refused []problem.Problem
	// Parsed: the parser accepted them.
	Parsed bool
	// Unknown are words that it accepted without knowing them.
	Unknown []string
	// Ended: the parser itself has answered, with Output, and nothing is to be run.
	Ended  bool
	Output string
}

// Check asks the task's own parser about an argument vector. It is for tasks with the capability "check".
func (p *Process) Check(ctx context.Context, task string, args []string, mixinJSON []byte) (Verdict, error) {
	call := "checking the arguments of " + task
	ctx, cancel := withOpenTimeout(ctx, p.openTimeout)
	defer cancel()
	resp, err := p.service.Check(ctx, &pb.CheckRequest{Task: task, Args: args, MixinJson: mixinJSON})
	if err != nil {
		return Verdict{}, p.callError(ctx, call, err)
	}
	v := Verdict{Parsed: resp.GetParsed(), Unknown: resp.GetUnknown(), Ended: resp.GetEnded() != nil, Output: resp.GetEnded().GetOutput()}
	err = taskError(call, resp.GetError())
	if refused, ok := errors.AsType[*TaskError](err); ok && len(refused.Problems) > 0 {
		v.Refused, err = refused.Problems, nil
	}
	return v, err
}
