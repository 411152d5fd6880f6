package plugin

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gprunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// These targets are what a plugin that means harm can send: never a panic, and nothing gets past that the rest of the host
// could stumble over.

func addMessages(f *testing.F, messages ...proto.Message) {
	f.Helper()
	for _, m := range messages {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{})
	f.Add([]byte("\x0a\xff\xff\xff\xff\x0f"))
}

func node(json string) *pb.Node { return &pb.Node{Kind: &pb.Node_Json{Json: json}} }

func FuzzDescribeResponse(f *testing.F) {
	places := []*pb.Field{
		{Name: "input_path", Value: &pb.Node{Kind: &pb.Node_Placeholder{Placeholder: &pb.Placeholder{}}}, Help: "where"},
		{Name: "output_path", Value: node(`"out"`)},
	}
	addMessages(f, &pb.DescribeResponse{
		Name: "p", Version: "1", Capabilities: []string{"spawn"}, Sources: []string{"/a.py"},
		Tasks: []*pb.Task{{
			Name: "T", Summary: "does", Kind: pb.TaskKind_TASK_KIND_DEVICE, Capabilities: []string{"list"},
			Arguments: []*pb.Argument{
				{Name: "size", Flags: []string{"--size", "-s"}, Type: pb.ArgumentType_ARGUMENT_TYPE_INT, DefaultJson: "5", ChoicesJson: []string{"5", "6"}, Help: "how"},
				{Name: "files", Type: pb.ArgumentType_ARGUMENT_TYPE_PATH, Arity: "*", Required: true},
				{Name: "on", Flags: []string{"--on"}, Type: pb.ArgumentType_ARGUMENT_TYPE_BOOL, Arity: "0", Negatable: true},
			},
			Template: &pb.Template{Fields: []*pb.Field{
				{Name: "hard_shard_mode", Value: &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: "NoHardShard", Fields: places}}}},
				{Name: "input_mode", Value: &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: "InputByExts", Fields: []*pb.Field{{Name: "exts", Value: node(`[".x"]`)}}}}}},
				{Name: "soft_shard", Value: &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: []*pb.Field{{Name: "shard_num", Value: node("2")}}}}}},
			}},
		}},
	}, &pb.DescribeResponse{Tasks: []*pb.Task{{Name: "T", Arguments: []*pb.Argument{{DefaultJson: "1 2", Arity: "?"}}}}},
		&pb.DescribeResponse{Error: &pb.Error{Message: "m", Traceback: "t", Detail: &pb.Error_Config{Config: &pb.ConfigError{Problems: []*pb.ConfigProblem{{Where: "w"}}}}}},
		&pb.DescribeResponse{Tasks: []*pb.Task{{Name: "T", Template: &pb.Template{Fields: []*pb.Field{{Value: &pb.Node{Kind: &pb.Node_List{List: &pb.NodeList{Nodes: []*pb.Node{nil, node("{}")}}}}}, {}}}}}},
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		var resp pb.DescribeResponse
		if proto.Unmarshal(data, &resp) != nil {
			return
		}
		if err := taskError("describing it", resp.GetError()); err != nil && err.Error() == "" {
			t.Error("an error without a word")
		}
		described, err := readDescription("describing it", &resp)
		if err != nil {
			return
		}
		if err := schema.DescribeText(io.Discard, described, 80); err != nil {
			t.Error(err)
		}
		_ = schema.DescribeJSON(io.Discard, described, "", nil)
		for i := range described.Tasks {
			task := &described.Tasks[i]
			if err := schema.Help(io.Discard, task, schema.HelpOptions{Command: []string{"kagurazaka"}, Width: 80}); err != nil {
				t.Error(err)
			}
			if err := schema.Skeleton(io.Discard, task, "kagurazaka", nil, nil); err != nil {
				t.Error(err)
			}
			_ = schema.Validate(task, []string{"--size", "5", "-s=x", "--on", "word", "--no-on"})
			_ = task.Template.Plain()
			_, _ = template.Compile(task.Template)
			// What came is what goes back when the task is opened.
			if back := toTemplate(task.Template); task.Template != nil && len(back.GetFields()) != len(task.Template.Fields) {
				t.Error("the template has lost a field on its way")
			}
		}
	})
}

