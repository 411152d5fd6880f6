package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// said is a journal that says of some outputs what they are.
type said struct {
	states map[string]template.OutputState
	looks  int
	asked  []string
}

func (s *said) Look([]byte) (bool, error) {
	s.looks++
	return len(s.states) > 0, nil
}

func (s *said) Of(rel []byte) template.OutputState {
	s.asked = append(s.asked, string(rel))
	return s.states[string(rel)]
}

func TestJournal(t *testing.T) {
	t.Chdir(t.TempDir())
	names := []string{"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "x/f.jpg", "x/g.jpg"}
	var triplets []byte
	for _, n := range names {
		touch(t, "in/"+n)
		dir, file := split(n)
		if dir == "" {
			dir = "."
		}
		line, err := json.Marshal(map[string]any{"input": map[string]string{"path": "in/" + n, "rel_dir": dir, "file_name": file}})
		if err != nil {
			t.Fatal(err)
		}
		triplets = append(append(triplets, line...), '\n')
	}
	if err := os.WriteFile("list.jsonl", triplets, 0o600); err != nil {
		t.Fatal(err)
	}
	lines := mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "list.jsonl"})
	one := mode("OutputByApendingExt", map[string]any{"ext": ".txt"})
	other := mode("OutputByReplacingExt", map[string]any{"ext": ".txt"})
	deep := mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"t": "d/t.txt"}})
	for _, c := range []struct {
		name   string
		in     *template.Node
		out    *template.Node
		suffix any
		// form makes of an input's name what the journal calls its output.
		form string
	}{
		{"files", byExts(".jpg"), one, nil, "%[1]s.jpg.txt"},
		{"replaced", byExts(".jpg"), other, nil, "%[1]s.txt"},
		{"folders", byExts(".jpg"), deep, nil, "%[1]s.jpg"},
		{"in folders", byExts(".jpg"), deep, "t", "%[1]s.jpg/d/t.txt"},
		{"lines", lines, one, nil, "%[1]s.jpg.txt"},
		{"lines in folders", lines, deep, "t", "%[1]s.jpg/d/t.txt"},
	} {
		for _, order := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in order: %v", c.name, order), func(t *testing.T) {
				if err := os.RemoveAll("out"); err != nil {
					t.Fatal(err)
				}
				rel := func(name string) string { return fmt.Sprintf(c.form, name) }
				// a is whole, b unfinished, c open, d was not written, e is noted and was not written, x/f unfinished, x/g whole.
				for _, name := range []string{"a", "b", "c", "x/f", "x/g"} {
					touch(t, "out/"+rel(name))
				}
				journal := &said{states: map[string]template.OutputState{
					rel("b"): template.OutputUnfinished, rel("c"): template.OutputOpen, rel("e"): template.OutputUnfinished, rel("x/f"): template.OutputUnfinished,
				}}
				tmpl := mustCompile(t, map[string]*template.Node{
					"hard_shard_mode": folders("in", "out"), "soft_shard": softShard("SoftShard", 1, json.Number("0")), "input_mode": c.in, "output_mode": c.out,
					"finish_check_mode": checkOutput(c.suffix),
				})
				w := &walked{}
				var open []openItem
				w.err = walkInputs(t.Context(), tmpl, walkOptions{
					item: func(i *Item) error { w.lines = append(w.lines, string(i.Line)); return nil }, need: Need{Line: true, Order: order},
					open: func(o openItem) error {
						o.line = slices.Clone(o.line)
						open = append(open, o)
						return nil
					},
					Options: Options{Journal: journal}, counters: &w.counters,
				})
				if w.err != nil {
					t.Fatal(w.err)
				}
				var todo []string
				for _, p := range w.paths(t) {
					todo = append(todo, template.Relative("in", p))
				}
				if diff := cmp.Diff([]string{"b.jpg", "d.jpg", "e.jpg", "x/f.jpg"}, todo); diff != "" {
					t.Errorf("to do, - want:\n%s", diff)
				}
				if len(open) != 1 || open[0].rel != rel("c") || !json.Valid(open[0].line) || !Exists(open[0].path) {
					t.Errorf("open: %+v", open)
				}
				n := &w.counters
				if n.ToDo.Load() != 4 || n.Done.Load() != 2 || n.Open.Load() != 1 || n.InShard.Load() != 7 {
					t.Errorf("%d to do, %d done, %d open, %d in all", n.ToDo.Load(), n.Done.Load(), n.Open.Load(), n.InShard.Load())
				}
				for _, name := range journal.asked {
					if name == rel("d") || name == rel("e") {
						t.Errorf("the journal was asked about %s, which does not exist", name)
					}
				}
			})
		}
	}
}

func TestAJournalWithoutNotesIsAskedOnceAFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range 100 {
		touch(t, fmt.Sprintf("in/%d.jpg", i), fmt.Sprintf("out/%d.jpg.txt", i))
	}
	tmpl := mustCompile(t, map[string]*template.Node{
		"hard_shard_mode": folders("in", "out"), "input_mode": byExts(), "output_mode": mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
		"finish_check_mode": checkOutput(nil),
	})
	journal := &said{}
	if err := walkInputs(t.Context(), tmpl, walkOptions{Options: Options{Journal: journal}}); err != nil {
		t.Fatal(err)
	}
	if journal.looks != 1 || len(journal.asked) != 0 {
		t.Errorf("%d looks, %d questions", journal.looks, len(journal.asked))
	}
}

func TestRelative(t *testing.T) {
	for _, c := range [][3]string{
		{"out", "out/./a", "a"},
		{"out/", "out//x/../y", "y"},
		{"out", "out/../z", "../z"},
		{"out", "/abs/./x", "/abs/x"},
		{"out", "outer/x", "outer/x"},
		{"", "a/b", "a/b"},
		{"/", "/a//b", "a/b"},
	} {
		if got := template.Relative(c[0], c[1]); got != c[2] {
			t.Errorf("template.Relative(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
