package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// finishAll writes what the items of a walk would write, with one more file beside the outputs of folder outputs.
func finishAll(t *testing.T, w *walked, tmpl *template.Template) {
	t.Helper()
	if w.err != nil {
		t.Fatal(w.err)
	}
	for _, l := range w.lines {
		item, err := scanItem([]byte(l))
		if err != nil {
			t.Fatal(err)
		}
		out := outputsOf(tmpl).of(item.input)
		if tmpl.Output.Kind == template.Subfoldering {
			touch(t, outputsOf(tmpl).file(out, 0).Path, filepath.Join(out.Path, "beside.jpg"))
			continue
		}
		touch(t, out.Path)
	}
}

func TestOutputsBelowTheInputsAreNoInputs(t *testing.T) {
	appending := mode("OutputByApendingExt", map[string]any{"ext": ".jpg"})
	bare := mode("OutputByApendingExt", map[string]any{"ext": ""})
	replacing := mode("OutputByReplacingExt", map[string]any{"ext": ".jpg"})
	foldering := mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"a": "a.jpg", "b": "b.txt"}})
	inputs := []string{"in/a.jpg", "in/b.JPG", "in/c.jpeg", "in/sub/a.jpg", "in/sub/deep/z.jpg", "in/z/a.jpg", "in/note.txt"}
	for _, c := range []struct {
		name, in, out string
		exts          []string
		output        *template.Node
		// left is how many outputs are left out when all is finished.
		left uint64
	}{
		{"below", "in", "in/out", []string{".jpg", ".jpeg"}, appending, 6},
		{"deep below", "in", "in/sub/deep/out", []string{".jpg", ".jpeg"}, appending, 6},
		{"the same folder", "in", "in", []string{".jpg", ".jpeg"}, appending, 6},
		{"another spelling", "in", "./x/../in/", []string{".jpg", ".jpeg"}, appending, 6},
		{"all files", "in", "in/out", nil, appending, 7},
		{"names as they are", "in", "in/out", []string{".jpg", ".jpeg"}, bare, 6},
		{"folders", "in", "in/out", []string{".jpg", ".jpeg"}, foldering, 6},
		{"replacing", "in", "in/out", []string{".jpg", ".jpeg"}, replacing, 5},
		{"replacing in the same folder", "in", "in", []string{".jpg", ".jpeg"}, replacing, 2},
		{"other names", "in", "in/out", []string{".jpeg"}, appending, 0},
		{"through a link", "linked", "in/out", []string{".jpg", ".jpeg"}, appending, 6},
		{"to a link", "in", "linked/out", []string{".jpg", ".jpeg"}, appending, 6},
		{"absolute", "in", "ABS/in/out", []string{".jpg", ".jpeg"}, appending, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			mkdir(t, "x")
			touch(t, inputs...)
			if err := os.Symlink("in", "linked"); err != nil {
				t.Fatal(err)
			}
			if c.name == "replacing" {
				// b.JPG and b.jpg are two inputs with one output.
				if err := os.Remove("in/b.JPG"); err != nil {
					t.Fatal(err)
				}
			}
			if c.name == "replacing in the same folder" {
				if err := os.Rename("in/c.jpeg", "in/sub/c.jpeg"); err != nil {
					t.Fatal(err)
				}
			}
			out := strings.Replace(c.out, "ABS", dir, 1)
			fields := map[string]*template.Node{template.RoleHardShard: folders(c.in, out), template.RoleInput: byExts(c.exts...), template.RoleOutput: c.output, template.RoleFinishCheck: checkOutput(nil)}
			tmpl := mustCompile(t, fields)
			bareFields := map[string]*template.Node{template.RoleHardShard: folders(c.in, out), template.RoleInput: byExts(c.exts...), template.RoleOutput: c.output}
			order := mustCompile(t, bareFields)
			first := walkAll(t, order)
			listed := walkAll(t, tmpl)
			half := &walked{lines: listed.lines[:len(listed.lines)/2]}
			finishAll(t, half, tmpl)
			if diff := cmp.Diff(first.lines, walkAll(t, order).lines); diff != "" {
				t.Errorf("half finished, the listing is another:\n%s", diff)
			}
			finishAll(t, listed, tmpl)
			for range 2 {
				again := walkAll(t, tmpl)
				if again.err != nil || len(again.lines) > 0 || again.counters.Listed.Load() != first.counters.Listed.Load() || again.counters.Outputs.Load() != c.left {
					t.Errorf("the second run: %v, %d listed, %d left out, to do %v", again.err, again.counters.Listed.Load(), again.counters.Outputs.Load(), again.lines)
				}
				if c.left > 0 && (len(again.warnings) != 1 || !again.warnings[0].Note || !strings.HasPrefix(again.warnings[0].Message, count.Of(c.left, "output of another input", "outputs of other inputs"))) {
					t.Errorf("warnings: %v", again.messages())
				}
			}
			if diff := cmp.Diff(first.lines, walkAll(t, order).lines); diff != "" {
				t.Errorf("finished, the listing is another:\n%s", diff)
			}
			// Shards by index agree, whatever is finished.
			sharded := 0
			for idx := range 3 {
				bareFields[template.RoleSoftShard] = softShard("SoftShard", 3, num(idx))
				part := walkAll(t, mustCompile(t, bareFields))
				sharded += len(part.lines)
				for _, l := range part.lines {
					if slices.Index(first.lines, l)%3 != idx {
						t.Errorf("shard %d has %s", idx, l)
					}
				}
			}
			if sharded != len(first.lines) {
				t.Errorf("the shards have %d of %d items", sharded, len(first.lines))
			}
			if c.left > 0 && c.name != "replacing in the same folder" {
				all := walkWith(t, order, Policy{ListOutputs: true})
				if all.err != nil || len(all.lines) < len(first.lines)+int(c.left) || len(all.warnings) > 0 {
					t.Errorf("--list-outputs: %v, %d items, %v", all.err, len(all.lines), all.messages())
				}
			}
		})
	}
}

func TestOtherFilesInTheOutputFolderAreInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/out/a.jpg.jpg", "in/out/mine.jpg", "in/out/mine.jpg.jpg", "in/out/out/a.jpg.jpg.jpg", "in/out/out/mine.jpg.jpg",
		"in/out/.kagurazaka-staging/x.jpg", "in/.kagurazaka/y.jpg", "in/outside/a.jpg.jpg")
	tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "in/out"), template.RoleInput: byExts(".jpg"), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".jpg"})})
	w := walkAll(t, tmpl)
	// out/out/a.jpg.jpg.jpg is what an earlier version made of an output.
	want := []string{"in/./a.jpg", "in/out/mine.jpg", "in/out/mine.jpg.jpg", "in/outside/a.jpg.jpg"}
	if diff := cmp.Diff(want, w.paths(t)); w.err != nil || diff != "" || w.counters.Outputs.Load() != 3 {
		t.Errorf("%v, %d left out:\n%s", w.err, w.counters.Outputs.Load(), diff)
	}
}

func TestModesThatListTheOutputFolderWarn(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/s/b.jpg", "in/out/a.jpg.jpg", "in/a.jpg.jpg", "in/a.jpg.txt")
	glob := func(p string) *template.Node { return mode("InputByGlob", map[string]any{"glob_pattern": p}) }
	level := func(n int) *template.Node {
		return mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(n)})
	}
	appending := func(ext string) *template.Node { return mode("OutputByApendingExt", map[string]any{"ext": ext}) }
	for _, c := range []struct {
		input, output *template.Node
		out           string
		warns         string
	}{
		{glob("*/*.jpg"), appending(".jpg"), "in/out", "in/out/a.jpg.jpg"},
		{glob("*"), appending(".jpg"), "in/out", "in/out"},
		{glob("*.jpg"), appending(".jpg"), "in/out", ""},
		{glob("*/*.jpg"), appending(".jpg"), "elsewhere", ""},
		{glob("*.jpg"), appending(".jpg"), "in", "in/a.jpg.jpg"},
		{glob("*.jpg"), appending(".txt"), "in", ""},
		{level(1), appending(".jpg"), "in/out", "in/out"},
		{level(1), appending(".jpg"), "in/out/further", ""},
		{level(1), appending(".jpg"), "in", ""},
	} {
		tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", c.out), template.RoleInput: c.input, template.RoleOutput: c.output})
		w := walkAll(t, tmpl)
		var got string
		for _, x := range w.warnings {
			got += x.Path
			if !strings.HasPrefix(x.Message, "it lies in the output folder") {
				t.Error(x)
			}
		}
		if w.err != nil || got != c.warns || len(w.lines) != len(walkWith(t, tmpl, Policy{ListOutputs: true}).lines) {
			t.Errorf("%v to %s: %v, %v", c.input.Plain(), c.out, w.err, w.messages())
		}
	}
}

func TestSpecialFilesAreLeftOut(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/s/b.jpg", "else/c.jpg")
	for _, p := range []string{"in/pipe.jpg", "in/s/pipe.jpg", "in/s/pipe.txt"} {
		if err := syscall.Mkfifo(p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"in/dangling.jpg": "nowhere", "in/file.jpg": "../else/c.jpg", "in/folder.jpg": "s", "in/topipe.jpg": "pipe.jpg", "in/null.jpg": "/dev/null"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		mode    *template.Node
		want    []string
		special uint64
	}{
		{byExts(".jpg"), []string{"in/./a.jpg", "in/./dangling.jpg", "in/./file.jpg", "in/s/b.jpg"}, 4},
		{mode("InputByGlob", map[string]any{"glob_pattern": "*.jpg"}), []string{"in/a.jpg", "in/dangling.jpg", "in/file.jpg", "in/folder.jpg"}, 3},
		{mode("InputByGlob", map[string]any{"glob_pattern": "*/pipe.jpg"}), nil, 2},
		{mode("InputByGlob", map[string]any{"glob_pattern": "topipe.jpg"}), nil, 1},
		{mode("InputByGlob", map[string]any{"glob_pattern": "dangling.jpg"}), []string{"in/dangling.jpg"}, 0},
		{mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}), []string{"in/folder.jpg", "in/s"}, 0},
	} {
		w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: c.mode}))
		if diff := cmp.Diff(c.want, w.paths(t)); w.err != nil || diff != "" || w.counters.Special.Load() != c.special {
			t.Errorf("%v: %v, %d left out\n%s", c.mode.Plain(), w.err, w.counters.Special.Load(), diff)
		}
		if want := count.Of(c.special, "named pipe, socket or device matches by name and is left out: in/",
			"named pipes, sockets or devices match by name and are left out; the first: in/"); c.special > 0 &&
			(len(w.warnings) != 1 || !strings.HasPrefix(w.warnings[0].Message, want)) {
			t.Errorf("%v: %v", c.mode.Plain(), w.messages())
		}
	}
}