func FuzzRunResponse(f *testing.F) {
	addMessages(f, &pb.RunResponse{Result: &pb.ChunkResult{
		Id: 7, Count: 9, BusyNs: 1 << 40, Skipped: []*pb.IndexRange{{First: 1, Count: 2}},
		Failures: []*pb.ItemFailure{
			{Index: 5, Item: "i", Error: &pb.Error{Message: "m", Detail: &pb.Error_Panic{Panic: &pb.PanicError{Value: "v"}}}},
			{Index: 3, Error: &pb.Error{Fault: pb.Fault_FAULT_TASK, Retryable: true}}, {},
		},
	}}, &pb.RunResponse{Result: &pb.ChunkResult{
		Count: 1<<32 - 1, BusyNs: 1<<64 - 1, Skipped: []*pb.IndexRange{{First: 1<<64 - 1, Count: 1<<32 - 1}}, Failures: []*pb.ItemFailure{{Index: 1<<32 - 1}},
	}}, &pb.RunResponse{}, &pb.RunResponse{Batch: &pb.BatchResult{
		Id: 3, Count: 2, BusyNs: 1<<64 - 1, IdleNs: 1<<64 - 1, Skipped: []*pb.IndexRange{{First: 1<<64 - 1, Count: 5}}, Failures: []*pb.ItemFailure{{Index: 1}},
		Payload: &pb.Payload{Used: 1<<64 - 1, Tensors: []*pb.Tensor{{Dtype: "f4", Shape: []uint64{1<<64 - 1}, Offset: 1<<64 - 1}, {}}},
	}}, &pb.RunResponse{Batch: &pb.BatchResult{Error: &pb.Error{Detail: &pb.Error_RegionTooSmall{RegionTooSmall: &pb.RegionTooSmallError{Wanted: 1<<64 - 1}}}}})
	ranges := func(t *testing.T, skipped []backbones.Range, failures []backbones.ItemFailure) {
		for _, s := range skipped {
			if s.First < 0 || s.Count < 0 || s.First+s.Count < s.First {
				t.Errorf("%+v", s)
			}
		}
		for i, failed := range failures {
			if failed.Index < 0 || failed.Failure.Message == "" || failed.Failure.Kind == "" || failed.Failure.Elapsed < 0 || i > 0 && failed.Index < failures[i-1].Index {
				t.Errorf("%+v", failed)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var resp pb.RunResponse
		if proto.Unmarshal(data, &resp) != nil {
			return
		}
		r := fromResult(resp.GetResult())
		if r.Count < 0 || r.Busy < 0 || r.ChunkID != resp.GetResult().GetId() {
			t.Errorf("%+v", r)
		}
		ranges(t, r.Skipped, r.Failures)
		b := fromBatchResult(resp.GetBatch())
		if b.Count < 0 || b.Busy < 0 || b.ID != resp.GetBatch().GetId() || b.Err != nil && b.Err.Failure.Message == "" {
			t.Errorf("%+v", b)
		}
		ranges(t, b.Skipped, b.Failures)
	})
}

// sayings is a stream of what the plugin has sent.
type sayings struct {
	grpc.ClientStream
	messages []*pb.ListResponse
}

func (s *sayings) Recv() (*pb.ListResponse, error) {
	if len(s.messages) == 0 {
		return nil, io.EOF
	}
	m := s.messages[0]
	s.messages = s.messages[1:]
	return m, nil
}

func FuzzListResponse(f *testing.F) {
	block := func(b *pb.Block) *pb.ListResponse { return &pb.ListResponse{Message: &pb.ListResponse_Block{Block: b}} }
	for _, messages := range [][]*pb.ListResponse{
		{block(&pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: 2, Payload: []byte("{}\n{}")}), block(&pb.Block{Encoding: pb.Encoding_ENCODING_OPAQUE, Count: 2, Payload: []byte("ab"), Keys: []string{"a"}})},
		{{Message: &pb.ListResponse_Indexed{Indexed: 1<<64 - 1}}}, {{Message: &pb.ListResponse_Indexed{Indexed: 5}}},
		{{Message: &pb.ListResponse_Total{Total: 1 << 63}}, {}, block(&pb.Block{Encoding: pb.Encoding_ENCODING_OPAQUE, Count: 1<<32 - 1})},
		{{Message: &pb.ListResponse_Warning{Warning: "w"}}, block(nil), {Message: &pb.ListResponse_Error{Error: &pb.Error{}}}},
		{block(&pb.Block{Encoding: pb.Encoding_ENCODING_JSON_LINES, Count: 1, Payload: []byte("{}")}), {Message: &pb.ListResponse_Indexed{Indexed: 5}}},
	} {
		var data []byte
		for _, m := range messages {
			one, err := proto.Marshal(m)
			if err != nil {
				f.Fatal(err)
			}
			data = append(binary.AppendUvarint(data, uint64(len(one))), one...)
		}
		f.Add(data, true)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, indexed bool) {
		var messages []*pb.ListResponse
		for len(data) > 0 {
			n, used := binary.Uvarint(data)
			if used <= 0 {
				return
			}
			data = data[used:]
			one := data[:min(n, uint64(len(data)))]
			data = data[len(one):]
			m := &pb.ListResponse{}
			if proto.Unmarshal(one, m) != nil {
				return
			}
			messages = append(messages, m)
		}
		l := &Lister{task: "T", warn: func(string) {}, stream: &sayings{messages: messages}, cancel: func() {}, acceptIndexed: indexed}
		l.total.Store(-1)
		next := uint64(0)
		for {
			b, err := l.Next(t.Context())
			if n, known := l.Total(); known && n < 0 {
				t.Errorf("a total of %d", n)
			}
			if n, _ := l.Remaining(); n < 0 {
				t.Errorf("%d remain", n)
			}
			if err != nil {
				if !errors.Is(err, io.EOF) && err.Error() == "" {
					t.Error("an error without a word")
				}
				return
			}
			switch {
			case b.Count <= 0 || b.Count > mostIndexed:
				t.Errorf("a block of %d items", b.Count)
			case b.First != next:
				t.Errorf("a block begins at %d, the one before it ended at %d", b.First, next)
			case b.Encoding == backbones.JSONLines && countLines(b.Payload) != b.Count:
				t.Errorf("%d items in %d lines", b.Count, countLines(b.Payload))
			case b.Encoding == backbones.Opaque && b.Count > listItems:
				t.Errorf("%d items, which nobody can count", b.Count)
			case b.Encoding == backbones.Indexed && (!indexed || next > 0):
				t.Error("a number of items that was not asked for")
			}
			next += uint64(b.Count)
		}
	})
}

