package sdktest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Upper writes its input in capitals.
type Upper struct {
	Suffix string `help:"What to add." required:""`
	env    sdk.Env
}

var closes int

func (u *Upper) Open(_ context.Context, env sdk.Env) error {
	u.env = env
	if u.Suffix == "refused" {
		return sdk.Retryable(errors.New("that suffix is refused"))
	}
	return nil
}

func (u *Upper) Close() error { closes++; return nil }

func (u *Upper) IsExecuted(_ context.Context, item sdk.Item) (bool, error) {
	return strings.HasSuffix(item.Input().FileName, ".done"), nil
}

func (u *Upper) Process(ctx context.Context, item sdk.Item) error {
	text, err := os.ReadFile(item.Input().Path)
	if err != nil {
		return err
	}
	if len(text) == 0 {
		panic("an empty file")
	}
	sdk.Log(ctx).Info("writing", "to", u.env.OutputPath)
	out := item.Output().Path
	if f := item.OutputOf("text"); f.Path != "" {
		out = f.Path
	}
	return os.WriteFile(out, []byte(strings.ToUpper(string(text))+u.Suffix), 0o644)
}

func upper() sdk.Task[Upper] {
	return sdk.Task[Upper]{Template: &sdk.Template{
		HardShard: sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder), Input: sdk.InputByExts(".txt", sdk.Placeholder),
		Output: sdk.OutputByFilenameSubfoldering(map[string]any{"text": sdk.Placeholder}),
	}}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.txt": "abc", "b.done": "x", "c.txt": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := closes
	in := func(name string) string { return filepath.Join(dir, name) }
	out := func(name string) string { return filepath.Join(dir, "out", name) }
	outcomes := sdktest.Run(t, upper(), []string{"--suffix", "!"},
		sdktest.File(in("a.txt"), out("a.out")), sdktest.File(in("b.done"), out("b.out")), sdktest.File(in("c.txt"), out("c.out")),
		sdktest.File(in("none"), out("d.out")),
		sdktest.Mixin(map[string]any{"hard_shard_mode.output_path": dir, "input_mode.exts.1": ".x"}))
	var got []sdktest.Status
	for _, o := range outcomes {
		got = append(got, o.Status)
	}
	if diff := cmp.Diff([]sdktest.Status{sdktest.Done, sdktest.Skipped, sdktest.Failed, sdktest.Failed}, got); diff != "" {
		t.Error(diff)
	}
	if text, err := os.ReadFile(out("a.out")); string(text) != "ABC!" {
		t.Errorf("%q, %v", text, err)
	}
	if e := outcomes[2].Err; !e.Panic || e.Error() != "panic: an empty file" || !strings.Contains(e.Traceback, "Upper).Process") {
		t.Errorf("%+v", e)
	}
	if e := outcomes[3].Err; e.Panic || e.Retryable || !strings.Contains(e.Message, "no such file") {
		t.Errorf("%+v", e)
	}
	if closes != before+1 {
		t.Errorf("the task was closed %d times", closes-before)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	outcomes := sdktest.Run(t, upper(), []string{"--suffix=?"}, sdktest.Folder(dir+"/a.txt", dir+"/out/a.txt", map[string]string{"text": "t.txt"}))
	if outcomes[0].Err != nil {
		t.Fatal(outcomes[0].Err)
	}
	if text, err := os.ReadFile(dir + "/out/a.txt/t.txt"); string(text) != "ABC?" {
		t.Errorf("%q, %v", text, err)
	}
}

// Pair writes the names of the files of its item.
type Pair struct{}

func (p *Pair) Process(_ context.Context, item sdk.Item) error {
	text := item.Input().FileName
	for _, id := range []string{"image", "caption"} {
		if f, ok := item.InputOf(id); ok {
			text += " " + id + ":" + f.FileName
		}
	}
	return os.WriteFile(item.Output().Path, []byte(text), 0o644)
}

func TestGroup(t *testing.T) {
	dir := t.TempDir()
	out := func(name string) string { return filepath.Join(dir, "out", name) }
	task := sdk.Task[Pair]{Template: &sdk.Template{
		HardShard: sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
		Input:     sdk.InputByGroup([]sdk.GroupFile{{ID: "image", Exts: []string{".jpg", ".png"}}, {ID: "caption", Exts: ".txt"}}, "image"),
		Output:    sdk.OutputByReplacingExt(".out"),
	}}
	outcomes := sdktest.Run(t, task, nil,
		sdktest.Group("image", map[string]string{"image": "in/a.jpg", "caption": "in/a.txt"}, out("a")),
		sdktest.Group("image", map[string]string{"image": "in/b.png", "caption": ""}, out("b")))
	for i, want := range []string{"a.jpg image:a.jpg caption:a.txt", "b.png image:b.png"} {
		if outcomes[i].Err != nil {
			t.Fatal(outcomes[i].Err)
		}
		if text, err := os.ReadFile(out(string(rune('a' + i)))); string(text) != want || err != nil {
			t.Errorf("got %q, %v; want %q", text, err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	for want, args := range map[string][]string{
		"--suffix: is required: What to add": nil, "did you mean --suffix?": {"--sufix=a", "--suffix=b"}, "that suffix is refused": {"--suffix", "refused"},
	} {
		err := sdktest.Open(t, upper(), args)
		var f *sdktest.Failure
		if !errors.As(err, &f) || !strings.Contains(f.Message, want) || f.Retryable != strings.Contains(want, "refused") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := sdktest.Open(t, upper(), []string{"--suffix=a"}, sdktest.Mixin(map[string]any{"input_mode.ext": 1})); err == nil || !strings.Contains(err.Error(), "the template has no input_mode.ext") {
		t.Errorf("an unknown key of the mixin: %v", err)
	}
	if err := sdktest.Open(t, upper(), []string{"--suffix=a"}); err != nil {
		t.Error(err)
	}
}

type Numbers struct {
	N int
}

func (n *Numbers) List(_ context.Context, yield func(any) error) error {
	for i := range n.N {
		if err := yield(map[string]any{"i": i}); err != nil {
			return err
		}
	}
	if n.N == 0 {
		return errors.New("no numbers")
	}
	return nil
}

func (n *Numbers) Process(_ context.Context, item sdk.Item) error {
	var v struct{ I int }
	if err := item.Decode(&v); err != nil {
		return err
	}
	if v.I == 1 {
		return errors.New("one")
	}
	return nil
}

func TestListAndRun(t *testing.T) {
	items, err := sdktest.List(t, sdk.Task[Numbers]{}, []string{"--n=3"})
	if diff := cmp.Diff([]string{`{"i":0}`, `{"i":1}`, `{"i":2}`}, items); diff != "" || err != nil {
		t.Error(diff, err)
	}
	outcomes := sdktest.Run(t, sdk.Task[Numbers]{}, []string{"--n=3"})
	if len(outcomes) != 3 || outcomes[1].Status != sdktest.Failed || outcomes[2].Item != `{"i":2}` {
		t.Errorf("%+v", outcomes)
	}
	if _, err := sdktest.List(t, sdk.Task[Numbers]{}, nil); err == nil || err.Error() != "no numbers" {
		t.Errorf("%v", err)
	}
	given := sdktest.Run(t, sdk.Task[Numbers]{}, nil, sdktest.Items(map[string]int{"i": 1}, sdk.RawItem(`{"i":"x"}`)))
	if given[0].Status != sdktest.Failed || !strings.Contains(given[1].Err.Message, "decoding the item") {
		t.Errorf("%+v", given)
	}
}
