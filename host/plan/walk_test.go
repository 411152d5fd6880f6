package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOrderIsFixed(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/b/2", "in/b/10", "in/b/1", "in/z", "in/a", "in/A", "in/ü", "in/a.b/x", "in/ax/y", "in/b/c/1", "in/B/1", "in/same_prefix_1", "in/same_prefix_10", "in/same_prefix_1long_name_b", "in/same_prefix_1long_name_a")
	for _, c := range []struct {
		mode *template.Node
		want []string
	}{
		{byExts(), []string{"in/./A", "in/./a", "in/./same_prefix_1", "in/./same_prefix_10", "in/./same_prefix_1long_name_a",
			"in/./same_prefix_1long_name_b", "in/./z", "in/./ü", "in/B/1", "in/a.b/x", "in/ax/y", "in/b/1", "in/b/10", "in/b/2", "in/b/c/1"}},
		{mode("InputByGlob", map[string]any{"glob_pattern": "*/[0-9]*"}), []string{"in/B/1", "in/b/1", "in/b/10", "in/b/2"}},
		{mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}), []string{"in/B", "in/a.b", "in/ax", "in/b"}},
		{mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(2)}), []string{"in/b/c"}},
	} {
		w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: c.mode}))
		if diff := cmp.Diff(c.want, w.paths(t)); w.err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.mode.Mode, w.err, diff)
		}
	}
	if _, err := os.Stat("out"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("listing made the output folder: %v", err)
	}
}

func TestNamesSortAsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`(pre)?[a-c\x{fc}]{1,12}`), rapid.ID).Draw(t, "names")
		var l nameList
		for _, n := range names {
			l.add([]byte(n), kindFile)
		}
		l.sort()
		slices.Sort(names)
		for i, n := range l.all {
			if string(l.bytes(n)) != names[i] {
				t.Fatalf("name %d is %q, want %q", i, l.bytes(n), names[i])
			}
		}
	})
}

func TestUnlistableInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "file", "lines.jsonl")
	mkdir(t, "folder")
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const own, ownFile = " (the task's own hard_shard_mode.input_path: --mixin hard_shard_mode.input_path=FOLDER gives another)",
		" (the task's own input_mode.jsonl_path: --mixin input_mode.jsonl_path=FILE gives another)"
	triplets := func(path string) *template.Node {
		return mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": path})
	}
	level0 := mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(0)})
	glob := mode("InputByGlob", map[string]any{"glob_pattern": "*"})
	for _, c := range []struct {
		in   string
		mode *template.Node
		want string
	}{
		{"missing", byExts(), "reading inputs from missing: there is no such folder in " + cwd + own},
		{"missing", glob, "reading inputs from missing: there is no such folder in " + cwd + own},
		{"missing", level0, "reading inputs from missing: there is no such folder in " + cwd + own},
		{"file", byExts(), "reading inputs from file: it is not a folder" + own},
		{"file/x", byExts(), "reading inputs from file/x: the folder cannot be looked at: not a directory" + own},
		{"x", triplets("missing.jsonl"), "reading inputs from missing.jsonl: the file cannot be opened: no such file or directory" + ownFile},
		{"x", triplets("folder"), "reading inputs from folder: it is a folder: a JSON Lines file has one item a line" + ownFile},
	} {
		tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(c.in, "out"), template.RoleInput: c.mode})
		for _, err := range []error{walkAll(t, tmpl).err, checkInputs(localDisk{}, tmpl)} {
			var input *template.InputError
			if !errors.As(err, &input) || err.Error() != c.want {
				t.Errorf("%s of %s: %v\nwant %s", c.mode.Mode, c.in, err, c.want)
			}
		}
	}
	if w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("folder", "out"), template.RoleInput: byExts()})); w.err != nil || len(w.lines) > 0 {
		t.Errorf("an empty folder: %v, %v", w.lines, w.err)
	}
}

