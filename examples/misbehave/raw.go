package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/examples/misbehave/early"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// overLimit is larger than a message may be.
const overLimit = wire.MessageLimit + 1<<20

// raw serves the protocol without the SDK, which would prevent the behaviours.
type raw struct {
	goplugin.NetRPCUnsupportedPlugin
	pb.UnimplementedPluginServiceServer
	server *grpc.Server
}

func (r *raw) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	r.server = server
	pb.RegisterPluginServiceServer(server, r)
	return nil
}

func (r *raw) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a plugin is not a host")
}

// serveRaw never returns.
func serveRaw() {
	handshake := goplugin.HandshakeConfig{
		ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue,
	}
	if early.Behaviour == "wrong-version" {
		handshake.ProtocolVersion = 99
	}
	os.Stdout = early.Stdout
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         goplugin.PluginSet{"task": &raw{}},
		GRPCServer:      goplugin.DefaultGRPCServer,
		Logger:          hclog.New(&hclog.LoggerOptions{Output: early.Stderr, JSONFormat: true, Level: hclog.Error}),
	})
	if socketClosed.Load() || early.Behaviour == "deaf-shutdown" {
		early.Hang()
	}
	os.Exit(0)
}

// socketClosed: the process continues after its server has ended.
var socketClosed atomic.Bool

// closeSocket ends the server, and never returns.
func (r *raw) closeSocket() {
	socketClosed.Store(true)
	r.server.Stop()
	early.Hang()
}

// meddle misbehaves if this is the call for it.
func meddle(call string) {
	crash("crash-" + call)
	switch early.Behaviour {
	case "mute-" + call:
		early.Say()
		early.Hang()
	case "stop-" + call:
		fmt.Fprintln(early.Stderr, "misbehave:", early.Stop())
	}
}

func (r *raw) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	meddle("describe")
	resp := &pb.DescribeResponse{Name: "misbehave", Sdk: "none", Tasks: []*pb.Task{{
		Name: "Items", Kind: pb.TaskKind_TASK_KIND_NORMAL, Summary: "Does something wrong", OpenArguments: true,
		Arguments: []*pb.Argument{{
			Name: "count", Flags: []string{"--count"}, Type: pb.ArgumentType_ARGUMENT_TYPE_INT, DefaultJson: "100", Help: "Number of items.",
		}},
		Capabilities: []string{"list"},
	}}}
	if early.Behaviour == "answers-never" || early.Behaviour == "cut-page" {
		resp.Capabilities = []string{"heartbeat"}
	}
	if strings.HasSuffix(early.Behaviour, "-spawn") {
		resp.Capabilities = []string{"spawn"}
	}
	if early.Behaviour == "wrong-describe" {
		resp.Tasks = wrongTasks()
	}
	if early.Behaviour == "over-limit-describe" {
		resp.Name = strings.Repeat("x", overLimit)
	}
	return resp, nil
}

// wrongTasks violate all rules for descriptions.
func wrongTasks() []*pb.Task {
	text := pb.ArgumentType_ARGUMENT_TYPE_STRING
	node := func(text string) *pb.Node { return &pb.Node{Kind: &pb.Node_Json{Json: text}} }
	return []*pb.Task{
		{Kind: pb.TaskKind_TASK_KIND_NORMAL},
		{Name: "Items", Kind: pb.TaskKind_TASK_KIND_UNSPECIFIED},
		{Name: "Items", Kind: 7, Arguments: []*pb.Argument{
			{Flags: []string{"--a"}, Type: text},
			{Name: "b", Flags: []string{"--a"}, Type: 99},
			{Name: "c", Flags: []string{"c"}},
			{Name: "d", Flags: []string{"--d"}, Type: text, Arity: "some", DefaultJson: "{", ChoicesJson: []string{`"x"`, "x y"}, Negatable: true},
		}},
		{
			Name: "with blanks", Kind: pb.TaskKind_TASK_KIND_NORMAL, Capabilities: []string{"finish"},
			Template: &pb.Template{Fields: []*pb.Field{
				{Name: "input_mode", Value: &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: "InputByMagic"}}}},
				{Name: "input_mode", Value: &pb.Node{}}, {Name: "soft_shard", Value: node("nil")}, {Name: "colour", Value: node("1")},
			}},
		},
	}
}

// page is the heartbeat page of answers-never and cut-page.
var page string

// finish marks a chunk as finished in the page.
func finish(chunk *pb.Chunk) error {
	f, err := os.OpenFile(page, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	n := uint64(size(chunk))
	var slot []byte
	for _, v := range []uint64{chunk.GetId(), n, n} {
		slot = binary.LittleEndian.AppendUint64(slot, v)
	}
	_, err = f.WriteAt(slot, 64*int64(chunk.GetSlot()+1))
	return err
}

// count is the value of --count, which Open sets.
var count = 100

func (r *raw) Open(_ context.Context, req *pb.OpenRequest) (*pb.OpenResponse, error) {
	meddle("open")
	page = req.GetHeartbeatPath()
	args := req.GetArgs()
	for i, arg := range args {
		value := arg
		if arg == "--count" && i+1 < len(args) {
			value = "--count=" + args[i+1]
		}
		if _, err := fmt.Sscanf(value, "--count=%d", &count); err != nil && value != arg {
			return nil, err
		}
	}
	resp := &pb.OpenResponse{}
	if early.Behaviour == "deaf-shutdown" {
		resp.Capabilities = []string{"list_closes"}
	}
	return resp, nil
}

func (r *raw) List(_ *pb.ListRequest, stream pb.PluginService_ListServer) error {
	meddle("list")
	if early.Behaviour == "warns-list" {
		for i := range 20_000 {
			warning := &pb.ListResponse_Warning{Warning: fmt.Sprintf("misbehave: warning %d %s", i, strings.Repeat("x", 1000))}
			if err := stream.Send(&pb.ListResponse{Message: warning}); err != nil {
				return err
			}
		}
	}
	if early.Behaviour == "close-socket-list" {
		r.closeSocket()
	}
	var items [][]byte
	for i := range count {
		items = append(items, fmt.Appendf(nil, `{"i":%d}`, i))
	}
	block := &pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(len(items)), Payload: bytes.Join(items, []byte{'\n'})}
	switch early.Behaviour {
	case "over-limit":
		block.Count, block.Payload = 1, fmt.Appendf(nil, `{"i":"%s"}`, bytes.Repeat([]byte("x"), overLimit))
	case "wrong-block":
		block.Count++
	}
	return stream.Send(&pb.ListResponse{Message: &pb.ListResponse_Block{Block: block}})
}

