package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/kagurazaka/kagurazaka/examples/misbehave/early"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

const (
	cookieKey   = "KAGURAZAKA_PLUGIN"
	cookieValue = "8f0d1c2e-task-plugin"
	// overLimit is more than a message may have.
	overLimit = 65 << 20
)

// raw serves the contract without the SDK, which would not let it misbehave.
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
	return nil, errors.New("a plugin is no host")
}

// serveRaw never returns.
func serveRaw() {
	version := uint(1)
	if early.Behaviour == "wrong-version" {
		version = 99
	}
	stderr := os.Stderr
	os.Stdout = early.Stdout
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: version, MagicCookieKey: cookieKey, MagicCookieValue: cookieValue},
		Plugins:         goplugin.PluginSet{"task": &raw{}},
		GRPCServer:      goplugin.DefaultGRPCServer,
		Logger:          hclog.New(&hclog.LoggerOptions{Output: stderr, JSONFormat: true, Level: hclog.Error}),
	})
	if early.Behaviour == "close-socket" {
		early.Hang()
	}
	os.Exit(0)
}

func (r *raw) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	crash("crash-describe")
	return &pb.DescribeResponse{Name: "misbehave", Sdk: "none", Tasks: []*pb.Task{{
		Name: "Items", Kind: pb.TaskKind_TASK_KIND_NORMAL, Summary: "Does something wrong", OpenArguments: true,
		Arguments: []*pb.Argument{{
			Name: "count", Flags: []string{"--count"}, Type: pb.ArgumentType_ARGUMENT_TYPE_INT, DefaultJson: "100", Help: "Number of items.",
		}},
		Capabilities: []string{"list"},
	}}}, nil
}

// count is the value of --count among the arguments that Open gets, however it is written.
var count = 100

func (r *raw) Open(_ context.Context, req *pb.OpenRequest) (*pb.OpenResponse, error) {
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
	return &pb.OpenResponse{}, nil
}

func (r *raw) List(_ *pb.ListRequest, stream pb.PluginService_ListServer) error {
	var items [][]byte
	for i := range count {
		items = append(items, fmt.Appendf(nil, `{"i":%d}`, i))
	}
	if early.Behaviour == "over-limit" {
		items = [][]byte{fmt.Appendf(nil, `{"i":"%s"}`, bytes.Repeat([]byte("x"), overLimit))}
	}
	return stream.Send(&pb.ListResponse{Message: &pb.ListResponse_Block{Block: &pb.Block{
		Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(len(items)), Payload: bytes.Join(items, []byte{'\n'}),
	}}})
}

func (r *raw) Run(stream pb.PluginService_RunServer) error {
	crash("crash-run")
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if early.Behaviour == "close-socket" {
			r.server.Stop()
			early.Hang()
		}
		result := &pb.ChunkResult{Id: req.GetChunk().GetId(), Count: size(req.GetChunk()), BusyNs: 1}
		times := 1
		switch early.Behaviour {
		case "answers-twice":
			// Once in a run, so that it can come to its end.
			if result.GetId() == 1 {
				times = 2
			}
		case "answers-unknown":
			result.Id += 1_000_000
		}
		for range times {
			if err := stream.Send(&pb.RunResponse{Result: result}); err != nil {
				return err
			}
		}
	}
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
