package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

type idle struct{ Count int }

func (*idle) Process(context.Context, Item) error { return nil }

func (n *idle) List(_ context.Context, yield func(any) error) error {
	for i := range n.Count {
		if err := yield(struct {
			I    int    `json:"i"`
			Path string `json:"path"`
		}{i, "/data/in/123/12345.jpg"}); err != nil {
			return err
		}
	}
	return nil
}

type mapLister struct{ idle }

func (n *mapLister) List(_ context.Context, yield func(any) error) error {
	for i := range n.Count {
		if err := yield(map[string]any{"i": i, "path": "/data/in/123/12345.jpg"}); err != nil {
			return err
		}
	}
	return nil
}

type rawLister struct{ idle }

func (n *rawLister) List(_ context.Context, yield func(any) error) error {
	for range n.Count {
		if err := yield(RawItem(`{"i":12345,"path":"/data/in/123/12345.jpg"}`)); err != nil {
			return err
		}
	}
	return nil
}

func manyLines(n int) []string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"i":%d,"path":"/data/in/%d/%d.jpg"}`, i, i%1000, i)
	}
	return items
}

func BenchmarkRunIdle(b *testing.B) {
	client, _ := dial(b, Task[idle]{})
	open(b, client, &pb.OpenRequest{Task: "idle", HeartbeatPath: page(b)})
	stream, err := client.Run(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	chunk := lines(1, manyLines(4096)...)
	b.ReportAllocs()
	b.ResetTimer()
	inFlight := 0
	receive := func() {
		if _, err := stream.Recv(); err != nil {
			b.Fatal(err)
		}
		inFlight--
	}
	chunks := b.N/4096 + 1
	for range chunks {
		if inFlight == 4 {
			receive()
		}
		if err := stream.Send(&pb.RunRequest{Chunk: chunk}); err != nil {
			b.Fatal(err)
		}
		inFlight++
	}
	for inFlight > 0 {
		receive()
	}
	b.StopTimer()
	b.ReportMetric(float64(chunks*4096)/b.Elapsed().Seconds()/1e6, "Mitems/s")
	if err := stream.CloseSend(); err != nil {
		b.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
}

// BenchmarkLoopIdle is the worker's own part, without gRPC.
func BenchmarkLoopIdle(b *testing.B) {
	client, _ := dial(b, Task[idle]{})
	_ = client
	d, err := Task[idle]{}.define()
	if err != nil {
		b.Fatal(err)
	}
	s := newService(context.Background(), newLogger(), nil)
	s.definitions, s.broken = []*definition{d}, nil
	in, failure := s.open(&pb.OpenRequest{Task: "idle", Stage: pb.Stage_STAGE_RUN, HeartbeatPath: page(b)})
	if failure != nil {
		b.Fatal(failure)
	}
	r := &runner{in: in, ctx: in.life, processor: in.task.(Processor)}
	chunk := lines(1, manyLines(4096)...)
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for n < b.N {
		if r.chunk, err = r.begin(chunk); err != nil {
			b.Fatal(err)
		}
		if !r.work() {
			b.Fatal("the loop stopped")
		}
		n += 4096
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mitems/s")
}

func benchmarkList(b *testing.B, task Definition, name string) {
	client, _ := dial(b, task)
	open(b, client, &pb.OpenRequest{Task: name, Stage: pb.Stage_STAGE_LIST, Args: []string{fmt.Sprint("--count=", b.N)}})
	b.ResetTimer()
	stream, err := client.List(context.Background(), &pb.ListRequest{MaxItems: 4096, MaxBytes: 512 << 10})
	if err != nil {
		b.Fatal(err)
	}
	total := 0
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		total += int(resp.GetBlock().GetCount())
	}
	if total != b.N {
		b.Fatalf("%d items of %d", total, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mitems/s")
}

func BenchmarkListStruct(b *testing.B) { benchmarkList(b, Task[idle]{}, "idle") }
func BenchmarkListMap(b *testing.B)    { benchmarkList(b, Task[mapLister]{}, "mapLister") }
func BenchmarkListRaw(b *testing.B)    { benchmarkList(b, Task[rawLister]{}, "rawLister") }

type toucher struct{ idle }

func (*toucher) Process(_ context.Context, item Item) error {
	f, err := os.Create(item.Output().Path)
	if err != nil {
		return err
	}
	return f.Close()
}

// BenchmarkTouch writes an empty file an item, in place and through staging, a thousand a folder.
func BenchmarkTouch(b *testing.B) {
	for _, staged := range []bool{false, true} {
		b.Run(fmt.Sprintf("staged=%v", staged), func(b *testing.B) {
			root := b.TempDir()
			client, _ := dial(b, Task[toucher]{})
			req := &pb.OpenRequest{Task: "toucher", HeartbeatPath: page(b)}
			if staged {
				req.Staging = &pb.Staging{Dir: filepath.Join(root, "staging"), Last: []string{"output"}}
				if err := os.Mkdir(req.GetStaging().GetDir(), 0o755); err != nil {
					b.Fatal(err)
				}
			}
			open(b, client, req)
			var chunks []*pb.Chunk
			for first := 0; first < b.N; first += 1000 {
				dir := filepath.Join(root, "out", fmt.Sprint(first/1000))
				if err := os.MkdirAll(dir, 0o755); err != nil {
					b.Fatal(err)
				}
				var items []string
				for i := first; i < min(first+1000, b.N); i++ {
					items = append(items, fmt.Sprintf(`{"input":{"path":"/in/%d.txt","rel_dir":".","file_name":"%d.txt"},"output":{"path":"%s/%d.out","rel_dir":".","file_name":"%d.out"}}`, i, i, dir, i, i))
				}
				chunks = append(chunks, lines(uint64(first/1000+1), items...))
			}
			b.ResetTimer()
			before := cpuTime(b)
			for _, r := range run(b, client, chunks...) {
				if len(r.GetFailures()) > 0 {
					b.Fatal(r.GetFailures()[0])
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what this process has used, in nanoseconds: unlike the time on the clock it means something while the
// machine does other things.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkItemOutput(b *testing.B) {
	item := Item{raw: []byte(`{"input":{"path":"/data/in/12/a.jpg","rel_dir":"12","file_name":"a.jpg"},"output":{"path":"/data/out/12/a.jpg","rel_dir":"12","file_name":"a.jpg"}}`)}
	b.ReportAllocs()
	for b.Loop() {
		if !strings.HasSuffix(item.Output().Path, "a.jpg") {
			b.Fatal("the wrong path")
		}
	}
}
