package sdk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// patience limits waiting for events that should come at once. A test that passes never waits that long.
const patience = 30 * time.Second

// syncBuffer collects log lines of several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// dial serves tasks in this process and connects to them.
func dial(t testing.TB, tasks ...Definition) (pb.PluginServiceClient, *syncBuffer) {
	t.Helper()
	logged := &syncBuffer{}
	life, end := context.WithCancel(context.Background())
	s := newService(life, hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: logged, JSONFormat: true}), tasks)
	server := grpc.NewServer(serverOptions()...)
	pb.RegisterPluginServiceServer(server, s)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MessageLimit), grpc.MaxCallSendMsgSize(wire.MessageLimit)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-served
		end()
		s.shutdown()
	})
	return pb.NewPluginServiceClient(conn), logged
}

// within is a context that ends a test that hangs.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// open opens a task and fails the test when it is refused.
func open(t testing.TB, client pb.PluginServiceClient, req *pb.OpenRequest) {
	t.Helper()
	if req.GetStage() == pb.Stage_STAGE_UNSPECIFIED {
		req.Stage = pb.Stage_STAGE_RUN
	}
	resp, err := client.Open(within(t), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetError() != nil {
		t.Fatalf("Open: %v", resp.GetError())
	}
}

// lines makes a chunk of JSON lines.
func lines(id uint64, items ...string) *pb.Chunk {
	return &pb.Chunk{Id: id, Slot: uint32(id % wire.MaxInFlight), Parts: []*pb.Part{{Source: &pb.Part_Block{Block: &pb.Block{
		Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(len(items)), Payload: []byte(strings.Join(items, "\n")),
	}}}}}
}

// run sends chunks and returns the answers up to the stream's end.
func run(t testing.TB, client pb.PluginServiceClient, chunks ...*pb.Chunk) []*pb.ChunkResult {
	t.Helper()
	stream, err := client.Run(within(t))
	if err != nil {
		t.Fatal(err)
	}
	var results []*pb.ChunkResult
	for _, c := range chunks {
		if err := stream.Send(&pb.RunRequest{Chunk: c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return results
		}
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetResult().GetBusyNs() == 0 {
			t.Error("a chunk took no time at all")
		}
		results = append(results, resp.GetResult())
	}
}

// one is run for a single chunk.
func one(t testing.TB, client pb.PluginServiceClient, items ...string) *pb.ChunkResult {
	t.Helper()
	results := run(t, client, lines(1, items...))
	if len(results) != 1 {
		t.Fatalf("one chunk got %d answers", len(results))
	}
	return results[0]
}

// page makes a heartbeat page as the host does.
func page(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "beat")
	mem := make([]byte, wire.BeatSize)
	binary.LittleEndian.PutUint64(mem, wire.BeatMagic)
	if err := os.WriteFile(path, mem, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree lists the files below a folder with their content, and empty folders with a slash.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			entries, err := os.ReadDir(path)
			if len(entries) == 0 {
				found[rel+"/"] = ""
			}
			return err
		}
		content, err := os.ReadFile(path)
		found[rel] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
