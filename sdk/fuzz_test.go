package sdk

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// curious looks at all that there is of an item. It writes nothing.
type curious struct {
	Size int `default:"3"`
}

func (c *curious) List(context.Context, func(any) error) error { return nil }

func (c *curious) Process(_ context.Context, item Item) error {
	for _, path := range []string{item.Output().Path, item.OutputOf("x").Path} {
		if path != "" && item.stage != nil && !strings.HasPrefix(filepath.Clean(path), filepath.Dir(item.stage.Staged("x"))+"/") {
			panic("the output " + path + " is not in the staging folder")
		}
	}
	if item.String() == "panic" {
		panic(item)
	}
	_, _, _ = item.Input(), item.Field("path"), item.JSON()
	var v any
	return item.Decode(&v)
}

// heard is a Run stream of what the host has sent.
type heard struct {
	grpc.ServerStream
	t        *testing.T
	requests []*pb.RunRequest
	answers  []*pb.ChunkResult
}

func (h *heard) Context() context.Context { return h.t.Context() }

func (h *heard) Recv() (*pb.RunRequest, error) {
	if len(h.requests) == 0 {
		return nil, io.EOF
	}
	r := h.requests[0]
	h.requests = h.requests[1:]
	return r, nil
}

func (h *heard) Send(r *pb.RunResponse) error {
	h.answers = append(h.answers, r.GetResult())
	return nil
}

