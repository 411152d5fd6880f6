package plan

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// rooted compiles a template with several input folders.
func rooted(t testing.TB, input *template.Node, roots ...any) *template.Template {
	t.Helper()
	return mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: mode("NoHardShard", map[string]any{"input_path": roots, "output_path": "out"}), template.RoleInput: input,
		template.RoleOutput: mode("OutputByReplacingExt", map[string]any{"ext": ".o"}),
	})
}

func TestSeveralRoots(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "b/1.jpg", "b/x/2.jpg", "a/3.jpg", "disk1/data/4.jpg", "disk2/data/x/5.jpg", "disk3/other/6.jpg", "disk4", ".disk5/data/7.jpg", "disk[1-9]/data/8.jpg", "0*/9.jpg")
	if err := os.Symlink("../disk3/other", "disk2/data/../../disk6"); err != nil {
		t.Fatal(err)
	}
	glob := func(pattern string, recursive bool) *template.Node {
		return mode("InputByGlob", map[string]any{"glob_pattern": pattern, "recursive": recursive})
	}
	for _, c := range []struct {
		name  string
		input *template.Node
		roots []any
		want  []string
	}{
		{"in the order of the list", byExts(".jpg"), []any{"b", "a/"}, []string{"b/./1.jpg", "b/x/2.jpg", "a/./3.jpg"}},
		{"patterns by name", byExts(".jpg"), []any{"a", "disk*/data"}, []string{"a/./3.jpg", "disk1/data/./4.jpg", "disk2/data/x/5.jpg", "disk[1-9]/data/./8.jpg"}},
		{"what has that name comes first", byExts(".jpg"), []any{"disk[1-9]/data", "0*"}, []string{"disk[1-9]/data/./8.jpg", "0*/./9.jpg"}},
		{"a set", byExts(".jpg"), []any{"disk[12]/data"}, []string{"disk1/data/./4.jpg", "disk2/data/x/5.jpg"}},
		{"once each", byExts(".jpg"), []any{"./a", "a", "[ab]"}, []string{"./a/./3.jpg", "b/./1.jpg", "b/x/2.jpg"}},
		{"patterns of files", glob("*.jpg", false), []any{"b", "a"}, []string{"b/1.jpg", "a/3.jpg"}},
		{"nested, where nothing is listed twice", glob("*.jpg", false), []any{"b", "b/x"}, []string{"b/1.jpg", "b/x/2.jpg"}},
		{"patterns of any depth", glob("**/*.jpg", true), []any{"b", "a"}, []string{"b/1.jpg", "b/x/2.jpg", "a/3.jpg"}},
		{"an absolute pattern has no folder", glob("/nothing/*.jpg", false), []any{"b", "a"}, nil},
		{"folders", mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}), []any{"disk1", "b"}, []string{"disk1/data", "b/x"}},
	} {
		w := walkAll(t, rooted(t, c.input, c.roots...))
		if diff := cmp.Diff(c.want, w.paths(t)); w.err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.name, w.err, diff)
		}
	}
	for _, c := range []struct {
		input *template.Node
		roots []any
		want  string
	}{
		{byExts(".jpg"), []any{"a", "nowhere"}, "reading inputs from nowhere: there is no such folder"},
		{byExts(".jpg"), []any{"a", "no*"}, "reading inputs from no*: no folder matches"},
		{byExts(".jpg"), []any{"disk4"}, "reading inputs from disk4: it is not a folder"},
		{byExts(".jpg"), []any{"b", "b/x"}, "reading inputs from b/x: it lies in b, which is listed as well, so its files would be listed twice"},
		{byExts(".jpg"), []any{"b/x", "./b"}, "reading inputs from b/x: it lies in ./b, which is listed as well, so its files would be listed twice"},
		{glob("**/*.jpg", true), []any{".", "a"}, "reading inputs from a: it lies in ., which is listed as well"},
	} {
		tmpl := rooted(t, c.input, c.roots...)
		_, err := New(t.Context(), tmpl, Options{})
		w := walkAll(t, tmpl)
		for _, err := range []error{err, w.err} {
			var input *template.InputError
			if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v: %v, want %s", c.roots, err, c.want)
			}
		}
	}
}

// Items of two folders that would have one output are told, wherever they lie, and so are shards counted over all folders.
func TestRootsTogether(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "a/x/1.jpg", "a/x/2.jpg", "b/x/3.jpg", "b/x/1.png", "c/1.jpg")
	w := walkAll(t, rooted(t, byExts(".jpg", ".png"), "a", "b"))
	var collision *CollisionError
	if !errors.As(w.err, &collision) || collision.First != "a/x/1.jpg" || collision.Second != "b/x/1.png" || collision.Output != "out/x/1.o" {
		t.Errorf("%+v", w.err)
	}
	var all []string
	for i := range 3 {
		tmpl := rooted(t, byExts(".jpg"), "a", "b", "c")
		tmpl.Shard = &template.Shard{Num: 3, Idx: []uint64{uint64(i)}}
		w := walkAll(t, tmpl)
		if w.err != nil || w.counters.Listed.Load() != 4 {
			t.Errorf("%v, %d listed", w.err, w.counters.Listed.Load())
		}
		all = append(all, strings.Join(w.paths(t), " "))
	}
	if diff := cmp.Diff([]string{"a/x/1.jpg c/./1.jpg", "a/x/2.jpg", "b/x/3.jpg"}, all); diff != "" {
		t.Error(diff)
	}
}

// An output folder in any of the input folders: what lies there is left out.
func TestOutputsInOneOfTheRoots(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "a/1.txt", "b/2.txt", "b/out/2.txt.txt", "b/out/1.txt.txt", "b/out/x/1.txt.txt", "a/x/1.txt")
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: mode("NoHardShard", map[string]any{"input_path": []any{"a", "b"}, "output_path": "b/out"}), template.RoleInput: byExts(".txt"),
		template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
	}))
	if diff := cmp.Diff([]string{"a/./1.txt", "a/x/1.txt", "b/./2.txt"}, w.paths(t)); w.err != nil || diff != "" {
		t.Errorf("%v\n%s", w.err, diff)
	}
}

func TestListsOfPathsBelowSeveralRoots(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "d1/x/1", "d2/2")
	if err := os.WriteFile("list", []byte("d1/x/1\nd2/2\nd3/3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := walkAll(t, rooted(t, mode("InputFromList", map[string]any{"list_path": "list"}), "d[12]", "d3"))
	var rels []string
	for _, l := range w.lines {
		rels = append(rels, l[strings.Index(l, `"rel_dir"`):strings.Index(l, `,"file_name"`)])
	}
	if diff := cmp.Diff([]string{`"rel_dir":"x"`, `"rel_dir":"."`, `"rel_dir":"."`}, rels); w.err != nil || diff != "" {
		t.Errorf("%v\n%s", w.err, diff)
	}
}
