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

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// ordered makes a map node whose entries keep their order.
func ordered(pairs ...any) *template.Node {
	n := &template.Node{Kind: template.KindMap}
	for i := 0; i < len(pairs); i += 2 {
		n.Set(pairs[i].(string), template.Scalar(pairs[i+1]))
	}
	return n
}

func byGroup(files *template.Node, required ...any) *template.Node {
	fields := map[string]any{"files": files}
	if required != nil {
		fields["required"] = required
	}
	return mode("InputByGroup", fields)
}

var pictures = ordered("image", []any{".jpg", ".png"}, "caption", ".txt", "meta", ".json")

// shownItems are the items in short: the names of input and input_ID, "-" for null, with the folder of the input before them.
func shownItems(t testing.TB, w *walked, ids ...string) []string {
	t.Helper()
	var all []string
	for _, l := range w.lines {
		var item map[string]*struct {
			Path     string `json:"path"`
			RelDir   string `json:"rel_dir"`
			FileName string `json:"file_name"`
		}
		if err := json.Unmarshal([]byte(l), &item); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		in := item["input"]
		text := in.RelDir + ":" + in.FileName
		for _, id := range ids {
			member, given := item["input_"+id]
			switch {
			case !given:
				text += " ?"
			case member == nil:
				text += " -"
			default:
				text += " " + member.FileName
				if !strings.HasSuffix(member.Path, "/"+member.FileName) {
					t.Errorf("%s is at %s", member.FileName, member.Path)
				}
			}
		}
		all = append(all, text)
	}
	return all
}

func TestGroupsAreTheFilesThatShareAStem(t *testing.T) {
	for _, c := range []struct {
		name     string
		files    []string
		in       *template.Node
		want     []string
		messages []string
	}{
		{"whole groups by folder", []string{"b.txt", "b.jpg", "b.json", "a.png", "a.txt", "a.json", "sub/a.jpg", "sub/a.txt", "sub/a.json", "other.md"},
			byGroup(pictures), []string{".:a.png a.png a.txt a.json", ".:b.jpg b.jpg b.txt b.json", "sub:a.jpg a.jpg a.txt a.json"}, nil},
		{"absent files are null", []string{"a.jpg", "a.txt", "b.jpg", "b.json", "c.jpg"},
			byGroup(pictures, "image"), []string{".:a.jpg a.jpg a.txt -", ".:b.jpg b.jpg - b.json", ".:c.jpg c.jpg - -"}, nil},
		{"the input is the first that is required", []string{"a.txt", "b.jpg", "b.txt"},
			byGroup(pictures, "caption"), []string{".:a.txt - a.txt -", ".:b.txt b.jpg b.txt -"}, nil},
		{"incomplete groups are named", []string{"a.jpg", "b.txt", "c.json", "d.jpg", "d.txt", "sub/e.jpg"}, byGroup(pictures, "image", "caption"),
			[]string{".:d.jpg d.jpg d.txt -"},
			[]string{"4 incomplete groups of files are left out; the first: IN/a (no caption), IN/b (no image), IN/c (no image, no caption)"}},
		{"one incomplete group", []string{"a.jpg"}, byGroup(pictures, "image", "meta"), nil, []string{"1 incomplete group of files is left out: IN/a (no meta)"}},
		{"several files for one id", []string{"a.png", "a.jpg", "a.txt", "b.JPG", "b.jpg", "b.txt"}, byGroup(pictures, "image", "caption"),
			[]string{".:a.jpg a.jpg a.txt -", ".:b.JPG b.JPG b.txt -"},
			[]string{"2 files are left out, because their items have other files for the same ids; the first: IN/a.png beside a.jpg"}},
		{"the longest extension counts", []string{"a.tar.gz", "a.gz", "x_mask.png", "x.png", "_mask.png"},
			byGroup(ordered("one", ".gz", "tar", ".tar.gz", "image", ".png", "mask", "_mask.png"), "tar"), []string{".:a.tar.gz a.gz a.tar.gz - -"},
			[]string{"2 incomplete groups of files are left out; the first: IN/_mask (no tar), IN/x (no tar)"}},
		{"names of extensions alone are no files", []string{".jpg", ".txt", "a.jpg", "a.txt"}, byGroup(pictures, "image", "caption"),
			[]string{".:a.jpg a.jpg a.txt -"}, nil},
		{"stems differ by case, extensions do not", []string{"A.JPG", "a.TXT", "B.jpg", "B.Txt"}, byGroup(pictures, "image", "caption"),
			[]string{".:B.jpg B.jpg B.Txt -"}, []string{"2 incomplete groups of files are left out; the first: IN/A (no caption), IN/a (no image)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := filepath.Join(t.TempDir(), "in")
			mkdir(t, in)
			for _, f := range c.files {
				touch(t, filepath.Join(in, f))
			}
			w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(in, "out"), template.RoleInput: c.in}))
			if w.err != nil {
				t.Fatal(w.err)
			}
			ids := []string{"image", "caption", "meta"}
			if c.in.Get("files").Get("tar") != nil {
				ids = []string{"one", "tar", "image", "mask"}
			}
			if diff := cmp.Diff(c.want, shownItems(t, w, ids...)); diff != "" {
				t.Errorf("items (- want, + got):\n%s", diff)
			}
			messages := w.messages()
			for i := range messages {
				messages[i] = strings.ReplaceAll(messages[i], in, "IN")
			}
			if diff := cmp.Diff(c.messages, messages); diff != "" {
				t.Errorf("messages (- want, + got):\n%s", diff)
			}
		})
	}
}

