package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestFinished(t *testing.T) {
	appending := mode("OutputByApendingExt", map[string]any{"ext": ".txt"})
	replacing := mode("OutputByReplacingExt", map[string]any{"ext": ".txt"})
	subfolders := mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"t": "t.txt", "deep": "d/t.txt"}})
	for _, c := range []struct {
		name   string
		out    *template.Node
		suffix any
		// made are outputs; a slash at the end makes a folder, "->" a link.
		made, done []string
	}{
		{"appended", appending, nil, []string{"out/a.jpg.txt", "out/b.txt", "out/x/c.jpg.txt"}, []string{"./a.jpg", "x/c.jpg"}},
		{"replaced", replacing, nil, []string{"out/a.jpg.txt", "out/b.txt", "out/x/c.txt"}, []string{"./b.jpg", "x/c.jpg"}},
		{"links", appending, nil, []string{"out/a.jpg.txt->nowhere", "out/b.jpg.txt->b", "out/b", "out/x->."}, []string{"./b.jpg"}},
		{"a folder for an output", appending, nil, []string{"out/a.jpg.txt/"}, []string{"./a.jpg"}},
		{"a file for the folder", appending, nil, []string{"out/x"}, nil},
		{"folders", subfolders, nil, []string{"out/a.jpg/", "out/x/c.jpg/t.txt", "out/.kagurazaka-staging/b.jpg/"}, []string{"./a.jpg", "x/c.jpg"}},
		{"files in folders", subfolders, "t", []string{"out/a.jpg/", "out/b.jpg/t.txt", "out/x/c.jpg/d/t.txt", "out/x/d.jpg"}, []string{"./b.jpg"}},
		{"deep files in folders", subfolders, "deep", []string{"out/a.jpg/t.txt", "out/x/c.jpg->../a.jpg", "out/a.jpg/d/t.txt"}, []string{"./a.jpg", "x/c.jpg"}},
	} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, many %v", c.name, many), func(t *testing.T) {
				t.Chdir(t.TempDir())
				touch(t, "in/a.jpg", "in/b.jpg", "in/x/c.jpg", "in/x/d.jpg", "in/.kagurazaka-staging/worker/e.jpg")
				if many {
					for i := range askFew {
						touch(t, fmt.Sprintf("in/more%d.jpg", i), fmt.Sprintf("in/x/more%d.jpg", i))
					}
				}
				makeOutputs(t, c.made)
				fields := map[string]*template.Node{
					template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(), template.RoleOutput: c.out, template.RoleFinishCheck: checkOutput(c.suffix),
				}
				all := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(), template.RoleOutput: c.out}))
				before := tree(t)
				w := walkAll(t, mustCompile(t, fields))
				if w.err != nil || all.err != nil {
					t.Fatal(w.err, all.err)
				}
				var want []string
				for _, l := range all.lines {
					if !slices.ContainsFunc(c.done, func(d string) bool { return strings.Contains(l, `"path":"in/`+d+`"`) }) {
						want = append(want, l)
					}
				}
				if diff := cmp.Diff(want, w.lines); diff != "" || int(w.counters.Done.Load()) != len(c.done) {
					t.Errorf("%d done; to do (- want, + got):\n%s", w.counters.Done.Load(), diff)
				}
				alone := oneByOne(t, fields, all.lines)
				if diff := cmp.Diff(w.lines, alone); diff != "" {
					t.Errorf("items that come one by one (- folders, + alone):\n%s", diff)
				}
				if diff := cmp.Diff(before, tree(t)); diff != "" {
					t.Errorf("asking changed files:\n%s", diff)
				}
			})
		}
	}
}

