package sdk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// scripted does what its items say.
type scripted struct {
	// Beat is a heartbeat page to log before each item.
	Beat string
}

type order struct {
	Do string `json:"do"`
}

func (s *scripted) IsExecuted(_ context.Context, item Item) (bool, error) {
	var o order
	if err := item.Decode(&o); err != nil {
		return false, err
	}
	switch o.Do {
	case "skip":
		return true, nil
	case "check-error":
		return true, errors.New("the check failed")
	case "check-panic":
		panic("in the check")
	}
	return false, nil
}

func (s *scripted) Process(ctx context.Context, item Item) error {
	var o order
	if err := item.Decode(&o); err != nil {
		return err
	}
	if s.Beat != "" {
		mem, err := os.ReadFile(s.Beat)
		if err != nil {
			return err
		}
		at := 64 * (1 + 1)
		Log(ctx).Info("beat", "id", binary.LittleEndian.Uint64(mem[at:]), "index", binary.LittleEndian.Uint64(mem[at+8:]),
			"count", binary.LittleEndian.Uint64(mem[at+16:]), "map", fmt.Sprint([]int{int(mem[20480]), int(mem[20481]), int(mem[20482]), int(mem[20483]), int(mem[20484])}))
	}
	switch o.Do {
	case "error":
		return fmt.Errorf("reading: %w", &os.PathError{Op: "open", Path: "a.jpg", Err: syscall.ENOENT})
	case "retry":
		return Retryable(errors.New("the moon"))
	case "timeout":
		return context.DeadlineExceeded
	case "permanent":
		return Permanent(fmt.Errorf("no: %w", syscall.EAGAIN))
	case "full":
		return syscall.ENOSPC
	case "panic":
		panic(fmt.Errorf("out of %s", "luck"))
	case "nil":
		tallied(nil)
	case "goexit":
		runtime.Goexit()
	case "log":
		Log(ctx).Warn("a line", "key", 1)
	case "latin":
		return errors.New("caf\xe9")
	}
	return nil
}

// tallied breaks on a nil map.
func tallied(m map[string]int) { m["x"]++ }

func (s *scripted) List(context.Context, func(any) error) error { return nil }

func do(orders ...string) []string {
	items := make([]string, len(orders))
	for i, o := range orders {
		items[i] = fmt.Sprintf(`{"do":%q}`, o)
	}
	return items
}

