package sdktest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk"
)

// sharedSize is virtual: the file is sparse.
const sharedSize = 1 << 30

// pipeline is a device task with a worker for each of its stages.
type pipeline struct {
	t                    testing.TB
	load, device, finish pb.PluginService_RunClient
	id                   uint64
	outcomes             map[int]Outcome
	texts                [][]byte
}

// runStages works on the items in batches, as the host does: a batch that fails is halved.
func runStages(t testing.TB, task sdk.Definition, args []string, s *setup) []Outcome {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shared")
	f, err := os.Create(path)
	if err == nil {
		err = f.Truncate(sharedSize)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	p := &pipeline{t: t, outcomes: map[int]Outcome{}, texts: s.items}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, stage := range []struct {
		stage  pb.Stage
		stream *pb.PluginService_RunClient
	}{{pb.Stage_STAGE_LOAD, &p.load}, {pb.Stage_STAGE_DEVICE, &p.device}, {pb.Stage_STAGE_FINISH, &p.finish}} {
		worker := start(t, task)
		t.Cleanup(worker.stop)
		worker.memory = &pb.SharedMemory{Path: path, Size: sharedSize}
		err := worker.open(stage.stage, args, s)
		if err == nil {
			*stage.stream, err = worker.client.Run(ctx)
		}
		if err != nil {
			t.Fatalf("opening the task for %s: %v", stage.stage, err)
		}
	}
	for from := 0; from < len(s.items); from += s.batch {
		var batch []int
		for i := from; i < min(from+s.batch, len(s.items)); i++ {
			batch = append(batch, i)
		}
		p.batch(batch)
	}
	outcomes := make([]Outcome, len(s.items))
	for i := range outcomes {
		outcomes[i] = p.outcomes[i]
	}
	for _, stream := range []pb.PluginService_RunClient{p.load, p.device, p.finish} {
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err == nil {
			t.Fatal("a stage answers more batches than it was given")
		}
	}
	return outcomes
}

// ask sends a batch to a stage and returns its answer.
func (p *pipeline) ask(stream pb.PluginService_RunClient, b *pb.Batch) *pb.BatchResult {
	p.t.Helper()
	p.id++
	b.Id = p.id
	if err := stream.Send(&pb.RunRequest{Batch: b}); err != nil {
		p.t.Fatalf("running the task: %v", err)
	}
	resp, err := stream.Recv()
	if err != nil {
		p.t.Fatalf("running the task: %v", err)
	}
	if resp.GetBatch().GetId() != b.GetId() {
		p.t.Fatalf("batch %d was answered as %d", b.GetId(), resp.GetBatch().GetId())
	}
	return resp.GetBatch()
}

// parts sends items as the host cuts them: a block that has more, of which some are left out.
func (p *pipeline) parts(items []int) []*pb.Part {
	var lines [][]byte
	for _, i := range items {
		lines = append(lines, p.texts[i])
	}
	return []*pb.Part{{Source: &pb.Part_Block{Block: &pb.Block{
		Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: uint32(len(items)), Payload: bytes.Join(lines, []byte("\n")),
	}}}}
}

func (p *pipeline) set(item int, status Status, err *Failure) {
	p.outcomes[item] = Outcome{Item: string(p.texts[item]), Status: status, Err: err}
}

// keep notes the items that have an outcome and returns the others.
func (p *pipeline) keep(items []int, r *pb.BatchResult) []int {
	gone := map[int]bool{}
	for _, f := range r.GetFailures() {
		gone[items[f.GetIndex()]] = true
		p.set(items[f.GetIndex()], Failed, failure(f.GetError()))
	}
	for _, s := range r.GetSkipped() {
		for i := s.GetFirst(); i < s.GetFirst()+uint64(s.GetCount()); i++ {
			gone[items[i]] = true
			p.set(items[i], Skipped, nil)
		}
	}
	var left []int
	for _, i := range items {
		if !gone[i] {
			left = append(left, i)
		}
	}
	return left
}

func (p *pipeline) batch(items []int) {
	p.t.Helper()
	loaded := p.ask(p.load, &pb.Batch{Parts: p.parts(items), Region: &pb.Region{Size: sharedSize / 2}})
	if p.halved(items, loaded) {
		return
	}
	if items = p.keep(items, loaded); len(items) == 0 {
		return
	}
	inferred := p.ask(p.device, &pb.Batch{
		Parts: p.parts(items), Loaded: loaded.GetPayload(), Region: &pb.Region{Offset: sharedSize / 2, Size: sharedSize / 2},
	})
	if p.halved(items, inferred) {
		return
	}
	finished := p.ask(p.finish, &pb.Batch{Parts: p.parts(items), Loaded: loaded.GetPayload(), Result: inferred.GetPayload()})
	if p.halved(items, finished) {
		return
	}
	for _, i := range p.keep(items, finished) {
		p.set(i, Done, nil)
	}
}

// halved tries a batch that failed in halves; a single item has failed.
func (p *pipeline) halved(items []int, r *pb.BatchResult) bool {
	p.t.Helper()
	switch {
	case r.GetError() == nil:
		return false
	case len(items) == 1:
		p.set(items[0], Failed, failure(r.GetError()))
	default:
		p.batch(items[:len(items)/2])
		p.batch(items[len(items)/2:])
	}
	return true
}
