package sdktest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk"
)

// sharedSize is the size of the shared memory, a sparse file.
const sharedSize = 1 << 30

// pipeline is a device task with a worker for each of its stages.
type pipeline struct {
	t                    testing.TB
	load, device, finish pb.PluginService_RunClient
	id                   uint64
	outcomes             []Outcome // of each item, when it has one
}

// runStages works on the items in batches, as the host does: it halves a batch that fails.
func runStages(t testing.TB, task sdk.Definition, args []string, s *setup) []Outcome {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shared")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, sharedSize)); err != nil {
		t.Fatal(err)
	}
	p := &pipeline{t: t}
	var all []int
	for i, item := range s.items {
		p.outcomes = append(p.outcomes, Outcome{Item: string(item), Status: Done})
		all = append(all, i)
	}
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
	for batch := range slices.Chunk(all, s.batch) {
		p.batch(batch)
	}
	for _, stream := range []pb.PluginService_RunClient{p.load, p.device, p.finish} {
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err == nil {
			t.Fatal("a stage answered more batches than it got")
		}
	}
	return p.outcomes
}

// ask sends a batch to a stage and returns its answer.
func (p *pipeline) ask(stream pb.PluginService_RunClient, b *pb.Batch) *pb.BatchResult {
	p.t.Helper()
	p.id++
	b.Id = p.id
	resp, err := (*pb.RunResponse)(nil), stream.Send(&pb.RunRequest{Batch: b})
	if err == nil {
		resp, err = stream.Recv()
	}
	if err != nil {
		p.t.Fatalf("running the task: %v", err)
	}
	if resp.GetBatch().GetId() != b.GetId() {
		p.t.Fatalf("batch %d was answered as %d", b.GetId(), resp.GetBatch().GetId())
	}
	return resp.GetBatch()
}

func (p *pipeline) parts(items []int) []*pb.Part {
	var lines [][]byte
	for _, i := range items {
		lines = append(lines, []byte(p.outcomes[i].Item))
	}
	return parts(lines...)
}

func (p *pipeline) set(item int, status Status, err *Failure) {
	p.outcomes[item].Status, p.outcomes[item].Err = status, err
}

// settle sets the outcomes of failed and skipped items, and returns the other items.
func (p *pipeline) settle(items []int, r *pb.BatchResult) []int {
	for _, f := range r.GetFailures() {
		p.set(items[f.GetIndex()], Failed, failure(f.GetError()))
	}
	for _, s := range r.GetSkipped() {
		for _, i := range items[s.GetFirst():][:s.GetCount()] {
			p.set(i, Skipped, nil)
		}
	}
	return slices.DeleteFunc(slices.Clone(items), func(i int) bool { return p.outcomes[i].Status != Done })
}

func (p *pipeline) batch(items []int) {
	p.t.Helper()
	loaded := p.ask(p.load, &pb.Batch{Parts: p.parts(items), Region: &pb.Region{Size: sharedSize / 2}})
	if p.halved(items, loaded) {
		return
	}
	if items = p.settle(items, loaded); len(items) == 0 {
		return
	}
	inferred := p.ask(p.device, &pb.Batch{
		Parts: p.parts(items), Loaded: loaded.GetPayload(), Region: &pb.Region{Offset: sharedSize / 2, Size: sharedSize / 2},
	})
	if p.halved(items, inferred) {
		return
	}
	finished := p.ask(p.finish, &pb.Batch{Parts: p.parts(items), Loaded: loaded.GetPayload(), Result: inferred.GetPayload()})
	if !p.halved(items, finished) {
		p.settle(items, finished)
	}
}

// halved tries the halves of a batch that failed. A batch of one item fails the item.
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