// TestLinesOfItemsOfSeveralFiles checks the whole text of items, with names that need escapes.
func TestLinesOfItemsOfSeveralFiles(t *testing.T) {
	in := filepath.Join(t.TempDir(), `i"n`)
	touch(t, filepath.Join(in, "s\\b", `a".jpg`), filepath.Join(in, "s\\b", `a".txt`))
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(in, "out"), template.RoleInput: byGroup(pictures, "image"),
		template.RoleOutput: mode("OutputByReplacingExt", map[string]any{"ext": ".npy"}),
	}))
	triplet := func(dir, name string) string {
		return string(jsontext.AppendTriplet(nil, template.Join(dir, `s\b`, name), `s\b`, name))
	}
	want := fmt.Sprintf(`{"input":%s,"input_image":%s,"input_caption":%s,"input_meta":null,"output":%s}`,
		triplet(in, `a".jpg`), triplet(in, `a".jpg`), triplet(in, `a".txt`), triplet("out", `a".npy`))
	if diff := cmp.Diff([]string{want}, w.lines); diff != "" {
		t.Errorf("items (- want, + got):\n%s", diff)
	}
}

func TestGroupsAreShardedAndCheckedByTheirInput(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for i := range 40 {
		stem := fmt.Sprintf("%02d", i)
		touch(t, filepath.Join(in, stem+".jpg"), filepath.Join(in, stem+".txt"))
		if i%4 == 0 {
			touch(t, filepath.Join(out, stem+".jpg.npy"))
		}
	}
	for _, kind := range []string{"SoftShard", "SoftShardByHash"} {
		var all []string
		var counters Counters
		for shard := range 3 {
			w := walkAll(t, mustCompile(t, map[string]*template.Node{
				template.RoleHardShard: folders(in, out), template.RoleInput: byGroup(pictures, "image", "caption"),
				template.RoleSoftShard:   softShard(kind, 3, num(shard)),
				template.RoleOutput:      mode("OutputByApendingExt", map[string]any{"ext": ".npy"}),
				template.RoleFinishCheck: checkOutput(nil),
			}))
			if w.err != nil || w.counters.Listed.Load() != 40 {
				t.Fatalf("%d listed, %v", w.counters.Listed.Load(), w.err)
			}
			all = append(all, shownItems(t, w, "caption")...)
			counters.Done.Add(w.counters.Done.Load())
		}
		slices.Sort(all)
		var want []string
		for i := range 40 {
			if i%4 != 0 {
				want = append(want, fmt.Sprintf(".:%02d.jpg %02d.txt", i, i))
			}
		}
		if diff := cmp.Diff(want, all); diff != "" || counters.Done.Load() != 10 {
			t.Errorf("%s: %d done; items (- want, + got):\n%s", kind, counters.Done.Load(), diff)
		}
	}
}