func TestOutcomes(t *testing.T) {
	client, _ := dial(t, Task[scripted]{})
	open(t, client, &pb.OpenRequest{Task: "scripted"})
	r := one(t, client, do("", "skip", "skip", "error", "skip", "panic", "goexit", "", "check-error", "check-panic", "nil", "skip")...)
	if r.GetId() != 1 || r.GetCount() != 12 {
		t.Errorf("answered chunk %d of %d", r.GetId(), r.GetCount())
	}
	wantSkipped := []*pb.IndexRange{{First: 1, Count: 2}, {First: 4, Count: 1}, {First: 11, Count: 1}}
	if diff := cmp.Diff(wantSkipped, r.GetSkipped(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, f := range r.GetFailures() {
		got = append(got, fmt.Sprintf("%d %s", f.GetIndex(), f.GetError().GetMessage()))
	}
	want := []string{
		"3 reading: open a.jpg: no such file or directory", "5 panic: out of luck", "6 panic: runtime.Goexit was called",
		"8 the check failed", "9 panic: in the check", "10 panic: assignment to entry in nil map",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	failures := r.GetFailures()
	if name := failures[0].GetError().GetItem().GetTypeName(); name != "*fs.PathError" {
		t.Errorf("the error's type is %q", name)
	}
	for i, wantFrame := range map[int]string{1: "scripted).Process", 2: "scripted).Process", 4: "scripted).IsExecuted", 5: "run_test.go"} {
		e := failures[i].GetError()
		if e.GetPanic() == nil || !strings.Contains(e.GetTraceback(), wantFrame) {
			t.Errorf("failure %d is no panic with a stack through %s: %v", i, wantFrame, e)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	client, _ := dial(t, Task[scripted]{})
	open(t, client, &pb.OpenRequest{Task: "scripted"})
	r := one(t, client, do("error", "retry", "timeout", "permanent", "full", "latin")...)
	var got []string
	for _, f := range r.GetFailures() {
		e := f.GetError()
		got = append(got, fmt.Sprintf("%s|%v|%s|%s", e.GetMessage(), e.GetRetryable(), e.GetFault(), e.GetItem().GetTypeName()))
	}
	want := []string{
		"reading: open a.jpg: no such file or directory|false|FAULT_TASK|*fs.PathError",
		"the moon|true|FAULT_TASK|error",
		"context deadline exceeded|true|FAULT_TASK|context.deadlineExceededError",
		"no: resource temporarily unavailable|false|FAULT_TASK|syscall.Errno",
		"no space left on device|false|FAULT_ENVIRONMENT|syscall.Errno",
		"caf\uFFFD|false|FAULT_TASK|error",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if Permanent(nil) != nil || Retryable(nil) != nil {
		t.Error("marking no error made one")
	}
}

func TestChunksAnsweredInOrder(t *testing.T) {
	client, _ := dial(t, Task[scripted]{})
	open(t, client, &pb.OpenRequest{Task: "scripted"})
	results := run(t, client, lines(1, do("", "error")...), lines(2, do("goexit")...), lines(3), lines(4, do("skip", "")...))
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%d: %d items, %d failed, %d skips", r.GetId(), r.GetCount(), len(r.GetFailures()), len(r.GetSkipped())))
	}
	want := []string{"1: 2 items, 1 failed, 0 skips", "2: 1 items, 1 failed, 0 skips", "3: 0 items, 0 failed, 0 skips", "4: 2 items, 0 failed, 1 skips"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// keeper remembers its items.
type keeper struct {
	items []string
	stage Stage
}

var kept = make(chan []string, 1)

func (k *keeper) Process(_ context.Context, item Item) error {
	k.items = append(k.items, fmt.Sprintf("%d %s", item.Index, item.JSON()))
	return nil
}
func (k *keeper) Open(_ context.Context, env Env) error            { k.stage = env.Stage; return nil }
func (k *keeper) List(context.Context, func(item any) error) error { return nil }
func (k *keeper) Close() error {
	if k.stage == StageRun {
		kept <- k.items
	}
	return nil
}

func TestPartsSkipAndTake(t *testing.T) {
	client, _ := dial(t, Task[keeper]{})
	open(t, client, &pb.OpenRequest{Task: "keeper"})
	block := func(skip, take uint32, count uint32, payload string) *pb.Part {
		return &pb.Part{Skip: skip, Take: take, Source: &pb.Part_Block{Block: &pb.Block{
			Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: count, Payload: []byte(payload)}}}
	}
	results := run(t, client, &pb.Chunk{Id: 9, Parts: []*pb.Part{
		block(1, 2, 4, "{\"a\":0}\n{\"a\":1}\n{\"a\":2}\n{\"a\":3}"),
		block(0, 0, 0, ""),
		block(3, 0, 4, "{\"b\":0}\n{\"b\":1}\n{\"b\":2}\n{\"b\":3}"),
		block(0, 1, 2, "{\"c\":0}\n{\"c\":1}"),
		block(0, 0, 3, "{\"d\":0}"),
		{Source: &pb.Part_Range{Range: &pb.IndexRange{First: 7, Count: 1}}},
		{Source: &pb.Part_Block{Block: &pb.Block{Encoding: pb.Encoding_ENCODING_OPAQUE, Count: 1, Payload: []byte("x")}}},
	}})
	want := []string{`0 {"a":1}`, `1 {"a":2}`, `2 {"b":3}`, `3 {"c":0}`, `4 {"d":0}`}
	if diff := cmp.Diff(want, <-kept); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, f := range results[0].GetFailures() {
		got = append(got, fmt.Sprintf("%d %s %s", f.GetIndex(), f.GetError().GetFault(), f.GetError().GetMessage()))
	}
	short := "FAULT_KAGURAZAKA the host sent fewer items than it announced"
	form := "FAULT_KAGURAZAKA the host sent items in an encoding that plugins in Go do not read: they read JSON lines"
	if diff := cmp.Diff([]string{"5 " + short, "6 " + short, "7 " + form, "8 " + form}, got); diff != "" {
		t.Error(diff)
	}
}

func TestContractBreaches(t *testing.T) {
	tooMany := &pb.Chunk{Id: 1, Parts: []*pb.Part{{Source: &pb.Part_Range{Range: &pb.IndexRange{Count: wire.MaxChunkItems + 1}}}}}
	for name, chunk := range map[string]*pb.Chunk{"slot": {Id: 1, Slot: 4}, "items": tooMany} {
		client, _ := dial(t, Task[scripted]{})
		open(t, client, &pb.OpenRequest{Task: "scripted"})
		stream, err := client.Run(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&pb.RunRequest{Chunk: chunk}); err != nil {
			t.Fatal(err)
		}
		if _, err = stream.Recv(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	client, _ := dial(t, Task[scripted]{})
	stream, err := client.Run(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("Run before Open: %v", err)
	}
}

func TestHeartbeat(t *testing.T) {
	path := page(t)
	client, logged := dial(t, Task[scripted]{})
	open(t, client, &pb.OpenRequest{Task: "scripted", HeartbeatPath: path, Args: []string{"--beat", path}, WorkerIndex: 3})
	results := run(t, client, lines(1, do("", "error", "skip", "panic", "")...), lines(5, do("")...))
	if len(results) != 2 {
		t.Fatalf("%d answers", len(results))
	}
	var got []string
	for line := range strings.Lines(logged.String()) {
		if i := strings.Index(line, `"count"`); i >= 0 {
			got = append(got, line[i:strings.Index(line, `,"worker"`)])
		}
	}
	want := []string{
		`"count":5,"id":1,"index":0,"item":"{\"do\":\"\"}","map":"[0 0 0 0 0]"`,
		`"count":5,"id":1,"index":1,"item":"{\"do\":\"error\"}","map":"[0 0 0 0 0]"`,
		`"count":5,"id":1,"index":3,"item":"{\"do\":\"panic\"}","map":"[0 1 2 0 0]"`,
		`"count":5,"id":1,"index":4,"item":"{\"do\":\"\"}","map":"[0 1 2 1 0]"`,
		`"count":1,"id":5,"index":0,"item":"{\"do\":\"\"}","map":"[0 1 2 1 0]"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mem, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if id, index := binary.LittleEndian.Uint64(mem[128:]), binary.LittleEndian.Uint64(mem[136:]); id != 5 || index != 1 {
		t.Errorf("at the end the page says chunk %d at %d", id, index)
	}
	if len(mem) != wire.BeatSize {
		t.Errorf("the page has %d bytes now", len(mem))
	}
}

func TestLogNamesWorkerAndItem(t *testing.T) {
	client, logged := dial(t, Task[scripted]{})
	open(t, client, &pb.OpenRequest{Task: "scripted", WorkerIndex: 7})
	one(t, client, `{"do":"log","input":{"path":"/in/a.jpg","rel_dir":".","file_name":"a.jpg"}}`)
	for _, want := range []string{`"@message":"a line"`, `"worker":7`, `"item":"/in/a.jpg"`, `"@module":"scripted"`, `"key":1`} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("%s is not in the log: %s", want, logged)
		}
	}
	// A context from elsewhere has no log, and asking for one does no harm.
	Log(context.Background()).Error("nobody reads this")
}

// waiter tells when it waits, and waits for its context's end.
type waiter struct{}

var (
	waiting = make(chan struct{})
	ended   = make(chan error, 1)
)

func (*waiter) List(context.Context, func(any) error) error { return nil }
func (*waiter) Process(ctx context.Context, _ Item) error {
	waiting <- struct{}{}
	<-ctx.Done()
	ended <- ctx.Err()
	return ctx.Err()
}

func TestContextEndsWithTheStream(t *testing.T) {
	client, _ := dial(t, Task[waiter]{})
	open(t, client, &pb.OpenRequest{Task: "waiter"})
	ctx, cancel := context.WithCancel(within(t))
	stream, err := client.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pb.RunRequest{Chunk: lines(1, "{}")}); err != nil {
		t.Fatal(err)
	}
	<-waiting
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the item's context ended with %v", err)
	}
	if _, err := stream.Recv(); errors.Is(err, io.EOF) || err == nil {
		t.Errorf("the stream ended with %v", err)
	}
}