func FuzzHeartbeat(f *testing.F) {
	f.Add(uint64(1), uint64(3), uint64(9), []byte{0, 1, 2})
	f.Add(uint64(1<<63), uint64(1<<64-1), uint64(0), []byte{0, 7, 1})
	f.Add(uint64(0), uint64(16384), uint64(16384), []byte{3})
	page, err := newHeartbeat(filepath.Join(f.TempDir(), "beat"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(page.close)
	f.Fuzz(func(t *testing.T, id, index, count uint64, outcomes []byte) {
		clear(page.mem[wire.BeatHeader:])
		for slot := range backbones.MaxInFlight {
			at := page.mem[wire.BeatSlot*(slot+1):]
			binary.LittleEndian.PutUint64(at, id)
			binary.LittleEndian.PutUint64(at[8:], index)
			binary.LittleEndian.PutUint64(at[16:], count)
			copy(page.mem[wire.BeatHeader+slot*backbones.MaxChunkItems:], outcomes[:min(len(outcomes), backbones.MaxChunkItems)])
		}
		for slot, b := range page.beats() {
			if b.ChunkID != id || b.Index < 0 || b.Index > backbones.MaxChunkItems || len(b.Outcomes) != b.Index || uint64(b.Index) > index {
				t.Errorf("slot %d: chunk %d, position %d, %d outcomes", slot, b.ChunkID, b.Index, len(b.Outcomes))
			}
			for _, o := range b.Outcomes {
				if o > backbones.OutcomeSkipped {
					t.Fatalf("slot %d: the outcome %d", slot, o)
				}
			}
		}
	})
}

// mute is a plugin process of which there is only what it printed.
type mute struct {
	*runner
	printed []byte
	once    sync.Once
}

func (m *mute) Start(context.Context) error {
	stdout, w, err := os.Pipe()
	if err != nil {
		return err
	}
	m.drained.Go(func() { m.drainStdout(stdout) })
	go func() {
		_, _ = w.Write(m.printed)
		_ = w.Close()
	}()
	return nil
}

func (m *mute) Kill(context.Context) error { m.once.Do(func() { close(m.exited) }); return nil }

func FuzzHandshake(f *testing.F) {
	// Of a length with which it is tried under TLS, too.
	certificate := strings.Repeat("QUJD", 20) + "AAAAAAAA"
	for _, seed := range []string{
		"1|1|unix|/nowhere|grpc\n", "1|1|unix|/nowhere|grpc|" + certificate + "\n", "1|2|unix|/x|grpc\n", "2|1|unix|/x|grpc\n", "1|1|tcp|localhost:1|grpc\n",
		"1|1|unix|/x|netrpc\n", "1|1|unix|/x\n", "hello\n", "", "\n", "1|1|unix|\x00|grpc||||\n", "|||||", "1|\x1b[31m|unix|/x|grpc\n", strings.Repeat("x", 5000), "1|99999999999999999999|unix|/x|grpc\n",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, printed []byte, mtls bool) {
		m := &mute{runner: newRunner(exec.Command("none"), "it", newStderrLog(hclog.NewNullLogger(), nil)), printed: printed}
		// Making a certificate takes longer than everything else together.
		mtls = mtls && len(printed)%8 == 0
		m.mtls = mtls
		sockets := ""
		client := goplugin.NewClient(&goplugin.ClientConfig{
			HandshakeConfig: handshake(), VersionedPlugins: map[int]goplugin.PluginSet{wire.ProtocolVersion: {}},
			AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(), StartTimeout: time.Minute,
			SkipHostEnv: true, AutoMTLS: mtls, UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: dir},
			RunnerFunc: func(_ hclog.Logger, _ *exec.Cmd, dir string) (gprunner.Runner, error) {
				sockets = dir
				return m, nil
			},
		})
		address, err := client.Start()
		_ = m.Kill(t.Context())
		_ = os.RemoveAll(sockets)
		m.drained.Wait()
		if err == nil {
			if address.Network() != "unix" {
				t.Errorf("%q leads to the network %s", printed, address.Network())
			}
			return
		}
		told := noHandshake(Command{Name: "it"}, m.runner, false, time.Second, nil, err)
		// What it printed further on is its log, and stays as it is.
		told.Stderr = nil
		said := told.Error()
		if said == "" || strings.ContainsFunc(strings.ReplaceAll(said, "\n", ""), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q is told as %q", printed, said)
		}
	})
}