func (r *raw) Spawn(stream pb.PluginService_SpawnServer) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		if req.GetSpawn() == nil {
			continue
		}
		meddle("spawn")
		index := req.GetSpawn().GetOpen().GetWorkerIndex()
		if early.Behaviour == "exits-spawn" {
			exited := &pb.WorkerExited{WorkerIndex: index, Pid: 1 << 21, Code: 7}
			if err := stream.Send(&pb.SpawnResponse{Message: &pb.SpawnResponse_Exited{Exited: exited}}); err != nil {
				return err
			}
			continue
		}
		socket := "/nowhere"
		if early.Behaviour == "mute-socket-spawn" {
			socket = filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), fmt.Sprintf("mute-%d-%d", os.Getpid(), index))
			early.MuteSocket(socket)
		}
		// This worker serves nothing.
		worker := exec.Command("sleep", "3600")
		if err := worker.Start(); err != nil {
			return err
		}
		started := &pb.WorkerStarted{WorkerIndex: index, Pid: int64(worker.Process.Pid), Socket: socket}
		if err := stream.Send(&pb.SpawnResponse{Message: &pb.SpawnResponse_Started{Started: started}}); err != nil {
			return err
		}
	}
}

func (r *raw) Run(stream pb.PluginService_RunServer) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if early.Behaviour == "answers-at-end" {
				return stream.Send(&pb.RunResponse{Result: &pb.ChunkResult{Id: 1}})
			}
			return nil
		}
		if err != nil {
			return err
		}
		meddle("run")
		if early.Behaviour == "close-socket" {
			r.closeSocket()
		}
		switch early.Behaviour {
		case "ends-run":
			return nil
		case "unimplemented-run":
			return status.Error(codes.Unimplemented, "misbehave: the license server does not answer")
		case "wordless-run":
			return status.Error(codes.Internal, "")
		}
		for _, result := range results(req.GetChunk()) {
			if err := stream.Send(message(result)); err != nil {
				return err
			}
		}
	}
}

// message is the message with an answer, as the behaviour changes it.
func message(result *pb.ChunkResult) *pb.RunResponse {
	closed := &pb.Error{Message: "misbehave: closed already"}
	switch early.Behaviour {
	case "answers-and-closes":
		return &pb.RunResponse{Result: result, CloseError: closed}
	case "answers-closed":
		return &pb.RunResponse{CloseError: closed}
	case "answers-batch":
		return &pb.RunResponse{Batch: &pb.BatchResult{Id: result.GetId(), Count: result.GetCount()}}
	}
	return &pb.RunResponse{Result: result}
}

// results are the answers to a chunk: the right one, or those of the behaviour.
func results(chunk *pb.Chunk) []*pb.ChunkResult {
	result := &pb.ChunkResult{Id: chunk.GetId(), Count: size(chunk), BusyNs: 1}
	failure := func(index uint32, message string) *pb.ItemFailure {
		return &pb.ItemFailure{Index: index, Error: &pb.Error{Message: message}}
	}
	switch early.Behaviour {
	case "answers-never":
		if err := finish(chunk); err != nil {
			fmt.Fprintln(early.Stderr, "misbehave:", err)
		}
		return nil
	case "cut-page":
		if err := os.Truncate(page, 0); err != nil {
			fmt.Fprintln(early.Stderr, "misbehave:", err)
		}
	case "answers-unwritten":
		result.Unwritten = result.GetCount() + 1
	case "answers-twice":
		// Only once in a run, so that the run can end.
		if result.GetId() == 1 {
			return []*pb.ChunkResult{result, result}
		}
	case "answers-unknown":
		result.Id += 1_000_000
	case "answers-too-many":
		result.Count += 7
	case "answers-unsent":
		result.Failures = append(result.Failures, failure(result.GetCount()+5, "an item of somebody else's"))
	case "answers-both":
		result.Skipped = append(result.Skipped, &pb.IndexRange{First: 0, Count: 1})
		result.Failures = append(result.Failures, failure(0, "skipped, and failed"))
	case "over-limit-run":
		result.Failures = append(result.Failures, failure(0, strings.Repeat("x", overLimit)))
	}
	return []*pb.ChunkResult{result}
}

func size(c *pb.Chunk) uint32 {
	var n uint32
	for _, p := range c.GetParts() {
		if take := p.GetTake(); take > 0 {
			n += take
		} else {
			n += p.GetBlock().GetCount() - p.GetSkip()
		}
	}
	return n
}