func makeOutputs(t *testing.T, made []string) {
	t.Helper()
	for _, m := range made {
		if link, to, ok := strings.Cut(m, "->"); ok {
			mkdir(t, filepath.Dir(link))
			if err := os.Symlink(to, link); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if strings.HasSuffix(m, "/") {
			mkdir(t, m)
			continue
		}
		touch(t, m)
	}
}

func tree(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(p string, _ os.DirEntry, err error) error { all = append(all, p); return err })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// oneByOne sends the inputs of lines through a Filter, so often that it reads folders, and returns what is to do.
func oneByOne(t *testing.T, fields map[string]*template.Node, lines []string) []string {
	t.Helper()
	single := map[string]*template.Node{template.RoleHardShard: fields[template.RoleHardShard], template.RoleOutput: fields[template.RoleOutput], template.RoleFinishCheck: fields[template.RoleFinishCheck]}
	var first []string
	for round := range askBeforeReading {
		var todo []string
		f, err := newWalk(t.Context(), mustCompile(t, single), walkOptions{item: func(i *Item) error { todo = append(todo, string(i.Line)); return nil }, need: Need{Line: true}})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			var item map[string]json.RawMessage
			if err := json.Unmarshal([]byte(l), &item); err != nil {
				t.Fatal(err)
			}
			if err := f.item([]byte(` {"input":` + string(item["input"]) + "} ")); err != nil {
				t.Fatal(err)
			}
			// As if others of the folder had come before.
			for _, d := range f.check.dirs {
				d.asks += round
			}
		}
		if round == 0 {
			first = todo
		}
		if diff := cmp.Diff(first, todo); diff != "" {
			t.Errorf("asked %d times before:\n%s", round, diff)
		}
	}
	return first
}

func TestFolderCacheIsBounded(t *testing.T) {
	t.Chdir(t.TempDir())
	fields := map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleFinishCheck: checkOutput(nil), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ""}),
	}
	done := 0
	f, err := newWalk(t.Context(), mustCompile(t, fields), walkOptions{item: func(*Item) error { done--; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxCachedFolders + 50 {
		rel := fmt.Sprint(i)
		touch(t, "out/"+rel+"/f0", "out/"+rel+"/f39")
		for k := range askBeforeReading + 24 {
			done++
			if err := f.item((*outputs)(nil).appendItem(nil, triplet{Path: "p", RelDir: rel, FileName: fmt.Sprint("f", k)})); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := 2 * (maxCachedFolders + 50); done != want {
		t.Errorf("%d found finished, want %d", done, want)
	}
	if c := f.check; len(c.dirs) > maxCachedFolders || c.cached != 2*len(c.dirs) {
		t.Errorf("%d folders with %d names are kept", len(c.dirs), c.cached)
	}
}

// TestLinesOfGroups compares the two ways in which an item is written.
func TestLinesOfGroups(t *testing.T) {
	outputs := []*template.Node{
		nil,
		mode("OutputByApendingExt", map[string]any{"ext": `."x`}),
		mode("OutputByReplacingExt", map[string]any{"ext": "ü"}),
		mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"a\"": "x/ü", "b": "/abs", "c": "c"}}),
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab.\"\\ü\n")), 0, 6, -1)
		root := rapid.SampledFrom([]string{"out", "out/", "/", "./o\"t"}).Draw(rt, "root")
		compiled := mustCompile(t, map[string]*template.Node{
			template.RoleHardShard: folders("in", root), template.RoleOutput: rapid.SampledFrom(outputs).Draw(rt, "output"),
		})
		g := &group{dir: rapid.SampledFrom([]string{"in", "in/", "in/.", "/", `\u0000`, `\\u0000.\u0000`}).Draw(rt, "dir"), relDir: rapid.SampledFrom([]string{".", "a/b", "..", `\u0000`, "\xff"}).Draw(rt, "rel")}
		name := text.Draw(rt, "name")
		w := lineWriter{out: outputsOf(compiled)}
		if g.names = (&nameList{}); g.names.add([]byte(name), kindFile) != nil {
			rt.Fatal("no room for a name")
		}
		w.group(g)
		got, want := string(w.item(g.names.all[0])), string(outputsOf(compiled).appendItem(nil, g.triplet([]byte(name))))
		if got != want {
			rt.Fatalf("as one of a group\n%s\nalone\n%s", got, want)
		}
	})
}