func TestWarnings(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a/1", "in/closed/2", "in/b/3", "out/closed/2.txt", "out/a/1.txt", "out/b/x", "out/b/y", "out/b/z")
	mkdir(t, "in/empty")
	for link, to := range map[string]string{"in/round": "round", "in/up": ".", "in/a/top": "..", "in/gone": "nowhere"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	messages := func(w *walked) []string {
		if w.err != nil {
			t.Fatal(w.err)
		}
		if int(w.counters.Warnings.Load()) != len(w.warnings) {
			t.Errorf("%d warnings counted, %d given", w.counters.Warnings.Load(), len(w.warnings))
		}
		var all []string
		for _, x := range w.warnings {
			all = append(all, x.Path+": "+x.Message)
		}
		slices.Sort(all)
		return all
	}
	back := "the link leads back to a folder that it lies in, which is listed once more"
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}),
	}))
	if diff := cmp.Diff([]string{"in/round: the link leads round in a circle", "in/up: " + back}, messages(w)); diff != "" {
		t.Errorf("sub-directories:\n%s", diff)
	}
	w = walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: mode("InputByGlob", map[string]any{"glob_pattern": "a/*/b/*"}),
	}))
	if diff := cmp.Diff([]string{"in/a/top/b/3"}, w.paths(t)); diff != "" {
		t.Errorf("through a link:\n%s", diff)
	}
	if os.Geteuid() == 0 {
		return // Nothing is closed to root.
	}
	for _, p := range []string{"in/closed", "out/b"} {
		if err := os.Chmod(p, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(p, 0o755) })
	}
	touch(t, "in/b/4", "in/b/5", "in/b/6", "in/b/7")
	w = walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(), template.RoleFinishCheck: checkOutput(nil),
		template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
	}))
	want := []string{"in/closed: the folder cannot be read, so what is in it is left out",
		"out/b: the output folder cannot be read, so each output is looked for by its name"}
	if diff := cmp.Diff(want, messages(w)); diff != "" || w.counters.Unreadable.Load() != 1 || w.counters.ToDo.Load() != 7 {
		t.Errorf("closed folders, %d unreadable, %d to do:\n%s", w.counters.Unreadable.Load(), w.counters.ToDo.Load(), diff)
	}
}

func TestVanishedFolderIsReported(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a/1", "in/z/2")
	tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts()})
	var warnings []Warning
	var c Counters
	w, err := newWalk(t.Context(), tmpl, walkOptions{counters: &c, Options: Options{Warn: func(w Warning) { warnings = append(warnings, w) }},
		item: func(*Item) error { return os.RemoveAll("in/z") }})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || warnings[0].Path != "in/z" || c.Listed.Load() != 1 || c.Unreadable.Load() != 0 {
		t.Errorf("%d listed, warnings %v", c.Listed.Load(), warnings)
	}
}

func TestCollisions(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/x/a.jpg", "in/x/a.kk.txt", "in/x/a.png", "in/y/a.jpg", "in/x/b.png", "in/x/a-1.jpg")
	line := func(path, rel, name string) string {
		return string((*outputs)(nil).appendItem(nil, triplet{Path: path, RelDir: rel, FileName: name}))
	}
	lines := []string{line("1", "r", "a.jpg"), line("2", "r/.", "b.jpg"), line("3", "s", "a.jpg"), line("4", "s", "b.jpg"), line("5", "r", "a.jpeg")}
	if err := os.WriteFile("lines.jsonl", []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	replacing := mode("OutputByReplacingExt", map[string]any{"ext": ".webp"})
	appending := mode("OutputByApendingExt", map[string]any{"ext": ".webp"})
	glob := func(p string) *template.Node { return mode("InputByGlob", map[string]any{"glob_pattern": p}) }
	for _, c := range []struct {
		in, out *template.Node
		want    string
	}{
		{byExts(), replacing, "out/x/a.webp: in/x/a.jpg and in/x/a.png"},
		{byExts(".jpg"), replacing, ""},
		{byExts(), appending, ""},
		{glob("*/*"), replacing, "out/x/a.webp: in/x/a.jpg and in/x/a.png"},
		{glob("*/a.jpg"), replacing, ""},
		{glob("*/../x/*.txt"), appending, "out/x/a.kk.txt.webp: in/x/../x/a.kk.txt and in/y/../x/a.kk.txt"},
		{mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "lines.jsonl"}), replacing, "out/r/a.webp: 1 (line 1) and 5 (line 5)"},
		{mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "lines.jsonl"}), appending, ""},
	} {
		for _, shard := range []*template.Node{nil, softShard("SoftShard", 7, num(6))} {
			w := walkAll(t, mustCompile(t, map[string]*template.Node{
				template.RoleHardShard: folders("in", "out"), template.RoleInput: c.in, template.RoleOutput: c.out, template.RoleFinishCheck: checkOutput(nil), template.RoleSoftShard: shard,
			}))
			var collision *CollisionError
			got := ""
			if errors.As(w.err, &collision) {
				got = fmt.Sprintf("%s: %s and %s", collision.Output, collision.First, collision.Second)
			} else if w.err != nil {
				t.Fatal(w.err)
			}
			if got != c.want {
				t.Errorf("%v %s, sharded %v: %q, want %q", c.in.Plain(), c.out.Mode, shard != nil, got, c.want)
			}
		}
	}
}

