package plan

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

var old = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func age(t *testing.T, newer time.Duration, paths ...string) {
	t.Helper()
	touch(t, paths...)
	for _, p := range paths {
		if err := os.Chtimes(p, old.Add(newer), old.Add(newer)); err != nil {
			t.Fatal(err)
		}
	}
}

// An item whose input is newer than its output is to do, in whatever way the items come, and what is unfinished or open stays that.
func TestRedoNewer(t *testing.T) {
	t.Chdir(t.TempDir())
	redo := func(suffix any) *template.Node {
		return mode("FinishCheckByOutputFileExistence", map[string]any{"output_field_suffix": suffix, "redo": "newer"})
	}
	write := "%s.jpg.txt"
	for name, c := range map[string]struct {
		in, out *template.Node
		suffix  any
		form    string
	}{
		"files":            {byExts(".jpg"), mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), nil, write},
		"lines":            {mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "list.jsonl"}), mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), nil, write},
		"files of folders": {byExts(".jpg"), mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"t": "t.txt"}}), "t", "%s.jpg/t.txt"},
	} {
		for _, need := range []Need{{Input: true}, {Input: true, Order: true}} {
			t.Run(fmt.Sprint(name, ", in order: ", need.Order), func(t *testing.T) {
				for _, dir := range []string{"in", "out"} {
					if err := os.RemoveAll(dir); err != nil {
						t.Fatal(err)
					}
				}
				rel := func(name string) string { return fmt.Sprintf(c.form, name) }
				// The input of b and x/e is newer; that of c has the same age; d was not written; f is unfinished, and g open.
				age(t, 0, "in/a.jpg", "in/c.jpg", "in/d.jpg", "in/f.jpg", "in/g.jpg")
				age(t, time.Nanosecond, "in/b.jpg")
				age(t, time.Hour, "in/x/e.jpg")
				age(t, time.Second, "out/"+rel("a"))
				age(t, 0, "out/"+rel("b"), "out/"+rel("c"), "out/"+rel("x/e"), "out/"+rel("f"), "out/"+rel("g"))
				lines := ""
				for _, name := range []string{"a", "b", "c", "d", "f", "g"} {
					lines += fmt.Sprintf(`{"input":{"path":"in/./%[1]s.jpg","rel_dir":".","file_name":"%[1]s.jpg"}}`+"\n", name)
				}
				lines += `{"input":{"path":"in/x/e.jpg","rel_dir":"x","file_name":"e.jpg"}}` + "\n"
				if err := os.WriteFile("list.jsonl", []byte(lines), 0o600); err != nil {
					t.Fatal(err)
				}
				tmpl := mustCompile(t, map[string]*template.Node{
					template.RoleHardShard: folders("in", "out"), template.RoleInput: c.in, template.RoleOutput: c.out, template.RoleFinishCheck: redo(c.suffix),
				})
				journal := &said{states: map[string]template.OutputState{rel("f"): template.OutputUnfinished, rel("g"): template.OutputOpen}}
				var todo []string
				s, err := List(t.Context(), tmpl, Options{Journal: journal}, need, func(i *Item) error {
					todo = append(todo, i.Input.FileName)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"b.jpg", "d.jpg", "f.jpg", "e.jpg"}, todo); diff != "" {
					t.Error(diff)
				}
				if s.Done != 2 || s.ToDo != 4 || s.Outdated != 2 || s.Unfinished != 1 || s.Open != 1 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// Any of the files of an item may be newer.
func TestRedoNewerOfGroups(t *testing.T) {
	t.Chdir(t.TempDir())
	age(t, 0, "in/a.jpg", "in/a.txt", "in/b.jpg", "in/b.txt", "out/a.jpg.out", "out/b.jpg.out")
	age(t, time.Hour, "in/b.txt")
	tmpl := mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".out"}),
		template.RoleInput:       byGroup(ordered("image", ".jpg", "text", ".txt")),
		template.RoleFinishCheck: mode("FinishCheckByOutputFileExistence", map[string]any{"redo": "newer"}),
	})
	for _, need := range []Need{{Input: true}, {Input: true, Order: true}} {
		var todo []string
		s, err := List(t.Context(), tmpl, Options{}, need, func(i *Item) error {
			todo = append(todo, i.Input.FileName)
			return nil
		})
		if diff := cmp.Diff([]string{"b.jpg"}, todo); err != nil || diff != "" || s.Outdated != 1 {
			t.Errorf("%v, %+v\n%s", err, s, diff)
		}
	}
}