func TestOutputsBesideGroupsAreNoFilesOfGroups(t *testing.T) {
	in := t.TempDir()
	touch(t, filepath.Join(in, "a.jpg"), filepath.Join(in, "a.txt"), filepath.Join(in, "a.jpg.txt"))
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(in, in), template.RoleInput: byGroup(pictures, "image", "caption"),
		template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
	}))
	if diff := cmp.Diff([]string{".:a.jpg a.txt"}, shownItems(t, w, "caption")); diff != "" || w.counters.Incomplete.Load() > 0 {
		t.Errorf("%d incomplete; items (- want, + got):\n%s", w.counters.Incomplete.Load(), diff)
	}
}

func byFolder(files *template.Node, required ...any) *template.Node {
	fields := map[string]any{"file_to_read": files}
	if required != nil {
		fields["required"] = required
	}
	return mode("InputByFilenameSubfoldering", fields)
}

func TestFoldersAreItems(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	for _, f := range []string{
		"b.jpg/t.txt", "b.jpg/e.npy", "sub/a.jpg/t.txt", "sub/a.jpg/e.npy", "sub/a.jpg/inner/t.txt", "sub/a.jpg/inner/e.npy",
		"half/t.txt", "none/x", ".kagurazaka/x/t.txt", ".kagurazaka/x/e.npy", ".kagurazaka-staging/y/t.txt", ".kagurazaka-staging/y/e.npy", "t.txt", "e.npy",
	} {
		touch(t, filepath.Join(in, f))
	}
	mkdir(t, filepath.Join(in, "z", "t.txt", "e.npy"), filepath.Join(in, "empty"))
	if err := os.Symlink(filepath.Join(in, "b.jpg"), filepath.Join(in, "linked")); err != nil {
		t.Fatal(err)
	}
	files := ordered("text", "t.txt", "vector", "e.npy")
	w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(in, "out"), template.RoleInput: byFolder(files)}))
	want := []string{".:b.jpg t.txt e.npy", "sub:a.jpg t.txt e.npy", "sub/a.jpg:inner t.txt e.npy"}
	if diff := cmp.Diff(want, shownItems(t, w, "text", "vector")); diff != "" || w.err != nil {
		t.Errorf("items (- want, + got), %v:\n%s", w.err, diff)
	}
	messages := []string{"2 incomplete groups of files are left out; the first: " + in + "/half (no vector), " + in + "/z (no vector)"}
	if diff := cmp.Diff(messages, w.messages()); diff != "" {
		t.Errorf("messages (- want, + got):\n%s", diff)
	}
	w = walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(in, "out"), template.RoleInput: byFolder(files, "text")}))
	want = []string{".:b.jpg t.txt e.npy", ".:half t.txt -", ".:z t.txt -", "sub:a.jpg t.txt e.npy", "sub/a.jpg:inner t.txt e.npy"}
	if diff := cmp.Diff(want, shownItems(t, w, "text", "vector")); diff != "" {
		t.Errorf("items (- want, + got):\n%s", diff)
	}
}

