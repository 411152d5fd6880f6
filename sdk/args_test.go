package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// rich has an argument of every kind.
type rich struct {
	Size       int               `default:"256" short:"s" help:"Longest side."`
	Ratio      float64           `default:"0.5"`
	Name       string            `required:"" help:"Its name."`
	Format     string            `enum:"jpeg,png" default:"jpeg"`
	Level      int               `enum:"1,2,3" default:"2"`
	Keep       bool              `negatable:"" default:"true"`
	Verbose    bool              `help:"Say more."`
	Exts       []string          `default:".a,.b"`
	Numbers    []int             ``
	Timeout    time.Duration     `default:"1m30s"`
	Where      string            `type:"path"`
	Prompts    map[string]string `type:"json"`
	Raw        json.RawMessage   ``
	Pairs      map[string]int    ``
	Optional   *int              ``
	FieldWord  string            `aliases:"word"`
	Handle     chan int          `kong:"-"`
	unexported int
}

func (*rich) Process(context.Context, Item) error                { return nil }
func (*rich) List(context.Context, func(any) error) error        { return nil }
func (*rich) IsExecuted(_ context.Context, _ Item) (bool, error) { return false, nil }
func (*rich) Open(context.Context, Env) error                    { return nil }
func (r *rich) Validate() error {
	if r.Size > 9000 {
		return errors.New("size is over 9000")
	}
	r.unexported++
	return nil
}

type positional struct {
	Input string   `arg:""`
	Rest  []string `arg:"" optional:""`
	Tags  []string ``
	On    bool     ``
}

func (*positional) Process(context.Context, Item) error         { return nil }
func (*positional) List(context.Context, func(any) error) error { return nil }