func FuzzRunRequest(f *testing.F) {
	part := func(skip, take uint32, count uint32, payload string) *pb.Part {
		return &pb.Part{Skip: skip, Take: take, Source: &pb.Part_Block{Block: &pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: count, Payload: []byte(payload)}}}
	}
	for _, chunk := range []*pb.Chunk{
		nil, lines(1, `{"input":{"path":"a","rel_dir":"","file_name":"a"},"output":{"path":"o/a"},"output_x":{"path":"o/../x"}}`, `{"a":"\ud800"}`, `panic`),
		{Id: 2, Slot: 3, Parts: []*pb.Part{part(1, 1, 3, "{}\n{}\n{}"), part(7, 0, 3, "{}"), part(0, 5, 2, "{}"), {Source: &pb.Part_Range{Range: &pb.IndexRange{First: 1, Count: 2}}}, {}}},
		{Id: 3, Slot: 4}, {Id: 4, Parts: []*pb.Part{{Source: &pb.Part_Range{Range: &pb.IndexRange{Count: 1<<32 - 1}}}}}, {Id: 5, Parts: []*pb.Part{part(1<<32-1, 1<<32-1, 1<<32-1, "\n\n\n")}},
		{Id: 6, Parts: []*pb.Part{{Source: &pb.Part_Block{Block: &pb.Block{Encoding: pb.Encoding_ENCODING_OPAQUE, Count: 2, Payload: []byte("x")}}}}},
		lines(7, `{"output":{"path":"o/a"},"output_x":{"path":"o/a/../../x"}}`, `{"output":{"path":".."}}`, `{"output":{"path":"/"},"output_x":{"path":"."}}`),
	} {
		one, err := proto.Marshal(&pb.RunRequest{Chunk: chunk})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(binary.AppendUvarint(nil, uint64(len(one))), one...))
	}
	s := newService(context.Background(), hclog.NewNullLogger(), []Definition{Task[curious]{Name: "C"}})
	resp, err := s.Open(context.Background(), &pb.OpenRequest{Task: "C", Stage: pb.Stage_STAGE_RUN, HeartbeatPath: page(f), Staging: &pb.Staging{Dir: f.TempDir()}})
	if err != nil || resp.GetError() != nil {
		f.Fatal(err, resp.GetError())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h := &heard{t: t}
		for len(data) > 0 {
			n, used := binary.Uvarint(data)
			if used <= 0 {
				return
			}
			data = data[used:]
			one := data[:min(n, uint64(len(data)))]
			data = data[len(one):]
			m := &pb.RunRequest{}
			if proto.Unmarshal(one, m) != nil {
				return
			}
			h.requests = append(h.requests, m)
		}
		sent := h.requests
		err := s.Run(h)
		if err == nil && len(h.answers) != len(sent) || len(h.answers) > len(sent) {
			t.Fatalf("%d chunks have %d answers", len(sent), len(h.answers))
		}
		for i, r := range h.answers {
			if r.GetId() != sent[i].GetChunk().GetId() || r.GetCount() > wire.MaxChunkItems {
				t.Errorf("chunk %d is answered as %d, with %d items", sent[i].GetChunk().GetId(), r.GetId(), r.GetCount())
			}
			last := -1
			for _, failed := range r.GetFailures() {
				if int(failed.GetIndex()) <= last || failed.GetIndex() >= r.GetCount() || failed.GetError().GetMessage() == "" {
					t.Errorf("a failure of item %d of %d behind %d: %v", failed.GetIndex(), r.GetCount(), last, failed.GetError())
				}
				last = int(failed.GetIndex())
				if p := failed.GetError().GetPanic(); p != nil && strings.Contains(p.GetValue(), "staging folder") {
					t.Error(p.GetValue())
				}
			}
			// An answer has to be a message that can be sent.
			if _, err := proto.Marshal(r); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzOpenRequest(f *testing.F) {
	node := func(text string) *pb.Node { return &pb.Node{Kind: &pb.Node_Json{Json: text}} }
	for _, req := range []*pb.OpenRequest{
		{Task: "C", Stage: pb.Stage_STAGE_RUN, Args: []string{"--size", "4"}, Staging: &pb.Staging{Last: []string{"output"}}, HeartbeatPath: "good"},
		{Task: "C", Stage: pb.Stage_STAGE_RUN, Args: []string{"--size=x", "--sise", "", "--", "-1", "--help"}, HeartbeatPath: "bad"}, {Task: "D", Stage: 99}, {},
		{Task: "C", Stage: pb.Stage_STAGE_LIST, Template: &pb.Template{Fields: []*pb.Field{
			{Name: "hard_shard_mode", Value: &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: "HardShardModeV1", Fields: []*pb.Field{{Name: "base_input_path", Value: node(`"in"`)}, {Name: "shard_idx", Value: node("[1]")}}}}}},
			{Name: "x", Value: node("{")}, {Name: "y"}, {Value: &pb.Node{Kind: &pb.Node_List{List: &pb.NodeList{Nodes: []*pb.Node{nil, node("1 2")}}}}},
		}}},
	} {
		data, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	dir := f.TempDir()
	good, bad := page(f), filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, make([]byte, wire.BeatSize/2), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req := &pb.OpenRequest{}
		if proto.Unmarshal(data, req) != nil {
			return
		}
		// Folders are emptied and pages written: not anywhere on this machine.
		if req.GetStaging() != nil {
			req.Staging.Dir = filepath.Join(dir, []string{"", "none", "bad"}[len(data)%3])
			if len(data)%3 == 0 {
				req.Staging.Dir = t.TempDir()
			}
		}
		switch req.GetHeartbeatPath() {
		case "", "good":
			if req.HeartbeatPath != "" {
				req.HeartbeatPath = good
			}
		default:
			req.HeartbeatPath = bad
		}
		life, end := context.WithCancel(context.Background())
		defer end()
		s := newService(life, hclog.NewNullLogger(), []Definition{Task[curious]{Name: "C"}})
		defer s.shutdown()
		resp, err := s.Open(life, req)
		if err != nil {
			t.Fatalf("a status where an error of the response was due: %v", err)
		}
		if resp.GetError() != nil && resp.GetError().GetMessage() == "" {
			t.Error("an error without a word")
		}
		if _, err := proto.Marshal(resp); err != nil {
			t.Error(err)
		}
		if resp.GetError() == nil && req.GetTask() != "C" {
			t.Errorf("the task %q was opened", req.GetTask())
		}
	})
}
