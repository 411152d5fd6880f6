package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// packedKeys are the keys of samples that are packed.
type packedKeys map[string]bool

func (p packedKeys) Has(key []byte) bool { return p[string(key)] }

// samplesOf is a template whose outputs are packed.
func samplesOf(t *testing.T, out string, input *template.Node) *template.Template {
	t.Helper()
	keys := &template.Node{Kind: template.KindMap, Fields: []template.Field{{Name: "b", Value: template.Scalar("png")}, {Name: "a", Value: template.Scalar("txt")}}}
	return mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", out), template.RoleInput: input,
		template.RoleOutput: mode("OutputByTar", map[string]any{"keys": keys}), template.RoleFinishCheck: checkOutput(nil),
	})
}

// TestSamplesAreFinished: those that are packed, and those that lie whole in the spool, whatever lists the items.
func TestSamplesAreFinished(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/b.v1.jpg", "in/deep/c%.jpg", "in/deep/d.jpg", "in/e.jpg", "in/deep/f.jpg", "in/deep/g.jpg", "in/deep/h.jpg", "in/deep/i.jpg")
	var lines []string
	for _, name := range []string{"./a", "./b.v1", "./e", "deep/c%", "deep/d", "deep/f", "deep/g", "deep/h", "deep/i"} {
		dir, base := filepath.Split(name)
		dir = strings.TrimSuffix(dir, "/")
		lines = append(lines, `{"input":{"path":"in/`+name+`.jpg","rel_dir":"`+dir+`","file_name":"`+base+`.jpg"}}`)
	}
	if err := os.WriteFile("list.jsonl", []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	touch(t, "out/.kagurazaka-tar/samples/e.jpg~0.png", "out/.kagurazaka-tar/samples/deep/d.jpg~1.txt")
	known := packedKeys{"b%2Ev1": true, "deep/c%25": true, "d": true, "deep/f": true}
	want := []string{"a.jpg", "d.jpg", "g.jpg", "h.jpg", "i.jpg"}
	all := map[string][]string{}
	for name, input := range map[string]*template.Node{
		"folders": byExts(".jpg"), "lines": mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "list.jsonl"}),
	} {
		for _, picked := range []bool{false, true} {
			o := Options{Packed: known}
			if picked {
				o.Picker = NewPicker(Selection{Picks: []Pick{{Pattern: "*"}}})
			}
			w := walkFrom(t, samplesOf(t, "out", input), o)
			if w.err != nil {
				t.Fatal(w.err)
			}
			var names []string
			for _, path := range w.paths(t) {
				names = append(names, filepath.Base(path))
			}
			if diff := cmp.Diff(want, names); diff != "" || w.counters.Done.Load() != 4 {
				t.Errorf("%s, picked %v: %d done, to do (- want, + got):\n%s", name, picked, w.counters.Done.Load(), diff)
			}
			all[name] = w.lines
		}
	}
	if diff := cmp.Diff(all["folders"], all["lines"]); diff != "" {
		t.Errorf("the lines by folders and by a list differ:\n%s", diff)
	}
	first := `{"input":{"path":"in/./a.jpg","rel_dir":".","file_name":"a.jpg"},` +
		`"output":{"path":"out/.kagurazaka-tar/samples/a.jpg~0.png","rel_dir":".","file_name":"a.png"},` +
		`"output_b":{"path":"out/.kagurazaka-tar/samples/a.jpg~0.png","rel_dir":".","file_name":"a.png"},` +
		`"output_a":{"path":"out/.kagurazaka-tar/samples/a.jpg~1.txt","rel_dir":".","file_name":"a.txt"}}`
	if all["folders"][0] != first {
		t.Errorf("%s, want %s", all["folders"][0], first)
	}
}

func TestTwoInputsOfOneSampleCollide(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/deep/a.jpg", "in/deep/a.png", "in/a.jpg", "in/b.jpg", "in/b.v1.jpg")
	line := func(name string) string {
		return `{"input":{"path":"in/deep/` + name + `","rel_dir":"deep","file_name":"` + name + `"}}`
	}
	if err := os.WriteFile("list.jsonl", []byte(line("a.jpg")+"\n"+line("b.jpg")+"\n"+line("a.png")), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, input := range map[string]*template.Node{
		"in/deep/a.jpg and in/deep/a.png":                   byExts(),
		"in/deep/a.jpg (line 1) and in/deep/a.png (line 3)": mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "list.jsonl"}),
	} {
		w := walkAll(t, samplesOf(t, "out", input))
		if w.err == nil || !strings.Contains(w.err.Error(), "two inputs would be one sample deep/a: "+want) {
			t.Errorf("%v, want %s", w.err, want)
		}
	}
}

// TestArchivesInTheInputFolderAreNoInputs: those that the task writes, and their indexes; at their place alone, and no other archive.
func TestArchivesInTheInputFolderAreNoInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	const archive = "0123456789abcdef.tar"
	touch(t, "in/a.jpg", "in/"+archive, "in/"+archive+".idx", "in/other.tar", "in/out/"+archive, "in/out/b.jpg", "in/out/.kagurazaka-tar/samples/c.jpg~0.png")
	for out, want := range map[string][]string{
		"in":     {"in/./a.jpg", "in/./other.tar", "in/out/" + archive, "in/out/b.jpg"},
		"in/out": {"in/./" + archive, "in/./" + archive + ".idx", "in/./a.jpg", "in/./other.tar", "in/out/b.jpg"},
	} {
		w := walkAll(t, samplesOf(t, out, byExts()))
		if w.err != nil {
			t.Fatalf("%s: %v", out, w.err)
		}
		if diff := cmp.Diff(want, w.paths(t)); diff != "" {
			t.Errorf("%s: the inputs (- want, + got):\n%s", out, diff)
		}
	}
}