// A process that a plugin calls its worker gets signals: it has to be one.
func TestOnlyItsOwnProcessesAreWorkers(t *testing.T) {
	own := exec.Command("sleep", "60")
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = own.Process.Kill()
		_ = own.Wait()
	}()
	r := newRunner(exec.Command("none"), "it", newStderrLog(hclog.NewNullLogger(), nil))
	r.pid = os.Getpid()
	n := &Nursery{proc: &Process{runner: r}}
	for _, pid := range []int64{0, 1, -1, -int64(os.Getpid()), 1 << 32, 1<<32 + int64(os.Getpid())} {
		if err := n.ours(&pb.WorkerStarted{Pid: pid, Socket: "/s"}); !errors.Is(err, errNotItsWorker) {
			t.Errorf("%d: %v", pid, err)
		}
	}
	// The test's own group is not led by the test.
	if err := n.ours(&pb.WorkerStarted{Pid: int64(own.Process.Pid), Socket: "/s"}); !errors.Is(err, errNotItsWorker) {
		t.Errorf("a process of another group: %v", err)
	}
	if err := n.ours(&pb.WorkerStarted{Pid: 1 << 30, Socket: "s"}); !errors.Is(err, errNotItsWorker) {
		t.Errorf("a socket of the working folder: %v", err)
	}
}

// A plugin that makes workers and does not say how they end holds nobody up, nor does one that names one process twice.
func TestEndsThatAreNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &spawned{pid: 1 << 30, exited: make(chan struct{}), log: newStderrLog(hclog.NewNullLogger(), nil)}
		s.Kill()
		<-s.exited
		if s.exit.Reason == "" {
			t.Error("nothing says how it ended")
		}
	})
	r := newRunner(exec.Command("none"), "it", newStderrLog(hclog.NewNullLogger(), nil))
	n := &Nursery{proc: &Process{runner: r}, alive: map[int64]*spawned{1 << 30: {}}}
	if err := n.ours(&pb.WorkerStarted{Pid: 1 << 30, Socket: "/s"}); !errors.Is(err, errNotItsWorker) {
		t.Errorf("a process is two workers: %v", err)
	}
}

