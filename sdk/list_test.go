package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// source lists what its How says.
type source struct {
	How   string
	Count int
}

func (*source) Process(context.Context, Item) error { return nil }

// held lets a test hold a lister back.
var held = make(chan struct{})

func (s *source) List(ctx context.Context, yield func(any) error) error {
	switch s.How {
	case "kinds":
		for _, item := range []any{
			RawItem(`{"raw":1}`), []byte("{\n\"broken\" : \"a\\nb\" }"), map[string]any{"z": []any{1, nil, true, "<&>"}, "a": map[string]any{"f": 1.5}},
			struct {
				Path string `json:"path"`
			}{"<a>"},
			map[string]int{"n": 2},
			map[string]any{"input": FileTriplet{Path: "/in/caf\xe9", RelDir: ".", FileName: "caf\xe9"}, "s": "\xff"},
			&struct{ X *int }{},
			&RawItem{'{', '}'},
		} {
			if err := yield(item); err != nil {
				return err
			}
		}
	case "many":
		for i := range s.Count {
			if err := yield(map[string]any{"i": i, "pad": strings.Repeat("x", 100)}); err != nil {
				return err
			}
		}
	case "slow":
		if err := yield(map[string]any{"first": true}); err != nil {
			return err
		}
		<-held
		return yield(map[string]any{"second": true})
	case "error":
		if err := yield(map[string]any{"i": 0}); err != nil {
			return err
		}
		return errors.New("the catalogue is closed")
	case "panic":
		panic("in the list")
	case "goexit":
		runtime.Goexit()
	case "scalar":
		return yield(5)
	case "invalid":
		return yield(RawItem(`{"a":}`))
	case "nil":
		return yield((*RawItem)(nil))
	case "nan":
		return yield(map[string]any{"a": math.NaN()})
	case "endless":
		for {
			if err := yield(map[string]any{}); err != nil {
				held <- struct{}{}
				return err
			}
		}
	case "parallel":
		var all sync.WaitGroup
		errs := make(chan error, 4)
		for w := range 4 {
			all.Go(func() {
				for i := range s.Count {
					if err := yield(map[string]any{"w": w, "i": i}); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		all.Wait()
		close(errs)
		return <-errs
	}
	return nil
}

func list(t *testing.T, req *pb.ListRequest, args ...string) (blocks []*pb.Block, total uint64, failure *pb.Error) {
	t.Helper()
	client, _ := dial(t, Task[source]{})
	open(t, client, &pb.OpenRequest{Task: "source", Stage: pb.Stage_STAGE_LIST, Args: args})
	stream, err := client.List(within(t), req)
	if err != nil {
		t.Fatal(err)
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return blocks, total, failure
		}
		if err != nil {
			t.Fatal(err)
		}
		switch m := resp.GetMessage().(type) {
		case *pb.ListResponse_Block:
			if n := bytes.Count(m.Block.GetPayload(), []byte{'\n'}) + 1; n != int(m.Block.GetCount()) || len(m.Block.GetPayload()) == 0 {
				t.Fatalf("a block of %d items has %d lines", m.Block.GetCount(), n)
			}
			blocks = append(blocks, m.Block)
		case *pb.ListResponse_Total:
			total = m.Total
		case *pb.ListResponse_Error:
			failure = m.Error
		}
	}
}

func texts(blocks []*pb.Block) []string {
	var all []string
	for _, b := range blocks {
		all = append(all, strings.Split(string(b.GetPayload()), "\n")...)
	}
	return all
}

func TestListKinds(t *testing.T) {
	blocks, total, failure := list(t, &pb.ListRequest{}, "--how=kinds")
	if failure != nil {
		t.Fatal(failure)
	}
	want := []string{
		`{"raw":1}`, `{"broken":"a\nb"}`, `{"a":{"f":1.5},"z":[1,null,true,"<&>"]}`, `{"path":"<a>"}`, `{"n":2}`,
		`{"input":{"path":"/in/caf\udce9","rel_dir":".","file_name":"caf\udce9"},"s":"\udcff"}`, `{"X":null}`, `{}`,
	}
	if diff := cmp.Diff(want, texts(blocks)); diff != "" {
		t.Error(diff)
	}
	if total != uint64(len(want)) {
		t.Errorf("the total is %d", total)
	}
}

func TestListBlocks(t *testing.T) {
	blocks, total, failure := list(t, &pb.ListRequest{MaxItems: 1000, MaxBytes: 20000}, "--how=many", "--count=5000")
	if failure != nil || total != 5000 {
		t.Fatalf("%d items, %v", total, failure)
	}
	if first := blocks[0].GetCount(); first > firstBlockItems {
		t.Errorf("the first block has %d items", first)
	}
	for i, b := range blocks {
		if len(b.GetPayload()) > 20000 || b.GetCount() > 1000 {
			t.Errorf("block %d has %d items and %d bytes", i, b.GetCount(), len(b.GetPayload()))
		}
	}
	for i, text := range texts(blocks) {
		if !strings.HasPrefix(text, fmt.Sprintf(`{"i":%d,`, i)) {
			t.Fatalf("item %d is %s", i, text)
		}
	}
	// An item over the bytes of a block has one to itself.
	blocks, _, _ = list(t, &pb.ListRequest{MaxBytes: 50}, "--how=many", "--count=3")
	if len(blocks) != 3 {
		t.Errorf("three large items came in %d blocks", len(blocks))
	}
}

func TestListSlow(t *testing.T) {
	client, _ := dial(t, Task[source]{})
	open(t, client, &pb.OpenRequest{Task: "source", Stage: pb.Stage_STAGE_LIST, Args: []string{"--how=slow"}})
	stream, err := client.List(within(t), &pb.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	// The first item comes although the lister is not finished.
	resp, err := stream.Recv()
	if err != nil || string(resp.GetBlock().GetPayload()) != `{"first":true}` {
		t.Fatalf("%v, %v", resp, err)
	}
	held <- struct{}{}
	resp, err = stream.Recv()
	if err != nil || string(resp.GetBlock().GetPayload()) != `{"second":true}` {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestListFailures(t *testing.T) {
	for how, want := range map[string]string{
		"error": "the catalogue is closed", "panic": "panic: in the list", "goexit": "panic: " + goexit,
		"scalar": "item 0 of the list: a int is not a JSON object", "nil": "item 0 of the list: it is a nil pointer", "invalid": "item 0 of the list: its JSON text has '}' at byte 6",
		"nan": "item 0 of the list: a: json: unsupported value: NaN",
	} {
		_, total, failure := list(t, &pb.ListRequest{}, "--how="+how)
		if !strings.Contains(failure.GetMessage(), want) || total != 0 {
			t.Errorf("%s: %q", how, failure.GetMessage())
		}
		if isPanic := strings.HasPrefix(want, "panic"); isPanic != (failure.GetPanic() != nil) || isPanic != (failure.GetTraceback() != "") {
			t.Errorf("%s: %v", how, failure)
		}
	}
	if blocks, _, _ := list(t, &pb.ListRequest{}, "--how=error"); len(texts(blocks)) != 1 {
		t.Errorf("before the error came %q", texts(blocks))
	}
}

func TestListCancelled(t *testing.T) {
	client, _ := dial(t, Task[source]{})
	open(t, client, &pb.OpenRequest{Task: "source", Stage: pb.Stage_STAGE_LIST, Args: []string{"--how=endless"}})
	ctx, cancel := context.WithCancel(within(t))
	stream, err := client.List(ctx, &pb.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	// The lister learns of it.
	<-held
}

func TestListParallel(t *testing.T) {
	blocks, total, failure := list(t, &pb.ListRequest{MaxItems: 64}, "--how=parallel", "--count=1000")
	if failure != nil || total != 4000 {
		t.Fatalf("%d items, %v", total, failure)
	}
	next := map[string]int{}
	for _, text := range texts(blocks) {
		var i int
		var w string
		if _, err := fmt.Sscanf(text, `{"i":%d,"w":%1s}`, &i, &w); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if next[w] != i {
			t.Fatalf("worker %s: item %d where %d was due", w, i, next[w])
		}
		next[w]++
	}
}

func TestListUnsupported(t *testing.T) {
	client, _ := dial(t, Task[toucherWithTemplate]{Template: &Template{HardShard: NoHardShard("a", "b"), Input: InputByExts()}})
	open(t, client, &pb.OpenRequest{Task: "toucherWithTemplate", Stage: pb.Stage_STAGE_LIST})
	stream, err := client.List(within(t), &pb.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil || resp.GetError().GetUnsupported() == nil {
		t.Errorf("%v, %v", resp, err)
	}
}

type toucherWithTemplate struct{}

func (*toucherWithTemplate) Process(context.Context, Item) error { return nil }