func TestDescribeArguments(t *testing.T) {
	client, _ := dial(t, Task[rich]{Summary: "Everything.", Description: "More."})
	resp, err := client.Describe(within(t), &pb.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetError() != nil {
		t.Fatal(resp.GetError())
	}
	str, integer := pb.ArgumentType_ARGUMENT_TYPE_STRING, pb.ArgumentType_ARGUMENT_TYPE_INT
	want := &pb.Task{
		Name: "rich", Kind: pb.TaskKind_TASK_KIND_NORMAL, Summary: "Everything", Description: "More.",
		Capabilities: []string{"list", "is_executed"},
		Arguments: []*pb.Argument{
			{Name: "size", Flags: []string{"--size", "-s"}, Type: integer, TypeName: "int", DefaultJson: "256", Help: "Longest side."},
			{Name: "ratio", Flags: []string{"--ratio"}, Type: pb.ArgumentType_ARGUMENT_TYPE_FLOAT, TypeName: "float64", DefaultJson: "0.5"},
			{Name: "name", Flags: []string{"--name"}, Type: str, TypeName: "string", Required: true, Help: "Its name."},
			{Name: "format", Flags: []string{"--format"}, Type: str, TypeName: "string", DefaultJson: `"jpeg"`, ChoicesJson: []string{`"jpeg"`, `"png"`}},
			{Name: "level", Flags: []string{"--level"}, Type: integer, TypeName: "int", DefaultJson: "2", ChoicesJson: []string{"1", "2", "3"}},
			{Name: "keep", Flags: []string{"--keep"}, Type: pb.ArgumentType_ARGUMENT_TYPE_BOOL, TypeName: "bool", Arity: "0", DefaultJson: "true", Negatable: true},
			{Name: "verbose", Flags: []string{"--verbose"}, Type: pb.ArgumentType_ARGUMENT_TYPE_BOOL, TypeName: "bool", Arity: "0", DefaultJson: "false", Help: "Say more."},
			{Name: "exts", Flags: []string{"--exts"}, Type: str, TypeName: "string", Arity: "+", DefaultJson: `[".a",".b"]`, Repeatable: true},
			{Name: "numbers", Flags: []string{"--numbers"}, Type: integer, TypeName: "int", Arity: "+", Repeatable: true},
			{Name: "timeout", Flags: []string{"--timeout"}, Type: pb.ArgumentType_ARGUMENT_TYPE_DURATION, TypeName: "duration", DefaultJson: `"1m30s"`},
			{Name: "where", Flags: []string{"--where"}, Type: pb.ArgumentType_ARGUMENT_TYPE_PATH, TypeName: "path"},
			{Name: "prompts", Flags: []string{"--prompts"}, Type: pb.ArgumentType_ARGUMENT_TYPE_JSON, TypeName: "json"},
			{Name: "raw", Flags: []string{"--raw"}, Type: pb.ArgumentType_ARGUMENT_TYPE_JSON, TypeName: "json"},
			{Name: "pairs", Flags: []string{"--pairs"}, Type: pb.ArgumentType_ARGUMENT_TYPE_CUSTOM, TypeName: "KEY=VALUE", Repeatable: true},
			{Name: "optional", Flags: []string{"--optional"}, Type: integer, TypeName: "int"},
			{Name: "field-word", Flags: []string{"--field-word", "--word"}, Type: str, TypeName: "string"},
		},
	}
	if diff := cmp.Diff(want, resp.GetTasks()[0], protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if resp.GetSdk() != "go/"+Version || len(resp.GetCapabilities()) != 4 {
		t.Errorf("described as %s with %v", resp.GetSdk(), resp.GetCapabilities())
	}
}

func parse(t *testing.T, d Definition, args ...string) (any, *pb.Error) {
	t.Helper()
	def, err := d.define()
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGrammar(def)
	if err != nil {
		t.Fatal(err)
	}
	return g.parse(args)
}

func TestParse(t *testing.T) {
	defaults := func(change func(*rich)) rich {
		r := rich{Size: 256, Ratio: 0.5, Name: "n", Format: "jpeg", Level: 2, Keep: true, Exts: []string{".a", ".b"}, Timeout: 90 * time.Second, unexported: 1}
		change(&r)
		return r
	}
	minusFive := -5
	for _, c := range []struct {
		args []string
		want rich
	}{
		{nil, defaults(func(*rich) {})},
		{[]string{"--size", "7"}, defaults(func(r *rich) { r.Size = 7 })},
		{[]string{"-s7"}, defaults(func(r *rich) { r.Size = 7 })},
		{[]string{"-s=7"}, defaults(func(r *rich) { r.Size = 7 })},
		{[]string{"--size=-7", "--ratio", "-.5"}, defaults(func(r *rich) { r.Size, r.Ratio = -7, -0.5 })},
		{[]string{"--optional", "-5"}, defaults(func(r *rich) { r.Optional = &minusFive })},
		{[]string{"--no-keep", "--verbose"}, defaults(func(r *rich) { r.Keep, r.Verbose = false, true })},
		{[]string{"--keep=False", "--verbose", "True"}, defaults(func(r *rich) { r.Keep, r.Verbose = false, true })},
		{[]string{"--exts", ".x", ".y", "--numbers", "1", "-2"}, defaults(func(r *rich) { r.Exts, r.Numbers = []string{".x", ".y"}, []int{1, -2} })},
		{[]string{"--exts=.x", "--exts=.y"}, defaults(func(r *rich) { r.Exts = []string{".x", ".y"} })},
		{[]string{"--field_word", "a b=c"}, defaults(func(r *rich) { r.FieldWord = "a b=c" })},
		{[]string{"--word=-"}, defaults(func(r *rich) { r.FieldWord = "-" })},
		{[]string{"--prompts", `{"a":"b,c"}`, "--raw=[1]"}, defaults(func(r *rich) { r.Prompts, r.Raw = map[string]string{"a": "b,c"}, json.RawMessage("[1]") })},
		{[]string{"--pairs", "a=1", "b=2"}, defaults(func(r *rich) { r.Pairs = map[string]int{"a": 1, "b": 2} })},
	} {
		got, failure := parse(t, Task[rich]{}, append([]string{"--name", "n"}, c.args...)...)
		if failure != nil {
			t.Errorf("%q: %s", c.args, failure.GetMessage())
			continue
		}
		if diff := cmp.Diff(&c.want, got, cmp.AllowUnexported(rich{})); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
	}
}

func TestParsePositional(t *testing.T) {
	got, failure := parse(t, Task[positional]{}, "in", "--tags", "a", "one", "--on", "true", "-5", "--", "--dash")
	if failure != nil {
		t.Fatal(failure.GetMessage())
	}
	want := &positional{Input: "in", Rest: []string{"one", "true", "-5", "--dash"}, Tags: []string{"a"}, On: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseProblemsAtOnce(t *testing.T) {
	for _, c := range []struct {
		task Definition
		args []string
		want []*pb.ConfigProblem
	}{
		{Task[rich]{}, []string{"--siez", "5", "--ratio", "many", "--format=jpg", "--level", "7", "--numbers", "1", "x", "stray"}, []*pb.ConfigProblem{
			{Where: "--siez", Message: "this task has no such argument", Suggestion: "--size"},
			{Where: "--ratio", Message: `expected a float but got "many" (string)`},
			{Where: "--format", Message: `must be one of jpeg, png, not "jpg"`, Suggestion: "jpeg"},
			{Where: "--level", Message: `must be one of 1, 2, 3, not "7"`},
			{Where: "--numbers", Message: `expected a valid 64 bit int but got "x"`},
			{Where: "--numbers", Message: `expected a valid 64 bit int but got "stray"`},
			{Where: "--name", Message: "is required: Its name"},
		}},
		{Task[rich]{}, []string{"--name"}, []*pb.ConfigProblem{{Where: "--name", Message: "a value is missing"}}},
		{Task[rich]{}, []string{"lost", "--name=n"}, []*pb.ConfigProblem{{Where: "lost", Message: "this task takes no arguments without a name"}}},
		{Task[rich]{}, []string{"--name=n", "--size=9001"}, []*pb.ConfigProblem{{Message: "size is over 9000"}}},
		{Task[rich]{}, []string{"--name=n", "--raw={"}, []*pb.ConfigProblem{{Where: "--raw", Message: `"{" is not valid JSON for this argument: unexpected end of JSON input`}}},
		{Task[positional]{}, nil, []*pb.ConfigProblem{{Where: "<input>", Message: "is required"}}},
	} {
		_, failure := parse(t, c.task, c.args...)
		if diff := cmp.Diff(c.want, failure.GetConfig().GetProblems(), protocmp.Transform()); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
		if failure.GetFault() != pb.Fault_FAULT_USER {
			t.Errorf("%q: fault %s", c.args, failure.GetFault())
		}
		for _, p := range c.want {
			if !strings.Contains(failure.GetMessage(), p.GetMessage()) {
				t.Errorf("the message %q leaves out %q", failure.GetMessage(), p.GetMessage())
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("--name\x00n\x00--size\x005")
	f.Add("--exts\x00a\x00-1\x00--\x00x")
	f.Add("-s\x00-\x00--=\x00-=\x00--no-keep=1")
	f.Add("--pairs\x00a")
	f.Fuzz(func(t *testing.T, vector string) {
		for _, d := range []Definition{Task[rich]{}, Task[positional]{}} {
			task, failure := parse(t, d, strings.Split(vector, "\x00")...)
			if (task == nil) == (failure == nil) {
				t.Errorf("%q: task %v, failure %v", vector, task, failure)
			}
			if failure != nil && len(failure.GetConfig().GetProblems()) == 0 {
				t.Errorf("%q: a failure without a problem", vector)
			}
		}
	})
}