// spawning is a Spawn stream of what the plugin has sent.
type spawning struct {
	grpc.ClientStream
	messages []*pb.SpawnResponse
}

func (s *spawning) Context() context.Context { return context.Background() }

func (s *spawning) Send(*pb.SpawnRequest) error { return nil }

func (s *spawning) Recv() (*pb.SpawnResponse, error) {
	if len(s.messages) == 0 {
		return nil, io.EOF
	}
	m := s.messages[0]
	s.messages = s.messages[1:]
	return m, nil
}

func FuzzSpawnResponse(f *testing.F) {
	started := func(index uint32, pid int64) *pb.SpawnResponse {
		return &pb.SpawnResponse{Message: &pb.SpawnResponse_Started{Started: &pb.WorkerStarted{WorkerIndex: index, Pid: pid, Socket: "/nowhere"}}}
	}
	exited := func(pid int64) *pb.SpawnResponse {
		return &pb.SpawnResponse{Message: &pb.SpawnResponse_Exited{Exited: &pb.WorkerExited{Pid: pid, Code: 1 << 30, Signal: -5}}}
	}
	const gone = 1 << 30
	for _, messages := range [][]*pb.SpawnResponse{
		{started(0, gone), started(0, gone), exited(gone), exited(gone)}, {started(1, -1)}, {started(7, 0), exited(0)}, {started(0, int64(os.Getpid()))}, {{}, exited(gone)},
		{{Message: &pb.SpawnResponse_Failed{Failed: &pb.WorkerFailed{WorkerIndex: 1}}}, {Message: &pb.SpawnResponse_Failed{}}},
		{{Message: &pb.SpawnResponse_Shown{Shown: &pb.ShownItem{Index: 5, Item: "i"}}}, {Message: &pb.SpawnResponse_Shown{Shown: &pb.ShownItem{Index: 5}}}},
	} {
		var data []byte
		for _, m := range messages {
			one, err := proto.Marshal(m)
			if err != nil {
				f.Fatal(err)
			}
			data = append(binary.AppendUvarint(data, uint64(len(one))), one...)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		stream := &spawning{}
		for len(data) > 0 {
			n, used := binary.Uvarint(data)
			if used <= 0 {
				return
			}
			data = data[used:]
			one := data[:min(n, uint64(len(data)))]
			data = data[len(one):]
			m := &pb.SpawnResponse{}
			if proto.Unmarshal(one, m) != nil {
				return
			}
			stream.messages = append(stream.messages, m)
		}
		// A process that has ended: nothing that is read here may lead to a signal.
		r := newRunner(exec.Command("none"), "it", newStderrLog(hclog.NewNullLogger(), nil))
		r.pid = gone
		close(r.exited)
		p := &Process{name: "it", runner: r, log: hclog.NewNullLogger()}
		p.stopOnce.Do(func() {})
		n := newNursery(p, stream, func() {})
		messages := stream.messages
		for index := range uint32(2) {
			n.orders[index] = []*order{{answer: make(chan made, 1)}}
		}
		first, second := n.orders[0][0], n.orders[1][0]
		n.shown[5] = make(chan *pb.ShownItem, 1)
		n.receive()
		if n.broken == nil || len(n.alive) > 0 || len(n.orders) > 0 {
			t.Errorf("at the end: %v, %d workers, %d wait", n.broken, len(n.alive), len(n.orders))
		}
		for index, o := range []*order{first, second} {
			got := <-o.answer
			if (got.worker == nil) == (got.err == nil) {
				t.Errorf("order %d has the answer %+v", index, got)
			}
			if got.worker != nil && !slices.ContainsFunc(messages, func(m *pb.SpawnResponse) bool {
				return m.GetStarted().GetPid() == int64(got.worker.pid) && int(m.GetStarted().GetWorkerIndex()) == index
			}) {
				t.Errorf("worker %d got the answer of another one: process %d", index, got.worker.pid)
			}
		}
	})
}