// TestFoldersMirrorTheOutputMode lists the outputs of one template as the inputs of the next.
func TestFoldersMirrorTheOutputMode(t *testing.T) {
	dir := t.TempDir()
	in, middle := filepath.Join(dir, "in"), filepath.Join(dir, "middle")
	touch(t, filepath.Join(in, "a.jpg"), filepath.Join(in, "x", "y", "b.jpg"))
	first := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(in, middle), template.RoleInput: byExts(),
		template.RoleOutput: mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": ordered("text", "t.txt", "deep", "d/e.bin")}),
	}))
	members := func(lines []string, prefix string) (all []map[string]json.RawMessage) {
		for _, l := range lines {
			var item, kept map[string]json.RawMessage
			if err := json.Unmarshal([]byte(l), &item); err != nil {
				t.Fatal(err)
			}
			kept = map[string]json.RawMessage{}
			for key, value := range item {
				if rest, ok := strings.CutPrefix(key, prefix); ok && (rest == "" || rest[0] == '_') {
					kept[rest] = value
				}
			}
			all = append(all, kept)
		}
		return all
	}
	outs := members(first.lines, "output")
	for _, item := range outs {
		for _, id := range []string{"_text", "_deep"} {
			var f struct{ Path string }
			if err := json.Unmarshal(item[id], &f); err != nil {
				t.Fatal(err)
			}
			touch(t, f.Path)
		}
	}
	second := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(middle, "out"), template.RoleInput: byFolder(ordered("text", "t.txt", "deep", "d/e.bin")),
	}))
	if diff := cmp.Diff(outs, members(second.lines, "input")); diff != "" || len(outs) != 2 {
		t.Errorf("outputs of the first (-), inputs of the second (+):\n%s", diff)
	}
}

func TestFoldersOfTheOutputAreNoItems(t *testing.T) {
	in := t.TempDir()
	touch(t, filepath.Join(in, "a.jpg", "t.txt"), filepath.Join(in, "next", "a.jpg", "t.txt"), filepath.Join(in, "next", "own", "t.txt"))
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(in, filepath.Join(in, "next")), template.RoleInput: byFolder(ordered("text", "t.txt")),
		template.RoleOutput: mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": ordered("text", "t.txt")}),
	}))
	if diff := cmp.Diff([]string{".:a.jpg t.txt", "next:own t.txt"}, shownItems(t, w, "text")); diff != "" || w.counters.Outputs.Load() != 1 {
		t.Errorf("%d outputs; items (- want, + got):\n%s", w.counters.Outputs.Load(), diff)
	}
}

func TestUnfinishedFoldersAreNoItems(t *testing.T) {
	in := t.TempDir()
	touch(t, filepath.Join(in, "a", "t.txt"), filepath.Join(in, "b", "t.txt"), filepath.Join(in, "c", "t.txt"), filepath.Join(in, "s", "d", "t.txt"), filepath.Join(in, "s", "e", "t.txt"))
	w := walkFrom(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(in, "out"), template.RoleInput: byFolder(ordered("text", "t.txt")),
	}), Options{Inputs: func(folder string) Journal {
		if folder != in {
			t.Errorf("the journal of %s", folder)
		}
		return &said{states: map[string]template.OutputState{
			"a": template.OutputUnfinished, "b/t.txt": template.OutputOpen, "s/d/t.txt": template.OutputUnfinished, "t.txt": template.OutputOpen,
		}}
	}})
	if diff := cmp.Diff([]string{".:c t.txt", "s:e t.txt"}, shownItems(t, w, "text")); diff != "" || w.counters.Incomplete.Load() != 3 {
		t.Errorf("%d incomplete; items (- want, + got):\n%s", w.counters.Incomplete.Load(), diff)
	}
	want := "3 incomplete groups of files are left out; the first: " + in + "/a (unfinished), " + in + "/b (unfinished), " + in + "/s/d (unfinished)"
	if diff := cmp.Diff([]string{want}, w.messages()); diff != "" {
		t.Errorf("messages (- want, + got):\n%s", diff)
	}
}
