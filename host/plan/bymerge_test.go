package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

func merged(modes ...*template.Node) *template.Node {
	return mode("InputByMerge", map[string]any{"modes": &template.Node{Kind: template.KindList, List: modes}})
}

func lines(t testing.TB, kind string, items ...string) *template.Node {
	t.Helper()
	path := filepath.Join(t.TempDir(), "items.jsonl")
	text := ""
	for _, i := range items {
		text += i + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return mode(kind, map[string]any{"jsonl_path": path})
}

func tripletLine(path, rel, name string) string {
	return `{"input":` + string(jsontext.AppendTriplet(nil, path, rel, name)) + `}`
}

func TestMergesListOneModeAfterAnother(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	touch(t, filepath.Join(in, "b.jpg"), filepath.Join(in, "a.png"), filepath.Join(in, "s", "c.jpg"), filepath.Join(in, "g.wav"), filepath.Join(in, "g.txt"))
	mkdir(t, filepath.Join(in, "folder"))
	w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(in, "out"), template.RoleInput: merged(
		byExts(".jpg"),
		lines(t, "InputFromFileTripletJsonl", tripletLine("/x/y.jpg", "x", "y.jpg")),
		mode("InputByGlob", map[string]any{"glob_pattern": "*.png"}),
		byGroup(ordered("sound", ".wav", "text", ".txt")),
		mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}),
		lines(t, "InputFromWhateverJsonl", `{"input":{"path":"w","rel_dir":".","file_name":"w"},"more":1}`),
	)}))
	want := []string{".:b.jpg ?", "s:c.jpg ?", "x:y.jpg ?", ".:a.png ?", ".:g.wav g.txt", ".:folder ?", ".:s ?"}
	if len(w.lines) != 8 {
		t.Fatalf("%d items, %v: %v", len(w.lines), w.err, w.lines)
	}
	last := w.lines[7]
	w.lines = w.lines[:7]
	if diff := cmp.Diff(want, shownItems(t, w, "text")); diff != "" || last != `{"input":{"path":"w","rel_dir":".","file_name":"w"},"more":1}` {
		t.Errorf("the last is %s; items (- want, + got):\n%s", last, diff)
	}
}

func TestMergesShardTheWholeOrder(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	for i := range 7 {
		touch(t, filepath.Join(in, fmt.Sprint(i, ".a")), filepath.Join(in, fmt.Sprint(i, ".b")))
	}
	// Every second item of a mode repeats one of the mode before it, and keeps its number.
	modes := merged(byExts(".a"), mode("InputByGlob", map[string]any{"glob_pattern": "[246].a"}), byExts(".b"))
	var all, sharded []string
	for shards, got := range map[int]*[]string{1: &all, 3: &sharded} {
		for shard := range shards {
			for _, need := range []Need{{Line: true}, {Line: true, Order: true}} {
				w := &walked{}
				w.err = walkInputs(t.Context(), mustCompile(t, map[string]*template.Node{
					template.RoleHardShard: folders(in, "out"), template.RoleInput: modes, template.RoleSoftShard: softShard("SoftShard", shards, num(shard)),
					template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".x"}),
				}), walkOptions{counters: &w.counters, need: need, item: func(i *Item) error {
					w.lines = append(w.lines, string(i.Line))
					return nil
				}})
				if w.err != nil || w.counters.Listed.Load() != 14 || w.counters.Repeated.Load() != 3 {
					t.Fatalf("%d listed, %d repeated, %v", w.counters.Listed.Load(), w.counters.Repeated.Load(), w.err)
				}
				if !need.Order {
					*got = append(*got, w.paths(t)...)
				} else if diff := cmp.Diff((*got)[len(*got)-len(w.lines):], w.paths(t)); diff != "" {
					t.Errorf("shard %d of %d, in its fast (-) and its numbered walk (+):\n%s", shard, shards, diff)
				}
			}
		}
	}
	if len(all) != 14 || len(sharded) != 14 {
		t.Fatalf("%d and %d items", len(all), len(sharded))
	}
	// The numbers of the shards are those of the listing with what repeats: 0-6 are .a, 7-9 repeat, and 10-16 are .b.
	want := []string{"0.a", "3.a", "6.a", "2.b", "5.b"}
	for i := range want {
		want[i] = filepath.Join(in, ".") + "/./" + want[i]
	}
	if diff := cmp.Diff(want, sharded[:5]); diff != "" {
		t.Errorf("the first shard (- want, + got):\n%s", diff)
	}
}

func TestMergesTellCollisions(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	touch(t, filepath.Join(in, "a.jpg"), filepath.Join(in, "a.png"), filepath.Join(in, "a.txt"))
	replacing := mode("OutputByReplacingExt", map[string]any{"ext": ".npy"})
	walk := func(modes ...*template.Node) *walked {
		return walkAll(t, mustCompile(t, map[string]*template.Node{
			template.RoleHardShard: folders(in, "out"), template.RoleInput: merged(modes...), template.RoleOutput: replacing,
		}))
	}
	path := func(name string) string { return in + "/./" + name }
	for _, c := range []struct {
		name          string
		modes         []*template.Node
		first, second string
	}{
		{"two folders' modes", []*template.Node{byExts(".jpg"), byExts(".png")}, path("a.jpg"), path("a.png")},
		{"a file and a line", []*template.Node{byExts(".jpg"), lines(t, "InputFromFileTripletJsonl", tripletLine("x/a.gif", ".", "a.gif"))}, path("a.jpg"), "x/a.gif (line 1)"},
		{"a line and a file", []*template.Node{lines(t, "InputFromFileTripletJsonl", tripletLine("x/a.gif", ".", "a.gif")), byExts(".jpg")}, "x/a.gif (line 1)", path("a.jpg")},
		{"a file and a group with it", []*template.Node{byExts(".jpg"), byGroup(ordered("image", ".jpg", "text", ".txt"))}, path("a.jpg"), path("a.jpg")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := walk(c.modes...)
			var collision *CollisionError
			if !errors.As(w.err, &collision) || collision.First != c.first || collision.Second != c.second || collision.Output != "out/./a.npy" {
				t.Errorf("got %v", w.err)
			}
		})
	}
	w := walk(byExts(".jpg"), lines(t, "InputFromFileTripletJsonl", tripletLine(path("a.jpg"), ".", "a.jpg"), tripletLine("x/b.jpg", ".", "b.jpg")))
	if diff := cmp.Diff([]string{path("a.jpg"), "x/b.jpg"}, w.paths(t)); diff != "" || w.err != nil || w.counters.Repeated.Load() != 1 {
		t.Errorf("%d repeated, %v; items (- want, + got):\n%s", w.counters.Repeated.Load(), w.err, diff)
	}
}

func TestMergesCheckAllTheirInputs(t *testing.T) {
	in := t.TempDir()
	missing := filepath.Join(in, "missing.jsonl")
	w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(in, "out"), template.RoleInput: merged(
		byExts(), mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": missing}),
	)}))
	var input *template.InputError
	if !errors.As(w.err, &input) || input.Path != missing {
		t.Errorf("got %v", w.err)
	}
	tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(in, "out"), template.RoleInput: merged(
		byExts(), mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": missing}),
	)})
	if _, err := New(t.Context(), tmpl, Options{}); !errors.As(err, &input) || input.Path != missing {
		t.Errorf("before the listing: %v", err)
	}
}