// The input of a sample of an archive is the archive.
// Files that a task adds to the folders that it reads make no item newer than they are, and a manifest of groups has all files of each.
func TestRedoNewerOfFoldersAndManifests(t *testing.T) {
	t.Chdir(t.TempDir())
	age(t, 0, "in/a/t.txt", "in/b/t.txt", "in/c/t.txt", "in/d.jpg", "in/d.txt", "out/d.jpg.o")
	age(t, time.Hour, "in/b/t.txt", "in/d.txt")
	age(t, time.Minute, "in/a/o.txt", "in/b/o.txt")
	redo := mode("FinishCheckByOutputFileExistence", map[string]any{"output_field_suffix": "o", "redo": "newer"})
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "in"), template.RoleInput: byFolder(ordered("text", "t.txt")),
		template.RoleOutput: mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": ordered("o", "o.txt")}), template.RoleFinishCheck: redo,
	}))
	if diff := cmp.Diff([]string{".:b t.txt", ".:c t.txt"}, shownItems(t, w, "text")); diff != "" {
		t.Errorf("items (- want, + got):\n%s", diff)
	}
	line := `{"input":{"path":"in/d.jpg","rel_dir":".","file_name":"d.jpg"},"input_text":{"path":"in/d.txt","rel_dir":".","file_name":"d.txt"}}`
	w = walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: merged(lines(t, "InputFromWhateverJsonl", line)),
		template.RoleOutput:      mode("OutputByApendingExt", map[string]any{"ext": ".o"}),
		template.RoleFinishCheck: mode("FinishCheckByOutputFileExistence", map[string]any{"redo": "newer"}),
	}))
	if len(w.lines) != 1 {
		t.Errorf("the items of a manifest: %v, %v", w.lines, w.err)
	}
}

func TestModifiedInAnArchive(t *testing.T) {
	t.Chdir(t.TempDir())
	age(t, 0, "a.tar")
	for path, want := range map[string]bool{"a.tar/x/y.jpg": true, "a.tar": true, "b.tar/x": false} {
		if at, err := modified(localDisk{}, path); (err == nil) != want || want && !at.Equal(old) {
			t.Errorf("%s: %v, %v", path, at, err)
		}
	}
}

// An item that was open when it was listed is looked at again, with its age.
func TestRedoNewerOfOpenItems(t *testing.T) {
	t.Chdir(t.TempDir())
	age(t, 0, "in/a.jpg", "in/b.jpg", "out/a.jpg.txt", "out/b.jpg.txt")
	age(t, time.Hour, "in/b.jpg")
	tmpl := mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(".jpg"), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
		template.RoleFinishCheck: mode("FinishCheckByOutputFileExistence", map[string]any{"redo": "newer"}),
	})
	journal := &changing{rel: "b.jpg.txt", now: template.OutputOpen}
	s, err := New(t.Context(), tmpl, Options{Journal: journal, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if b, err := s.Next(t.Context()); err != nil || b.Count != 0 {
		t.Fatal(b, err)
	}
	// The other run has ended, and has not come to it.
	journal.set(template.OutputWhole)
	b, err := s.Next(t.Context())
	if err != nil || b.Count != 1 || inputsOf(b.Payload)[0] != "in/./b.jpg" {
		t.Fatalf("%s, %v", b.Payload, err)
	}
}

type makers map[itemkey.Key]bool

func (m makers) Of(key itemkey.Key) (same, known bool) {
	same, known = m[key]
	return same, known
}

// An output that something else made, or nobody knows what, is made again.
func TestRedoChanged(t *testing.T) {
	t.Chdir(t.TempDir())
	age(t, 0, "in/a.jpg", "in/b.jpg", "in/c.jpg", "in/d.jpg", "out/a.jpg.txt", "out/b.jpg.txt", "out/c.jpg.txt", "out/d.jpg.txt")
	age(t, time.Hour, "in/d.jpg")
	tmpl := mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(".jpg"), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
		template.RoleFinishCheck: mode("FinishCheckByOutputFileExistence", map[string]any{"redo": "changed"}),
	})
	made := makers{}
	if _, err := List(t.Context(), tmpl, Options{}, Need{Line: true, Done: true}, func(i *Item) error {
		name := i.Line[len(`{"input":{"path":"in/./`)]
		if name != 'c' {
			made[itemkey.Of(i.Line)] = name != 'b'
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, need := range []Need{{Input: true}, {Input: true, Order: true}} {
		var todo []string
		var warnings []string
		s, err := List(t.Context(), tmpl, Options{Made: made, Warn: func(w Warning) { warnings = append(warnings, w.String()) }}, need, func(i *Item) error {
			todo = append(todo, i.Input.FileName)
			return nil
		})
		if diff := cmp.Diff([]string{"b.jpg", "c.jpg", "d.jpg"}, todo); err != nil || diff != "" || s.Outdated != 3 {
			t.Errorf("%v, %+v\n%s", err, s, diff)
		}
		if diff := cmp.Diff([]string{"1 output is made again, because no ledger tells what made it: out/./c.jpg.txt"}, warnings); diff != "" {
			t.Error(diff)
		}
	}
}
