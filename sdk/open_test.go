package sdk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// opener keeps what Open was given.
type opener struct {
	Fail string
}

var (
	openedWith = make(chan Env, 1)
)

func (o *opener) Process(context.Context, Item) error { return nil }
func (o *opener) Open(ctx context.Context, env Env) error {
	switch o.Fail {
	case "error":
		return errors.New("no model")
	case "panic":
		panic("no luck")
	}
	Log(ctx).Info("opened")
	openedWith <- env
	return nil
}

func templated(t *Template) Task[opener] { return Task[opener]{Name: "Op", Template: t} }

func whole() *Template {
	return &Template{HardShard: NoHardShard(Placeholder, Placeholder), Input: InputByExts(".txt")}
}

func node(text string) *pb.Node { return &pb.Node{Kind: &pb.Node_Json{Json: text}} }

func mode(name string, fields ...*pb.Field) *pb.Node {
	return &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: name, Fields: fields}}}
}

func TestOpenEnv(t *testing.T) {
	for _, c := range []struct {
		hard          *pb.Node
		input, output string
	}{
		{mode("NoHardShard", &pb.Field{Name: "input_path", Value: node(`"/in"`)}, &pb.Field{Name: "output_path", Value: node(`"/out"`)}), "/in", "/out"},
		{mode("NoHardShard", &pb.Field{Name: "input_path", Value: node(`["/a", "/b"]`)}, &pb.Field{Name: "output_path", Value: node(`"/out"`)}), "/a", "/out"},
		{mode("HardShardModeV1", &pb.Field{Name: "base_input_path", Value: node(`"/b"`)}, &pb.Field{Name: "base_output_path", Value: node(`"/o"`)},
			&pb.Field{Name: "input_name", Value: node(`"x"`)}, &pb.Field{Name: "output_name", Value: node(`"y"`)}, &pb.Field{Name: "shard_idx", Value: node("3")}), "/b/3/x", "/o/3/y"},
	} {
		client, _ := dial(t, templated(whole()))
		open(t, client, &pb.OpenRequest{Task: "Op", WorkerIndex: 2, Workers: 5, Device: "cpu", Template: &pb.Template{Fields: []*pb.Field{
			{Name: "hard_shard_mode", Value: c.hard}, {Name: "input_mode", Value: node("null")}}}})
		env := <-openedWith
		want := Env{Stage: StageRun, WorkerIndex: 2, Workers: 5, Device: "cpu", InputPath: c.input, OutputPath: c.output}
		if env.Template["input_mode"] != nil || env.Template["hard_shard_mode"] == nil {
			t.Errorf("the template is %v", env.Template)
		}
		env.Template = nil
		if diff := cmp.Diff(want, env); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOpenFailures(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	write(t, bad, "short")
	noMagic := filepath.Join(t.TempDir(), "zero")
	write(t, noMagic, strings.Repeat("\x00", 70000))
	for name, c := range map[string]struct {
		req  *pb.OpenRequest
		want string
	}{
		"task":        {&pb.OpenRequest{Task: "Oops"}, `this plugin has no task "Oops"`},
		"arguments":   {&pb.OpenRequest{Task: "Op", Args: []string{"--fial", "x"}}, "did you mean --fail?"},
		"stage":       {&pb.OpenRequest{Task: "Op", Stage: pb.Stage_STAGE_DEVICE}, "has no stage STAGE_DEVICE"},
		"error":       {&pb.OpenRequest{Task: "Op", Args: []string{"--fail=error"}}, "no model"},
		"panic":       {&pb.OpenRequest{Task: "Op", Args: []string{"--fail=panic"}}, "panic: no luck"},
		"placeholder": {&pb.OpenRequest{Task: "Op", Template: &pb.Template{Fields: []*pb.Field{{Name: "x", Value: &pb.Node{Kind: &pb.Node_Placeholder{}}}}}}, "x: the host left a placeholder"},
		"no page":     {&pb.OpenRequest{Task: "Op", HeartbeatPath: "/nowhere/beat"}, "opening the heartbeat page"},
		"short page":  {&pb.OpenRequest{Task: "Op", HeartbeatPath: bad}, "has 5 bytes, want 69632"},
		"no magic":    {&pb.OpenRequest{Task: "Op", HeartbeatPath: noMagic}, "is not a heartbeat page"},
		"staging":     {&pb.OpenRequest{Task: "Op", Staging: &pb.Staging{Dir: "/nowhere/staging"}}, "opening the staging folder"},
	} {
		client, _ := dial(t, templated(whole()))
		if c.req.GetStage() == pb.Stage_STAGE_UNSPECIFIED {
			c.req.Stage = pb.Stage_STAGE_RUN
		}
		resp, err := client.Open(within(t), c.req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(resp.GetError().GetMessage(), c.want) {
			t.Errorf("%s: %q", name, resp.GetError().GetMessage())
		}
		if name == "task" && !cmp.Equal(resp.GetError().GetNoSuchTask().GetTasks(), []string{"Op"}) {
			t.Errorf("the tasks offered are %v", resp.GetError().GetNoSuchTask())
		}
		if name == "panic" && !strings.Contains(resp.GetError().GetTraceback(), "opener).Open") {
			t.Errorf("the stack is %s", resp.GetError().GetTraceback())
		}
	}
}

func TestOpenTwice(t *testing.T) {
	client, _ := dial(t, Task[scripted]{})
	open(t, client, &pb.OpenRequest{Task: "scripted"})
	_, err := client.Open(within(t), &pb.OpenRequest{Task: "scripted", Stage: pb.Stage_STAGE_RUN})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("%v", err)
	}
}

type notATask struct{}

type badTag struct {
	Size int `enum:"1,2"`
}

func (*badTag) Process(context.Context, Item) error         { return nil }
func (*badTag) List(context.Context, func(any) error) error { return nil }

type commands struct {
	Sub struct{} `cmd:""`
}

func (*commands) Process(context.Context, Item) error         { return nil }
func (*commands) List(context.Context, func(any) error) error { return nil }

func TestBrokenDefinitions(t *testing.T) {
	good := Task[scripted]{}
	for want, tasks := range map[string][]Definition{
		"without a task":                    {},
		"two tasks are called scripted":     {good, good},
		"has no method Process":             {Task[notATask]{}},
		"its type int must be a struct":     {Task[int]{}},
		"needs a name":                      {Task[scripted]{Name: "a b"}},
		"has no items":                      {Task[opener]{}},
		"enum value is only valid":          {Task[badTag]{}},
		"a task cannot have commands":       {Task[commands]{}},
		"has no HardShard":                  {templated(&Template{Input: InputByExts()})},
		"FinishCheck but no Output":         {templated(&Template{HardShard: Placeholder, Input: Placeholder, FinishCheck: Placeholder})},
		"takes one suffix":                  {templated(&Template{HardShard: Placeholder, Input: Placeholder, Output: Placeholder, FinishCheck: FinishCheckByOutputFileExistence("a", "b")})},
		"takes one subshard":                {templated(&Template{HardShard: Placeholder, Input: Placeholder, SoftShard: SoftShard(0, 1, nil, nil)})},
		"file_to_write of OutputByFilename": {templated(&Template{HardShard: Placeholder, Input: Placeholder, Output: OutputByFilenameSubfoldering(func() {})})},
		"must be strings":                   {templated(&Template{HardShard: Placeholder, Input: Placeholder, Output: OutputByFilenameSubfoldering(map[int]string{})})},
	} {
		client, _ := dial(t, tasks...)
		resp, err := client.Describe(within(t), &pb.DescribeRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(resp.GetError().GetMessage(), want) {
			t.Errorf("%q: %q", want, resp.GetError().GetMessage())
		}
	}
}

func TestTemplateNodes(t *testing.T) {
	client, _ := dial(t, templated(&Template{
		HardShard:   HardShardModeV1("/b", Placeholder, "in", "out", "007"),
		SoftShard:   SoftShardByHash([]int{0, 2}, 4, SoftShard(1, 2)),
		Input:       InputByExts(".a", Placeholder),
		Output:      OutputByFilenameSubfoldering(map[string]any{"test": Placeholder, "list": []any{1, Placeholder}}),
		FinishCheck: FinishCheckByOutputFileExistence(Placeholder),
	}))
	resp, err := client.Describe(within(t), &pb.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	hole := &pb.Node{Kind: &pb.Node_Placeholder{Placeholder: &pb.Placeholder{}}}
	mapped := func(fields ...*pb.Field) *pb.Node {
		return &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: fields}}}
	}
	listed := func(nodes ...*pb.Node) *pb.Node {
		return &pb.Node{Kind: &pb.Node_List{List: &pb.NodeList{Nodes: nodes}}}
	}
	field := func(name string, v *pb.Node) *pb.Field { return &pb.Field{Name: name, Value: v} }
	want := &pb.Template{Fields: []*pb.Field{
		field("hard_shard_mode", mode("HardShardModeV1", field("base_input_path", node(`"/b"`)), field("base_output_path", hole),
			field("input_name", node(`"in"`)), field("output_name", node(`"out"`)), field("shard_idx", node(`"007"`)))),
		field("soft_shard", mode("SoftShardByHash", field("shard_idx", listed(node("0"), node("2"))), field("shard_num", node("4")),
			field("subshard", mode("SoftShard", field("shard_idx", node("1")), field("shard_num", node("2")), field("subshard", node("null")))))),
		field("input_mode", mode("InputByExts", field("exts", listed(node(`".a"`), hole)))),
		field("output_mode", mode("OutputByFilenameSubfoldering", field("file_to_write", &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: []*pb.Field{
			field("list", listed(node("1"), hole)), field("test", hole)}}}}))),
		field("finish_check_mode", mode("FinishCheckByOutputFileExistence", field("output_field_suffix", hole), field("redo", node("null")))),
	}}
	if diff := cmp.Diff(want, resp.GetTasks()[0].GetTemplate(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	for name, c := range map[string]struct {
		mode Mode
		want *pb.Node
	}{
		"exts":      {InputByExts(), mode("InputByExts", field("exts", listed()))},
		"exts hole": {InputByExts(Placeholder), mode("InputByExts", field("exts", hole))},
		"exts list": {InputByExts([]string{".a"}), mode("InputByExts", field("exts", listed(node(`".a"`))))},
		"glob":      {InputByGlob("*"), mode("InputByGlob", field("glob_pattern", node(`"*"`)))},
		"sub":       {InputBySubDirectory(2), mode("InputBySubDirectory", field("sub_directory_level", node("2")))},
		"triplets":  {InputFromFileTripletJsonl("f"), mode("InputFromFileTripletJsonl", field("jsonl_path", node(`"f"`)))},
		"whatever":  {InputFromWhateverJsonl("f"), mode("InputFromWhateverJsonl", field("jsonl_path", node(`"f"`)))},
		"group": {InputByGroup([]GroupFile{{"image", []string{".jpg", ".png"}}, {"caption", ".txt"}, {"any", Placeholder}}, "caption"), mode("InputByGroup",
			field("files", mapped(field("image", listed(node(`".jpg"`), node(`".png"`))), field("caption", node(`".txt"`)), field("any", hole))),
			field("required", listed(node(`"caption"`))))},
		"group of a map": {InputByGroup(map[string]any{"b": ".b", "a": Placeholder}), mode("InputByGroup",
			field("files", mapped(field("a", hole), field("b", node(`".b"`)))), field("required", node("null")))},
		"group hole": {InputByGroup(Placeholder, Placeholder), mode("InputByGroup", field("files", hole), field("required", hole))},
		"folders": {InputByFilenameSubfoldering(map[string]string{"text": "t.txt"}, []string{}), mode("InputByFilenameSubfoldering",
			field("file_to_read", mapped(field("text", node(`"t.txt"`)))), field("required", listed()))},
		"tar": {InputByTar("*.tar", []GroupFile{{"image", []string{"jpg", "png"}}, {"text", "txt"}}, "bytes", "image"), mode("InputByTar",
			field("glob", node(`"*.tar"`)), field("keys", mapped(field("image", listed(node(`"jpg"`), node(`"png"`))), field("text", node(`"txt"`)))),
			field("required", listed(node(`"image"`))), field("members", node(`"bytes"`)))},
		"merge": {InputByMerge(InputByGlob("*"), Placeholder), mode("InputByMerge",
			field("modes", listed(mode("InputByGlob", field("glob_pattern", node(`"*"`))), hole)))},
		"merge hole": {InputByMerge(Placeholder), mode("InputByMerge", field("modes", hole))},
		"samples": {With(OutputByTar([]GroupFile{{"b", "jpg"}, {"a", Placeholder}}), Fields{"count": 5, "size": nil}), mode("OutputByTar",
			field("keys", mapped(field("b", node(`"jpg"`)), field("a", hole))), field("count", node("5")), field("size", node("null")))},
		"samples of one member": {OutputByTar(nil), mode("OutputByTar", field("keys", node("null")))},
		"append":                {OutputByApendingExt(".o"), mode("OutputByApendingExt", field("ext", node(`".o"`)))},
		"replace":               {OutputByReplacingExt(".o"), mode("OutputByReplacingExt", field("ext", node(`".o"`)))},
		"finish":                {FinishCheckByOutputFileExistence(), mode("FinishCheckByOutputFileExistence", field("output_field_suffix", node("null")), field("redo", node("null")))},
		"redo":                  {RedoNewer(FinishCheckByOutputFileExistence()), mode("FinishCheckByOutputFileExistence", field("output_field_suffix", node("null")), field("redo", node(`"newer"`)))},
		"redo all":              {RedoChanged(FinishCheckByOutputFileExistence(Placeholder)), mode("FinishCheckByOutputFileExistence", field("output_field_suffix", hole), field("redo", node(`"changed"`)))},
		"placeholder":           {Placeholder, hole},
	} {
		got, err := valueNode(c.mode)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRedoIsForOneMode(t *testing.T) {
	for _, check := range []Mode{Placeholder, OutputByApendingExt(".o")} {
		if _, err := valueNode(RedoNewer(check)); err == nil {
			t.Errorf("%v does items again", check)
		}
	}
}

func TestUsage(t *testing.T) {
	got := usage("./plugins/x", []string{"A", "B"})
	want := "x is a kagurazaka plugin: it works for the kagurazaka command and does nothing alone.\n" +
		"Its tasks: A, B.\nRun one with:    kagurazaka ./plugins/x A …\nIts help:        kagurazaka ./plugins/x A -h\n"
	if got != want {
		t.Errorf("%s", got)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := usage("x", nil); !strings.Contains(got, "kagurazaka "+exe+" TASK") {
		t.Errorf("%s", got)
	}
}