func TestOutputTableRemembers(t *testing.T) {
	var table outputTable
	n := maxOutputSlots + 1000
	for i := range n {
		if other, found := table.put(fmt.Sprint("out/", i), fmt.Sprint(i), uint64(i)); found {
			t.Fatalf("output %d was taken for %v", i, other)
		}
	}
	for _, back := range []int{1, 1000, rememberedOutputs} {
		for _, text := range []int{n - back, 0} {
			other, found := table.put(fmt.Sprint("out/", n-back), fmt.Sprint(text), 0)
			if want := (sighting{uint64(n - back), text != 0}); !found || other != want {
				t.Errorf("%d outputs later: %v, %v", back, other, found)
			}
		}
	}
	if size := len(table.now.slots) + len(table.before.slots); size > 2*maxOutputSlots {
		t.Errorf("the table grew to %d slots", size)
	}
}

func TestCustomModesAreNotWalked(t *testing.T) {
	tmpl := mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"),
		template.RoleInput:     {Kind: template.KindMode, Mode: "Mine", Custom: true},
		template.RoleOutput:    mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
	})
	if err := walkInputs(t.Context(), tmpl, walkOptions{}); err == nil {
		t.Error("a template with a custom mode was walked")
	}
}

func TestWalkStops(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range 50 {
		touch(t, fmt.Sprintf("in/%02d/a", i), fmt.Sprintf("in/%02d/b", i))
	}
	tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts()})
	stop := errors.New("stop")
	items := 0
	err := walkInputs(t.Context(), tmpl, walkOptions{item: func(*Item) error {
		if items++; items == 3 {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) || items != 3 {
		t.Errorf("stopped by item: %v after %d items", err, items)
	}
	ctx, cancel := context.WithCancel(t.Context())
	items = 0
	err = walkInputs(ctx, tmpl, walkOptions{item: func(*Item) error { items++; cancel(); return nil }})
	if !errors.Is(err, context.Canceled) || items != 2 {
		t.Errorf("cancelled: %v after %d items", err, items)
	}
	if err := walkInputs(t.Context(), tmpl, walkOptions{tick: func() error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("stopped by tick: %v", err)
	}
}

func TestNamesThatAreNoUTF8(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, filepath.Join("in", "a\xff.jpg"), filepath.Join("out", "b.png"))
	tmpl := mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(".jpg"), template.RoleFinishCheck: checkOutput(nil),
		template.RoleOutput: mode("OutputByReplacingExt", map[string]any{"ext": ".png"}),
	})
	want := `{"input":{"path":"in/./a\udcff.jpg","rel_dir":".","file_name":"a\udcff.jpg"},` +
		`"output":{"path":"out/./a\udcff.png","rel_dir":".","file_name":"a\udcff.png"}}`
	if diff := cmp.Diff([]string{want}, walkAll(t, tmpl).lines); diff != "" {
		t.Error(diff)
	}
	touch(t, filepath.Join("out", "a\xff.png"))
	if w := walkAll(t, tmpl); len(w.lines) != 0 || w.counters.Done.Load() != 1 {
		t.Errorf("finished, but %v", w.lines)
	}
}
